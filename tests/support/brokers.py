"""The brokers that flow and end-to-end tests run on, each started once and only when a test asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from daemon.broker import EmbeddedBroker
from deploy.kafka.run_kafka import KafkaUnavailable
from tests.support.guarded_kafka import GuardedKafka


class Brokers:
    """Brokers by kind; one that could not be had is not tried again."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, EmbeddedBroker | GuardedKafka] = {}
        self._refused: dict[str, KafkaUnavailable] = {}
        self._stack = ExitStack()

    def bootstrap(self, kind: str) -> str:
        """The address of the broker of that kind. Raises KafkaUnavailable, the same each time."""
        if kind in self._refused:
            raise self._refused[kind]
        if kind not in self._running:
            made = EmbeddedBroker(log=self._logs / "embedded.log") if kind == "embedded" else GuardedKafka(self._logs)
            try:
                self._running[kind] = self._stack.enter_context(made)
            except KafkaUnavailable as refusal:
                self._refused[kind] = refusal
                raise
        return self._running[kind].bootstrap

    def guarded(self) -> GuardedKafka:
        """Apache Kafka with its guarded listeners: the same that `bootstrap` names. Raises KafkaUnavailable."""
        self.bootstrap("apache")
        running = self._running["apache"]
        assert isinstance(running, GuardedKafka)
        return running

    def stop(self) -> None:
        """End all brokers."""
        self._stack.close()


def behind(tests: Sequence[tuple[Path, bool]]) -> frozenset[Path]:
    """The files of which every test comes behind the last that needs brokers. A test is told by its file, and whether
    it needs them; they are in order."""
    last = max((place for place, (_, needs) in enumerate(tests) if needs), default=-1)
    return frozenset(path for path, _ in tests) - {path for path, _ in tests[: last + 1]}
