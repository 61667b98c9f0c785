"""Apache Kafka with listeners that ask for TLS, a client's certificate or a login, as companies run it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy.kafka.run_kafka import ApacheKafka, Guarded
from tests.support.certificates import Authority

USER, PASSWORD = "coupled", "kafka-pa55=word"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_MODULES = "org.apache.kafka.common.security"
_LISTENERS = {"TLS": "SSL", "MUTUAL": "SSL", "LOGIN": "SASL_SSL", "EXPIRED": "SSL", "ELSEWHERE": "SSL"}


class GuardedKafka:
    """The broker, and what its clients are told. One authority signs everybody, another nobody here."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.stranger = Authority(folder / "ca"), Authority(folder / "other-ca")
        good = self.authority.issue("127.0.0.1")
        self.client = self.authority.issue(USER)
        self.locked = self.authority.issue(USER, password=PASSWORD)
        self.foreign = self.stranger.issue(USER)
        expired, elsewhere = self.authority.issue("127.0.0.1", expired=True), self.authority.issue("kafka.example")
        stores = {"TLS": good, "MUTUAL": good, "LOGIN": good, "EXPIRED": expired, "ELSEWHERE": elsewhere}
        properties = {
            f"listener.name.{name.lower()}.{key}": value
            for name, pem in stores.items()
            for key, value in self._tls(name, pem).items()
        }
        users = [f"{name}=[name={USER},password={PASSWORD}]" for name in MECHANISMS[1:]]
        self.broker = ApacheKafka(guarded=Guarded(_LISTENERS, properties | _logins(), users), brief=True)

    def _tls(self, listener: str, pem: Path) -> Mapping[str, str]:
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(pem),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "ssl.client.auth": "required" if listener == "MUTUAL" else "none",
            "num.network.threads": "1",
        }

    @property
    def bootstrap(self) -> str:
        """The listener that asks for nothing."""
        return self.broker.bootstrap

    def __enter__(self) -> Self:
        self.broker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.broker.stop()

    def settings(self, listener: str, **more: object) -> dict[str, object]:
        """The part `kafka` of a coupled.yaml that gets in, but for `more`."""
        told: dict[str, object] = {
            "bootstrap_servers": self.broker.address(listener),
            "security_protocol": _LISTENERS[listener],
            "ssl_cafile": self.authority.file,
            "session_seconds": 2,
        }
        if listener == "MUTUAL":
            told |= {"ssl_certfile": self.client, "ssl_keyfile": self.client}
        if listener == "LOGIN":
            told |= {"sasl_mechanism": "PLAIN", "sasl_username": USER, "sasl_password": PASSWORD}
        return told | more


def _logins() -> Mapping[str, str]:
    prefix = "listener.name.login"
    scram = {
        f"{prefix}.{name.lower()}.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;"
        for name in MECHANISMS[1:]
    }
    plain = f'{_MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    return scram | {
        f"{prefix}.plain.sasl.jaas.config": plain,
        f"{prefix}.sasl.enabled.mechanisms": ",".join(MECHANISMS),
    }
