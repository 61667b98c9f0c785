"""What synchronising needs from outside: the store's memory, and a target to write to."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from schemas.change import Change, Version
from schemas.coupling import Coupling, Lookups, Reference
from schemas.flags import Flags
from schemas.mapping import Table, TableMapping
from schemas.outcome import Begun, Intent, Settled
from schemas.side import Side
from schemas.write import Answer, Write

Row = Mapping[str, Any]
# Puts changes of one table on its topic.
Publish = Callable[[Sequence[Change]], Awaitable[None]]


async def nowhere(changes: Sequence[Change]) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Applied:
    """How far a topic is applied: the last offset per partition, in the log that `log_id` names.

    `since`, of a batch to be recorded: how far the topic was applied when the batch began. `missed`: from which offset
    on messages before the batch are gone from the log that nobody has read.
    """

    topic: str
    log_id: str
    offsets: Mapping[int, int] = field(default_factory=dict)
    since: Mapping[int, int] = field(default_factory=dict)
    missed: Mapping[int, int] = field(default_factory=dict)


class Overtaken(Exception):
    """The topic is not where the batch began from: another worker has recorded some of it, and nothing is recorded now.

    Look again how far the topic is applied, and go on with what is still to do.
    """


# What is recorded of no message.
NO_TOPIC = Applied("", "")


class Memory(Protocol):
    """The store, as the synchroniser sees it. Every method is one query or one transaction."""

    def turn(self, mapping: str) -> AbstractAsyncContextManager[None]:
        """Inside, no other batch of the mapping is at work, in this worker or another (promises 2 and 4).

        The other side's topic may carry our new record while this batch still waits for its last one: without the
        coupling it would get a second partner. Several are taken in the order of their names, so that none waits in
        a circle.
        """

    async def applied(self, topic: str, log_id: str) -> Applied: ...

    async def flags(self, mappings: Sequence[TableMapping]) -> Mapping[str, Flags]: ...

    async def skipped(self, mapping: str, side: Side, ids: Iterable[str] | None = None) -> frozenset[str]:
        """The ids on `side` of records that failed alike twice: left alone until somebody retries them."""

    async def failed(self, mapping: str, side: Side, ids: Iterable[str]) -> Mapping[str, Version]:
        """Those of these ids on `side` whose own changes have failed, and have not ended well since: the versions that
        failed."""

    async def ended(self, mapping: str, side: Side, ids: Iterable[str]) -> Mapping[str, datetime]:
        """Those of these ids on `side` whose pair was deleted or uncoupled, lately, and when that was recorded."""

    async def couplings(
        self, mappings: Iterable[str], side: Side, ids: Iterable[str]
    ) -> Mapping[tuple[str, str], Coupling]:
        """By (mapping, id on `side`)."""

    async def lookups(self, wanted: Iterable[Reference]) -> Lookups:
        """For each reference that a coupling bears: that coupling's references on the other side, with its `id`.

        With a `field`: {field: its value on the reference's own side} in their place, if that is known.
        """

    async def intents(self, mapping: str, sales_ids: Iterable[str]) -> Mapping[str, Intent]:
        """Creations begun and not recorded, by Sales id."""

    async def open_intents(self, mapping: str) -> Sequence[Intent]:
        """All creations of a mapping begun and not recorded: after a kill, some may have been carried out."""

    async def intend(self, intents: Sequence[Intent]) -> None:
        """Writes intents down; an existing one for the same record is replaced."""

    async def name_partners(self, partners: Mapping[tuple[str, str], str]) -> None:
        """By (mapping, Sales id): the BC records that are about to be changed and are not coupled yet."""

    async def begin(self, changes: Sequence[Begun]) -> None:
        """Writes down what is about to be changed; an earlier one of the same pair is replaced."""

    async def recover(self, couplings: Sequence[Coupling], late: Sequence[Begun]) -> None:
        """Stores these as they are, and that of what was begun of their pairs only `late` may still come, in one
        transaction. Of one of which nothing was begun by now, another worker knows more: it stays as it is."""

    async def changes_begun(self, mapping: str, bc_ids: Iterable[str]) -> Mapping[str, Sequence[Begun]]:
        """Changes begun and not recorded, by BC id, the oldest first: those that may come late, then the last one."""

    async def withdraw(self, mapping: str, side: Side, key: str) -> None:
        """Forgets that a partner of the record with this id was to be created on `side`: nothing of it is there."""

    async def numbers(self, sequence: str, count: int) -> int:
        """Draws `count` numbers of a named sequence for good; the first of them (sequences start at 1)."""

    async def record(self, settled: Sequence[Settled], applied: Applied) -> Sequence[Settled]:
        """In one transaction: couplings, outcomes, job counters, failures, what had been begun, how far we are.

        The outcomes as recorded: a coupling that would break 1:1 has become a failure. Overtaken if progress is not
        what the batch began from. An error that is no CoupledError: something in the batch cannot be stored.
        """


class Records(Protocol):
    """A side's records by id. ApiError if it does not answer."""

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        """Those that exist, by id."""


class Target(Protocol):
    """One side, to write to and to look things up in. ApiError when the side does not answer a read."""

    async def write(self, writes: Sequence[Write]) -> Sequence[Answer]:
        """One answer per write, in order; a failing one does not harm the others."""

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        """The records that exist, by id."""

    async def find(
        self, mapping: TableMapping, field: str, values: Sequence[Any], *, ignore_case: bool = False
    ) -> Sequence[Row]:
        """The records whose `field` equals one of `values`."""

    async def references(self, table: Table, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The references of records that only child rows tell, by id."""
