"""What capture and sweeps need from outside: something to read, a log to publish to, a place for positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.change import Change
from schemas.mapping import Table

# Where reading goes on: a delta link, a watermark, a next link. JSON, and opaque to everyone but its source.
Position = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, the position after them, and whether there is more to read at once.

    `gap`: before it records may have been deleted of which nothing tells (wire-protocols B4.1).
    """

    changes: tuple[Change, ...]
    position: Position
    more: bool
    gap: bool = False


class Source(Protocol):
    """The live changes of one table (Debezium's streaming)."""

    @property
    def table(self) -> Table: ...

    async def start(self) -> Position:
        """The position of "from now on": what is already there is left to a full synchronisation."""

    async def read(self, position: Position) -> Page:
        """What changed after `position`. ApiError if the side does not answer."""


class Sweep(Protocol):
    """The records of one table, once through (Debezium's snapshot)."""

    async def read(self, position: Position | None) -> Page:
        """The next page (None: the first one), its position at `next`. `more` is False on the last."""


@dataclass(frozen=True, slots=True)
class Published:
    """What Kafka acknowledged: the last offset per partition of one topic."""

    topic: str
    offsets: Mapping[int, int]


class Log(Protocol):
    async def publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        """Puts changes on the topic, keyed by record id, in order; returns when Kafka has acknowledged all (promise 1).

        `packed` puts those that share a partition into one message.
        """


@dataclass(frozen=True, slots=True)
class Marks:
    """The two marks of a position: what is on the log, and what is surely in the store (promise 5)."""

    published: Position
    applied: Position
    log_id: str


class Positions(Protocol):
    async def resume(self, name: str, log_id: str) -> Position | None:
        """Where to go on: on the same log after what is published; on another one after what is applied, and what is
        published beyond is forgotten (promise 5). None: it has never begun."""

    async def begin(self, name: str, position: Position, log_id: str) -> None:
        """Sets both marks of a position that has not begun, or begins anew."""

    async def published(
        self, name: str, position: Position, page: Published, count: int, *, job: int | None = None
    ) -> None:
        """Moves the published mark past a page that Kafka acknowledged, and remembers the page until it is applied.

        A sweep's page adds to what its job has published, in the same transaction.
        """

    async def settle(self, name: str) -> bool:
        """Moves the applied mark past every page whose outcomes are stored; True when none is in flight."""
