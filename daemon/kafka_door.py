"""Whether Kafka lets us in, asked before a client is made: the clients try again and again what can only fail, and then
say that nothing answers."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from daemon.settings import Kafka
from schemas.errors import Unreachable

_SECONDS = 10
# OpenSSL's X509_V_ERR_…: not yet valid, expired; another host, another address.
_DATES, _NAMES = {9, 10}, {62, 64}
_LOGIN = "Check kafka.sasl_username, kafka.sasl_password and kafka.sasl_mechanism in coupled.yaml."
_AUTHORITY = "kafka.ssl_cafile in coupled.yaml has to hold the certificate of the authority that signed the broker's."
_OTHER_NAME = "kafka.bootstrap_servers and the broker's advertised.listeners have to name it as its certificate does."
_OLD = "Renew the broker's certificate; if it is good, this machine's clock is wrong."
_OURS = "kafka.ssl_certfile and kafka.ssl_keyfile have to be a certificate whose authority the brokers trust."
_PROTOCOL = "Does kafka.security_protocol in coupled.yaml fit this listener of the broker?"


@dataclass(frozen=True)
class _Closed(Exception):
    """Refused, for a reason that waiting does not change."""

    why: str
    fix: str


def knock(kafka: Kafka, bootstrap: str) -> None:
    """Returns as soon as one of the servers lets us in, or if none of them answers: it may be starting, and the clients
    wait for it. Unreachable, with the cause, if one is there and none lets us in. Not for use in an event loop."""
    refused = asyncio.run(_tried(kafka, bootstrap))
    if refused:
        where, closed = refused
        raise Unreachable("kafka-refused", f"Kafka at {where} {closed.why}.", closed.fix)


async def _tried(kafka: Kafka, bootstrap: str) -> tuple[str, _Closed] | None:
    refused = None
    for server in bootstrap.split(","):
        try:
            with _explained():
                await _let_in(kafka, server.strip())
        except _Closed as closed:
            refused = refused or (server.strip(), closed)
        except (OSError, TimeoutError, KafkaError):
            continue
        else:
            return None
    return refused


async def _let_in(kafka: Kafka, server: str) -> None:
    host, _, port = server.rpartition(":")
    connection = await create_conn(
        host.strip("[]"),
        int(port),
        request_timeout_ms=_SECONDS * 1000,
        security_protocol=kafka.security_protocol,
        ssl_context=kafka.context() if kafka.tls else None,
        sasl_mechanism=kafka.sasl_mechanism,
        sasl_plain_username=kafka.sasl_username,
        sasl_plain_password=kafka.password().get_secret_value(),
    )
    try:
        await connection.send(MetadataRequest([]))
    finally:
        connection.close()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What the handshake, the login and the first question fail with, in our words."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        fix = _OLD if error.verify_code in _DATES else _OTHER_NAME if error.verify_code in _NAMES else _AUTHORITY
        raise _Closed(f"shows a certificate that is not trusted: {error.verify_message.rstrip('.')}", fix) from error
    except ssl.SSLEOFError:  # nothing behind a proxy, or a broker that ends
        raise
    except ssl.SSLError as error:
        raise _Closed(f"and we find no common TLS: {error.reason}", f"{_PROTOCOL} {_OURS}") from error
    except SaslAuthenticationFailed as error:
        raise _Closed(f"does not accept the login: {error.args[0]}", _LOGIN) from error
    except UnsupportedSaslMechanismError as error:
        raise _Closed("does not know this sasl_mechanism", f"{_PROTOCOL} {_LOGIN}") from error
    except IllegalSaslStateError as error:
        raise _Closed("takes no login on this listener", _PROTOCOL) from error
    except KafkaConnectionError as error:
        if isinstance(error.__cause__, ssl.SSLError):  # with TLS 1.3 it says so after the handshake
            raise _Closed(f"does not accept our certificate: {error.__cause__.reason}", _OURS) from error
        raise _Closed("ends the connection before it answers", _PROTOCOL) from error
