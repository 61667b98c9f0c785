"""Commands given to a daemon that may be killed at any moment: sent again under their ids until they have an end."""

from __future__ import annotations

import json
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from tests.chaos.books import Books

_SECONDS = 3


class Orders:
    """`push` sends what has no end yet, once to each daemon; a broker that dies with its daemon takes them along."""

    def __init__(self, prefix: str, books: Books) -> None:
        self._topic, self._books = f"{prefix}.control", books
        self._open: dict[str, dict[str, Any]] = {}
        self._sent: set[str] = set()
        self.given = 0

    def add(self, command: str, **fields: Any) -> None:
        self.given += 1
        self._put(f"order-{self.given}", command, **fields)

    def _put(self, key: str, command: str, **fields: Any) -> None:
        self._open[key] = {"id": key, "command": command, **fields}

    def new_daemon(self) -> None:
        self._sent.clear()

    @property
    def open(self) -> bool:
        """Whether any has no end yet."""
        for key in self._books.done(list(self._open)):
            del self._open[key]
        return bool(self._open)

    def waiting(self) -> list[str]:
        """The ids of those."""
        return list(self._open) if self.open else []

    def push(self, bootstrap: str) -> None:
        """Nothing is known of what a dying broker has taken."""
        for run in self._books.asking():
            self._put(f"answer-{run}", "answer", run=run, answer="keep")
        if not self.open:
            return
        unsent = [one for key, one in self._open.items() if key not in self._sent]
        try:
            self._send(bootstrap, unsent)
        except KafkaError:
            return
        self._sent |= {str(one["id"]) for one in unsent}

    def _send(self, bootstrap: str, orders: list[dict[str, Any]]) -> None:
        if not orders:
            return
        options = {"acks": "all", "max_block_ms": _SECONDS * 1000, "request_timeout_ms": _SECONDS * 1000}
        producer = KafkaProducer(bootstrap_servers=bootstrap, **options)
        try:
            for one in orders:
                producer.send(self._topic, key=one["id"].encode(), value=json.dumps(one).encode()).get(_SECONDS)
        finally:
            producer.close(_SECONDS)
