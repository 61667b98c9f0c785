"""Talks to a running daemon over Kafka: puts a command on the control topic, follows its outcomes."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.broker import read_runtime, runtime_file
from daemon.cli.rows import nobody_answers
from schemas import command_outcome
from schemas.command import Command, encode
from schemas.command_outcome import CommandOutcome
from schemas.errors import Unreachable
from schemas.topics import Topics

if TYPE_CHECKING:  # they are slow to import, and `--help` does not need them
    from daemon.settings import Settings

# How long a daemon may take to take a command up before we say that none is running.
ACCEPT_SECONDS = 20.0


def settings_of(config: Path | None) -> Settings:
    from daemon.cli.options import DEFAULT_CONFIG
    from daemon.config import load

    return load(config or DEFAULT_CONFIG, os.environ)


def bootstrap_of(settings: Settings) -> str:
    """Where Kafka is: as configured, or where the running daemon's embedded broker listens."""
    if not settings.kafka.embedded:
        return settings.kafka.bootstrap_servers
    note = read_runtime(runtime_file(settings.store.url.get_secret_value()))
    if note is None:
        raise Unreachable(
            "daemon-not-running",
            "No daemon is running with this configuration, and the embedded broker runs inside the daemon.",
            "Start it in another terminal: `coupled run`.",
        )
    return str(note["bootstrap"])


def new_id() -> str:
    return str(uuid.uuid4())


def submit(settings: Settings, command: Command, accept_seconds: float = ACCEPT_SECONDS) -> Iterator[CommandOutcome]:
    """Sends the command, then yields its outcomes up to the final one, as they are announced.

    Unreachable if Kafka is away, no daemon takes the command up in time, or the daemon ends together with its broker.
    """
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.errors import KafkaError

    from daemon.kafka import connect, unreachable

    bootstrap, topics = bootstrap_of(settings), Topics(settings.kafka.topic_prefix)
    reading = {"group_id": None, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    consumer = connect(KafkaConsumer, settings.kafka, bootstrap, **reading)
    producer = connect(KafkaProducer, settings.kafka, bootstrap, acks="all")
    try:
        outcomes = TopicPartition(topics.outcomes, 0)
        # Assigned, not joined: a group's first join is slow on the embedded broker (DESIGN 7).
        consumer.assign([outcomes])
        consumer.seek_to_end(outcomes)
        consumer.position(outcomes)
        producer.send(topics.control, key=command.id.encode(), value=encode(command)).get(timeout=accept_seconds)
        producer.close()
    except (KafkaError, OSError, TimeoutError) as error:
        raise unreachable(bootstrap, error) from error
    yield from follow_outcomes(consumer, command.id, accept_seconds, lambda: _ended(settings, bootstrap))
    consumer.close()


def _ended(settings: Settings, bootstrap: str) -> bool:
    """Whether the embedded broker we talk to has ended with its daemon. Its next one listens elsewhere."""
    if not settings.kafka.embedded:
        return False
    note = read_runtime(runtime_file(settings.store.url.get_secret_value()))
    return note is None or note["bootstrap"] != bootstrap


def follow_outcomes(
    consumer: object, command_id: str, accept_seconds: float, ended: Callable[[], bool]
) -> Iterator[CommandOutcome]:
    """The outcomes of a command, up to the final one. Unreachable, should none come any more."""
    deadline: float | None = time.monotonic() + accept_seconds
    while True:
        over = ended()  # asked first: what was said before is still heard
        heard = False
        for records in consumer.poll(timeout_ms=200).values():  # type: ignore[attr-defined]
            for record in records:
                if record.key != command_id.encode():
                    continue
                deadline, heard = None, True
                outcome = command_outcome.decode(record.value)
                yield outcome
                if outcome.state.final:
                    return
        if over and not heard:
            raise Unreachable(
                "daemon-ended",
                "The daemon has ended while the command was under way, and its broker with it.",
                "Start it again with `coupled run`: what it had taken up goes on. `coupled status` shows the runs.",
            )
        if deadline is not None and time.monotonic() > deadline:
            raise nobody_answers(accept_seconds)
