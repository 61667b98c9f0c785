"""Producing and topics, with kafka-python: the `Log` of producers/ports, outcomes, dead letters, commands."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, TopicAlreadyExistsError
from kafka.partitioner.default import murmur2

from daemon.settings import Kafka
from daemon.tracing import Headers, NoTraces, Traces
from producers.ports import Published
from schemas import command as commands
from schemas import command_outcome, dead_letter
from schemas.change import Change, encode
from schemas.command_outcome import CommandOutcome
from schemas.errors import Unreachable
from schemas.fitting import fitting
from schemas.topics import Topics

if TYPE_CHECKING:  # slow to import, and commands, which pass here too, do not need it
    from consumers.synchronise import Message

# A message holds at most this many records and bytes, to stay below the broker's 1 MB.
PACK_RECORDS, PACK_BYTES = 200, 700_000
# What is kept of a message that is too large for a letter.
_KEPT = 100_000
_SECONDS_TO_ANSWER, _SECONDS_TO_CLOSE = 20, 5
# So many wait for Kafka at once; one for each table, and some.
_AT_ONCE = 32
T = TypeVar("T")


def connect(make: Callable[..., T], kafka: Kafka, bootstrap: str, **more: Any) -> T:
    """A client of kafka-python. Unreachable if Kafka does not answer, or is there and does not let us in."""
    try:
        if kafka.tls or kafka.sasl:
            from daemon.kafka_door import knock  # what it asks with is slow to import

            knock(kafka, bootstrap)
        return make(**_options(kafka, bootstrap), **more)
    except (KafkaError, OSError, TimeoutError) as error:
        raise unreachable(bootstrap, error) from error


def _options(kafka: Kafka, bootstrap: str) -> dict[str, Any]:
    options: dict[str, Any] = {"bootstrap_servers": bootstrap.split(","), "security_protocol": kafka.security_protocol}
    if kafka.sasl:
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.password().get_secret_value(),
        }
    if kafka.tls:
        options["ssl_context"] = kafka.context()
    return options


def unreachable(bootstrap: str, error: Exception) -> Unreachable:
    if isinstance(error, MessageSizeTooLargeError):
        return Unreachable(
            "kafka-refuses",
            f"Kafka at {bootstrap} refuses a message for its size: {error}.",
            "Let the broker and the topics take what is usual, and `coupled` never exceeds: message.max.bytes and "
            "max.message.bytes at 1048588.",
        )
    return Unreachable(
        "kafka-unreachable",
        f"Kafka at {bootstrap} does not answer: {error}.",
        "Is the broker running, does kafka.bootstrap_servers in coupled.yaml name it, and does kafka.security_protocol "
        "fit?",
    )


def ensure_topics(kafka: Kafka, bootstrap: str, topics: Topics, tables: Sequence[str]) -> dict[str, str]:
    """Creates what is missing; the log id of every table topic, which changes when a topic is made anew.

    Unreachable if Kafka does not answer.
    """
    wanted = dict.fromkeys(tables, kafka.partitions) | {
        topics.control: 1,
        topics.outcomes: 1,
        topics.dead_letters: 1,
    }
    admin = connect(KafkaAdminClient, kafka, bootstrap, bootstrap_timeout_ms=_SECONDS_TO_ANSWER * 1000)
    try:
        present = {topic["name"]: topic for topic in admin.describe_topics()}
        copies = kafka.replication_factor
        # What a single broker acknowledges, nobody else has: it is to be on its disk by then (promise 1).
        flushed = {"flush.messages": "1"} if copies == 1 and not kafka.embedded else {}
        new = {name: count for name, count in wanted.items() if name not in present}
        missing = [NewTopic(name, count, copies, topic_configs=flushed) for name, count in new.items()]
        if missing:
            with contextlib.suppress(TopicAlreadyExistsError):  # another worker was faster
                admin.create_topics(missing)
            present = _known(admin, wanted)
        return {name: _log_id(present[name]) for name in tables}
    except KafkaError as error:
        raise unreachable(bootstrap, error) from error
    finally:
        admin.close()


def _known(admin: KafkaAdminClient, wanted: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The topics' descriptions, once the broker tells all of them: a new one takes a moment to be known."""
    deadline = time.monotonic() + _SECONDS_TO_ANSWER
    while True:
        present: dict[str, dict[str, Any]] = {topic["name"]: topic for topic in admin.describe_topics()}
        if all(name in present for name in wanted):
            return present
        if time.monotonic() > deadline:
            raise KafkaTimeoutError(f"topics were created but are not known after {_SECONDS_TO_ANSWER} s")
        time.sleep(0.1)


def topic_id(topic: dict[str, Any]) -> str:
    """The topic's own id (KIP-516); empty if the broker has none."""
    found = str(topic.get("topic_id") or "")
    return found if found.strip("0-A=") else ""


def _log_id(topic: dict[str, Any]) -> str:
    """A broker without topic ids keeps no log worth remembering: every start is a new log."""
    return topic_id(topic) or uuid.uuid4().hex


class KafkaLog:
    """Publishes and waits for all acknowledgements (promise 1). One instance per process."""

    def __init__(self, kafka: Kafka, bootstrap: str, topics: Topics, traces: Traces | None = None) -> None:
        self._topics = topics
        self._traces = traces or NoTraces()
        self._bootstrap = bootstrap
        patience = _SECONDS_TO_ANSWER * 1000
        self._producer = connect(KafkaProducer, kafka, bootstrap, acks="all", linger_ms=5, max_block_ms=patience)
        # Of our own: while Kafka is away all of them wait, and the common ones are for what goes on without it.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kafka")

    async def publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        """See `producers.ports.Log.publish`. Unreachable if Kafka does not acknowledge in time."""
        if not changes:
            return Published(topic, {})
        return await self._waited(lambda: self._publish(topic, [fitting(change) for change in changes], packed))

    def _publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        try:
            with self._traces.publishing(topic, changes) as headers:
                send = self._send_packed if packed else self._send_each
                acknowledged = self._acknowledged(send(topic, changes, headers))
        except (KafkaError, TimeoutError) as error:
            raise unreachable(self._bootstrap, error) from error
        offsets: dict[int, int] = {}
        for one in acknowledged:
            offsets[one.partition] = max(offsets.get(one.partition, -1), one.offset)
        return Published(topic, offsets)

    def _send_each(self, topic: str, changes: Sequence[Change], headers: Headers) -> list[Any]:
        send = partial(self._producer.send, topic, headers=headers)
        return [send(key=change.key.encode(), value=encode(change)) for change in changes]

    def _send_packed(self, topic: str, changes: Sequence[Change], headers: Headers) -> list[Any]:
        return [
            self._producer.send(topic, value=value, partition=partition, headers=headers)
            for partition, group in self._packed(topic, changes).items()
            for value in packs(group)
        ]

    def _packed(self, topic: str, changes: Sequence[Change]) -> dict[int, list[Change]]:
        """The partition of a record's live changes, by Kafka's own rule, so that its order holds (promise 3)."""
        count = len(self._producer.partitions_for(topic) or ())
        if not count:
            raise unreachable(self._bootstrap, LookupError(f"topic {topic} has no partitions"))
        groups: dict[int, list[Change]] = {}
        for change in changes:
            groups.setdefault((murmur2(change.key.encode()) & 0x7FFFFFFF) % count, []).append(change)
        return groups

    def _acknowledged(self, futures: Sequence[Any]) -> list[Any]:
        self._producer.flush(timeout=_SECONDS_TO_ANSWER)
        return [future.get(timeout=_SECONDS_TO_ANSWER) for future in futures]

    async def announce(self, outcome: CommandOutcome) -> None:
        await self._send(self._topics.outcomes, outcome.id.encode(), command_outcome.encode(outcome), [])

    async def submit(self, command: commands.Command) -> None:
        """Puts a command on the control topic."""
        await self._send(self._topics.control, command.id.encode(), commands.encode(command), [])

    async def dead_letter(self, topic: str, message: Message, reason: str) -> None:
        """Keeps a message nobody can read, byte for byte, with where it came from and why. The beginning of one that
        with its reason is too large for the broker: its topic must not stand still for it (promise 7)."""
        headers = dead_letter.headers(dead_letter.Place(topic, message.partition, message.offset), reason)
        key, value = message.key, message.value
        if key is None and value is None:
            value = b""  # the client refuses to send neither, and the topic it came from would stand still
        try:
            await self._send(self._topics.dead_letters, key, value, headers)
        except Unreachable as error:
            if not isinstance(error.__cause__, MessageSizeTooLargeError):
                raise
            value, cut = dead_letter.beginning(value, _KEPT)
            await self._send(self._topics.dead_letters, key and key[:_KEPT], value, [*headers, *cut])

    async def _send(self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        def send() -> None:
            self._acknowledged([self._producer.send(topic, key=key, value=value, headers=headers)])

        try:
            await self._waited(send)
        except (KafkaError, TimeoutError) as error:
            raise unreachable(self._bootstrap, error) from error

    async def _waited(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def close(self) -> None:
        """What is not acknowledged within some seconds is given up, and whoever waits for it is told so."""
        await asyncio.to_thread(self._close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _close(self) -> None:
        try:
            self._producer.close(_SECONDS_TO_CLOSE)
        except KafkaError:
            self._producer._sender.force_close()  # which `close` leaves undone when what is under way does not arrive


def packs(changes: Sequence[Change]) -> Iterator[bytes]:
    """Messages of several changes each, below the limits; a change larger than them travels alone."""
    parts: list[bytes] = []
    size = 0
    for change in changes:
        part = encode(change)
        if parts and (len(parts) == PACK_RECORDS or size + len(part) > PACK_BYTES):
            yield b"[" + b",".join(parts) + b"]"
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield b"[" + b",".join(parts) + b"]"
