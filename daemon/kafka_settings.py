"""How Kafka is reached: the part `kafka` of `coupled.yaml`."""

import ssl
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from daemon.setting_kinds import Named, Part, ReadableFile, maybe_secret, secret

EMBEDDED = "embedded"


class Kafka(Part):
    bootstrap_servers: Named = EMBEDDED
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: ReadableFile | None = None
    ssl_cafile: ReadableFile | None = None
    ssl_certfile: ReadableFile | None = None
    ssl_keyfile: ReadableFile | None = None
    ssl_key_password: SecretStr | None = None
    ssl_key_password_file: ReadableFile | None = None
    topic_prefix: str = Field(default="coupled", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    partitions: int = Field(default=4, ge=1, le=1000)
    replication_factor: int = Field(default=1, ge=1, le=32)
    # How long Kafka waits for a silent worker before another takes over; None: 10 s, on the embedded broker 2 s.
    session_seconds: float | None = Field(default=None, ge=1, le=600)

    @property
    def embedded(self) -> bool:
        return self.bootstrap_servers == EMBEDDED

    @model_validator(mode="after")
    def _login(self) -> Self:
        known = maybe_secret("sasl_password", self.sasl_password, self.sasl_password_file)
        told = (self.sasl_mechanism is not None, self.sasl_username is not None, known)
        if self.sasl and not all(told):
            raise ValueError("SASL needs sasl_mechanism, sasl_username and sasl_password (or sasl_password_file)")
        if not self.sasl and any(told):
            raise ValueError("sasl_* needs security_protocol SASL_PLAINTEXT or SASL_SSL")
        return self

    @model_validator(mode="after")
    def _certificates(self) -> Self:
        """What is left out of a file silently would leave the connection open to all on the way."""
        key = maybe_secret("ssl_key_password", self.ssl_key_password, self.ssl_key_password_file)
        if not self.tls and (key or self.ssl_cafile or self.ssl_certfile or self.ssl_keyfile):
            raise ValueError("ssl_* needs security_protocol SSL or SASL_SSL")
        if (key or self.ssl_keyfile) and not self.ssl_certfile:
            raise ValueError("a key needs its certificate: give ssl_certfile")
        if self.tls:
            self.context()
        return self

    @property
    def tls(self) -> bool:
        return self.security_protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        return self.security_protocol.startswith("SASL")

    def password(self) -> SecretStr:
        """Of the login; read as often as a client is made."""
        return secret(self.sasl_password, self.sasl_password_file)

    def context(self) -> ssl.SSLContext:
        """What every client checks the brokers with, and shows them. ValueError names the file that is no good."""
        try:
            made = ssl.create_default_context(cafile=self.ssl_cafile)
        except ssl.SSLError:
            raise ValueError(f"ssl_cafile: {self.ssl_cafile} holds no certificate in PEM form") from None
        if self.ssl_certfile is None:
            return made
        # Never without a password: OpenSSL would ask the terminal for it, and wait.
        password = secret(self.ssl_key_password, self.ssl_key_password_file).get_secret_value()
        try:
            made.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, password)
        except ssl.SSLError as error:
            raise ValueError(_unusable(error)) from None
        return made


def _unusable(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "ssl_keyfile: the key is not that of the certificate in ssl_certfile"
    return "ssl_certfile: no certificate and key in PEM form can be read; a key under a password needs ssl_key_password"
