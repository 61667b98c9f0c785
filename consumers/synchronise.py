"""One batch of a table topic, start to end: decide, push, record in one transaction, then acknowledge (DESIGN 2).

Free of Faust: `daemon/streams.py` hands over plain messages and acknowledges when `batch` returns (promise 1).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from consumers import problems
from consumers.decide import Decision, decide
from consumers.ports import Applied, Flags, Memory
from consumers.push import Push
from consumers.translate import references, rules_for
from schemas import rows
from schemas.change import Change, Op, decode
from schemas.coupling import Coupling, Lookups
from schemas.mapping import Mappings, TableMapping, When
from schemas.outcome import Outcome, Settled
from schemas.side import Side

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Synchronise:
    """Applies the changes of one table. `dead_letter` keeps a message nobody can read, with the reason."""

    def __init__(
        self,
        mappings: Mappings,
        memory: Memory,
        pushes: Mapping[Side, Push],
        observe: Callable[[Sequence[Settled]], None] = lambda settled: None,
    ) -> None:
        self._mappings = mappings
        self._memory = memory
        self._pushes = pushes
        self._observe = observe
        self._turns = {mapping.name: asyncio.Lock() for mapping in mappings.all}

    async def batch(self, topic: str, log_id: str, messages: Sequence[Message]) -> list[tuple[Message, str]]:
        """Every change of the messages has its outcome stored when this returns; what was stored before is passed over.

        Returns the messages that cannot be read, with the reason: they go to the dead letters.
        """
        applied = await self._memory.applied(topic, log_id)
        fresh, passed = _split(messages, applied)
        changes, unreadable = _decoded(fresh)
        offsets = {message.partition: message.offset for message in fresh}
        async with AsyncExitStack() as stack:
            parts = self._by_mapping(changes)
            await self._take_turns(stack, (mapping for mapping, _ in parts))
            settled: list[Settled] = []
            for mapping, mine in parts:
                settled += await self._mapping(mapping, mine)
            self._observe(await self._memory.record(settled, Applied(topic, log_id, offsets)))
        # Those of an earlier delivery too: a kill may have come before their dead letter.
        return _decoded(passed)[1] + unreadable

    async def _take_turns(self, stack: AsyncExitStack, mappings: Iterable[TableMapping]) -> None:
        """One batch of a mapping at a time in this worker, until it is recorded, whichever side it comes from.

        The other side's topic may carry our new record while this batch still waits for its last one: without the
        coupling it would get a second partner (promises 2 and 4). Always in one order, so that none waits in a circle.
        """
        for name in sorted({mapping.name for mapping in mappings}):
            await stack.enter_async_context(self._turns[name])

    def _by_mapping(self, changes: Sequence[Change]) -> list[tuple[TableMapping, list[Change]]]:
        """The changes each mapping must settle; a sweep's are for its own mapping only."""
        tables = dict.fromkeys((change.side, change.table) for change in changes)
        return [
            (mapping, mine)
            for side, table in tables
            for mapping in self._mappings.reading(side, table)
            if (
                mine := [
                    c for c in changes if c.table == table and c.side is side and c.mapping in (None, mapping.name)
                ]
            )
        ]

    async def _mapping(self, mapping: TableMapping, changes: Sequence[Change]) -> list[Settled]:
        newest, superseded = _newest(changes)
        side = changes[0].side
        flags = (await self._memory.flags([mapping]))[mapping.name]
        couplings = await self._memory.couplings([mapping.name], side, newest)
        lookups = await self._lookups(mapping, list(newest.values()))
        decisions = [
            _decide(change, mapping, couplings.get((mapping.name, key)), lookups, flags)
            for key, change in newest.items()
        ]
        settled = await self._pushes[side.other].carry_out(mapping, decisions, lookups)
        return settled + [Settled(change, mapping.name, Outcome.UNCHANGED) for change in superseded]

    async def _lookups(self, mapping: TableMapping, changes: Sequence[Change]) -> Lookups:
        """Everything the batch refers to, in one query."""
        direction = changes[0].direction
        rules = [rule for rule in rules_for(mapping, direction, When.ALWAYS, When.INSERT) if rule.lookup]
        wanted = {
            reference
            for change in changes
            if rules and change.after
            for reference in references(rules, direction, rows.values(mapping, change.side, change.after))
        }
        return await self._memory.lookups(wanted) if wanted else {}


def _decide(
    change: Change, mapping: TableMapping, coupling: Coupling | None, lookups: Lookups, flags: Flags
) -> Decision:
    try:
        return decide(change, mapping, coupling, lookups, flags)
    except Exception as error:  # promise 7: one bad record never stops the others
        _log.exception("decide_failed", mapping=mapping.name, key=change.key)
        return Settled(change, mapping.name, Outcome.FAILED, problem=problems.crash(error))


def _split(messages: Sequence[Message], applied: Applied) -> tuple[list[Message], list[Message]]:
    """(still to do, stored before)."""
    fresh: list[Message] = []
    passed: list[Message] = []
    for message in messages:
        (fresh if message.offset > applied.offsets.get(message.partition, -1) else passed).append(message)
    return fresh, passed


def _decoded(messages: Sequence[Message]) -> tuple[list[Change], list[tuple[Message, str]]]:
    changes: list[Change] = []
    unreadable: list[tuple[Message, str]] = []
    for message in messages:
        try:
            changes += decode(message.value)
        except ValueError as error:
            unreadable.append((message, str(error)))
    return changes, unreadable


def _newest(changes: Sequence[Change]) -> tuple[dict[str, Change], list[Change]]:
    """The newest change of each record, in order, and those it supersedes (promise 3)."""
    newest: dict[str, Change] = {}
    superseded: list[Change] = []
    for change in changes:
        earlier = newest.get(change.key)
        if earlier is None:
            newest[change.key] = change
        elif change.op is Op.DELETE or earlier.op is Op.DELETE or change.sequence >= earlier.sequence:
            superseded.append(earlier)
            newest[change.key] = change
        else:
            superseded.append(change)
    return newest, superseded
