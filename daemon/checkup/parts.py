"""Kafka and the store: are they there, and as the settings want them?"""

import asyncio
from functools import partial
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from daemon.broker import BrokerError, broker_binary, read_runtime, runtime_file
from daemon.checkup.probe import tell
from daemon.kafka import connect, unreachable
from daemon.settings import Kafka, Settings, is_loopback
from daemon.store.engine import open_readonly
from schemas.checkup import Checked, fine, warning, wrong
from schemas.errors import Refused
from schemas.topics import Topics

_KAFKA, _STORE = "Kafka", "store"
_BOOTSTRAP_MS = 10_000


async def kafka(settings: Settings) -> list[Checked]:
    """A broker of one's own is asked; the embedded one runs inside the daemon."""
    if not settings.kafka.embedded:
        probe = partial(asyncio.to_thread, _cluster, settings.kafka, settings.kafka.bootstrap_servers)
        return await tell(_KAFKA, "connection", probe)
    note = read_runtime(runtime_file(settings.store.url.get_secret_value()))
    if note is None:
        return _embedded()
    return await tell(
        _KAFKA, "connection", partial(asyncio.to_thread, _cluster, settings.kafka, str(note["bootstrap"]))
    )


def _embedded() -> list[Checked]:
    try:
        broker_binary()
    except BrokerError as error:
        says, _, fix = str(error).partition(". ")
        return [wrong(_KAFKA, "connection", f"{says}.", fix)]
    return [fine(_KAFKA, "connection", "The embedded broker is started by `coupled run`.")]


def _cluster(kafka: Kafka, bootstrap: str) -> list[Checked]:
    """Unreachable if it does not answer."""
    admin = connect(KafkaAdminClient, kafka, bootstrap, bootstrap_timeout_ms=_BOOTSTRAP_MS)
    try:
        brokers = len(admin.describe_cluster()["brokers"])
        partitions = {str(topic["name"]): len(topic["partitions"]) for topic in admin.describe_topics()}
    except KafkaError as error:
        raise unreachable(bootstrap, error) from error
    finally:
        admin.close()
    return [*_brokers(kafka, bootstrap, brokers), *_partitions(kafka, partitions), *unguarded(kafka)]


def unguarded(kafka: Kafka) -> list[Checked]:
    """Records, and a login, that others on the way can read."""
    hosts = [server.strip().rpartition(":")[0].strip("[]") for server in kafka.bootstrap_servers.split(",")]
    if kafka.embedded or kafka.tls or all(map(is_loopback, hosts)):
        return []
    says = "Records and commands go to Kafka on another machine in the clear, and nobody's certificate is checked."
    fix = "Set kafka.security_protocol to SSL or SASL_SSL, or keep the network to the daemon and its brokers."
    return [warning(_KAFKA, "encryption", says, fix)]


def _brokers(kafka: Kafka, bootstrap: str, count: int) -> list[Checked]:
    if count >= kafka.replication_factor:
        return [fine(_KAFKA, "connection", f"{bootstrap} answers; {count} broker(s).")]
    says = f"Topics are to be kept {kafka.replication_factor} times, but there are {count} broker(s)."
    return [wrong(_KAFKA, "connection", says, "Lower kafka.replication_factor, or add brokers.")]


def _partitions(kafka: Kafka, found: dict[str, Any]) -> list[Checked]:
    """Topics that are there keep the partitions they were made with."""
    topics = Topics(kafka.topic_prefix)
    tables = (f"{kafka.topic_prefix}.bc.", f"{kafka.topic_prefix}.sales.")
    other = sorted({n for name, n in found.items() if name.startswith(tables) and n != kafka.partitions})
    if not other:
        return []
    counts = ", ".join(map(str, other))
    says = f"Topics of {topics.control.rpartition('.')[0]} have {counts} partitions, not {kafka.partitions}."
    fix = "Set kafka.partitions to what is there; the order of each record's changes hangs on it."
    return [warning(_KAFKA, "topics", says, fix)]


async def store(settings: Settings) -> list[Checked]:
    """Opened only to be read; a store that is not there yet is made by the daemon."""

    async def opened() -> list[Checked]:
        try:
            found = await open_readonly(settings.store.address().get_secret_value())
        except Refused:
            return [_to_be_made(settings)]
        await found.close()
        return [fine(_STORE, "connection", f"{settings.store.shown} is there."), *_unguarded_store(settings)]

    return await tell(_STORE, "connection", opened)


def _unguarded_store(settings: Settings) -> list[Checked]:
    if settings.store.guarded:
        return []
    says = "Nothing checks whose PostgreSQL on another machine it is, nor that the way there is encrypted."
    fix = "Add ?sslmode=verify-full&sslrootcert=FILE to store.url, or keep the network to the two."
    return [warning(_STORE, "encryption", says, fix)]


def _to_be_made(settings: Settings) -> Checked:
    note = runtime_file(settings.store.url.get_secret_value())
    if note.parent.is_dir():
        return fine(_STORE, "connection", f"{settings.store.shown} is made by the first `coupled run`.")
    says = f"{settings.store.shown} cannot be made: its folder is not there."
    return wrong(_STORE, "connection", says, f"Make {note.parent}, or correct store.url.")
