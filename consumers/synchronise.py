"""One batch of a table topic, start to end: decide, push, record in one transaction, then acknowledge (DESIGN 2).

Free of Faust: `daemon/streams.py` hands over plain messages and acknowledges when `batch` returns (promise 1).
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

import structlog

from consumers import problems
from consumers.anew import Anew
from consumers.decide import Decision, Deletion, decide
from consumers.lookups import LookUps
from consumers.newest import newest_of, older, tried_again
from consumers.owed import owing
from consumers.ports import Applied, Memory, Overtaken, Publish, Records, nowhere
from consumers.push import Push
from consumers.recovering import Recovery
from consumers.survivors import Survivors
from consumers.tombstones import Tombstones
from consumers.unrecorded import Unrecorded
from schemas.change import Change, Op, Version, decode
from schemas.coupling import Coupling, Lookups
from schemas.errors import CoupledError
from schemas.flags import Flags
from schemas.mapping import Mappings, TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Side

_log = structlog.get_logger(__name__)
# How often a batch that another worker overtook looks again before it is left to be delivered anew.
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Message:
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A message with its changes, or with the reason why it has none."""

    message: Message
    changes: Sequence[Change] = ()
    reason: str = ""


class _Unstorable(Exception):
    """The store is well, and cannot keep or look up something in the batch."""


class Synchronise:
    """Applies the changes of one table. `observe` is told of what is recorded, `publish` of what nobody else tells.

    `records`: to read with all that capture reads; the targets do, for the most part.
    """

    def __init__(
        self,
        mappings: Mappings,
        memory: Memory,
        pushes: Mapping[Side, Push],
        observe: Callable[[Sequence[Settled]], None] = lambda settled: None,
        publish: Publish = nowhere,
        records: Mapping[Side, Records] | None = None,
    ) -> None:
        self._mappings = mappings
        self._memory = memory
        self._pushes = pushes
        targets = {side: push.target for side, push in pushes.items()}
        self._lookups = LookUps(mappings, memory, targets)
        self._recovery = Recovery(memory, targets, publish, records)
        self._unrecorded = Unrecorded(memory, targets)
        self._tombstones = Tombstones(memory, records or targets)
        self._anew = Anew(records or targets)
        self._survivors = Survivors(mappings, memory, pushes, self._lookups, publish, records or targets)
        self._observe = observe

    async def batch(self, topic: str, log_id: str, messages: Sequence[Message]) -> list[tuple[Message, str]]:
        """Every change of the messages has its outcome stored when this returns; what was stored before is passed over.

        Returns the messages that cannot be read or stored, with the reason: they go to the dead letters. CoupledError
        when the store is away: the whole batch is to be delivered again.
        """
        read = [_read(message) for message in messages]
        async with AsyncExitStack() as stack:
            parts = self._by_mapping([change for one in read for change in one.changes])
            # Always in one order, so that none waits in a circle.
            for name in sorted({mapping.name for mapping, _ in parts}):
                await stack.enter_async_context(self._memory.turn(name))
            try:
                await self._recorded(topic, log_id, read)
                refused: list[tuple[Message, str]] = []
            except _Unstorable:
                refused = await self._piecemeal(topic, log_id, read)
        # Those of an earlier delivery too: a kill may have come before their dead letter.
        return [(one.message, one.reason) for one in read if one.reason] + refused

    async def _recorded(self, topic: str, log_id: str, read: Sequence[_Read]) -> None:
        """What is not recorded yet is; as often as another worker gets ahead, what is left then."""
        for _ in range(_LOOKS - 1):
            with suppress(Overtaken):
                return await self._fresh(topic, log_id, read)
        return await self._fresh(topic, log_id, read)

    async def _fresh(self, topic: str, log_id: str, read: Sequence[_Read]) -> None:
        since = (await self._memory.applied(topic, log_id)).offsets
        fresh = [one for one in read if one.message.offset > since.get(one.message.partition, -1)]
        offsets = {one.message.partition: one.message.offset for one in fresh}
        if fresh:
            changes = [change for one in fresh for change in one.changes]
            await self._settle(changes, Applied(topic, log_id, offsets, since, _missed(fresh, since)))

    async def _settle(self, changes: Sequence[Change], applied: Applied) -> None:
        settled: list[Settled] = []
        for mapping, mine in self._by_mapping(changes):
            settled += await self._mapping(mapping, mine)
        with _storing():
            recorded = await self._memory.record(settled, applied)
        self._observe(recorded)

    async def _piecemeal(self, topic: str, log_id: str, read: Sequence[_Read]) -> list[tuple[Message, str]]:
        """Each message alone: one bad record never stops the others (promise 7), nor those of its own message.

        Progress moves past a message that fails twice. What was written before the failure is only repeated, since
        every write is conditional (promise 2).
        """
        refused: list[tuple[Message, str]] = []
        for one in read:
            if not await _twice(partial(self._recorded, topic, log_id, [one])):
                continue
            unplaced = Applied(topic, log_id)
            reasons = [await _twice(partial(self._settle, [change], unplaced)) for change in one.changes]
            await self._recorded(topic, log_id, [replace(one, changes=())])
            if any(reasons):
                refused.append((one.message, next(filter(None, reasons))))
        return refused

    def _by_mapping(self, changes: Sequence[Change]) -> list[tuple[TableMapping, list[Change]]]:
        """The changes each mapping must settle; a sweep's are for its own mapping only."""
        tables = dict.fromkeys((change.side, change.table) for change in changes)
        return [
            (mapping, mine)
            for side, table in tables
            for mapping in self._mappings.of(side, table)
            if (mine := [c for c in changes if (c.side, c.table) == (side, table) and _concerns(c, mapping)])
        ]

    async def _mapping(self, mapping: TableMapping, changes: Sequence[Change]) -> list[Settled]:
        newest, superseded = newest_of(changes)
        side = changes[0].side
        flags = (await self._memory.flags([mapping]))[mapping.name]
        skipped = await self._memory.skipped(mapping.name, side, newest)
        with _storing():
            couplings = await self._memory.couplings([mapping.name], side, newest)
            if not flags.paused:
                couplings = await self._recovery.couplings(mapping, couplings, max(one.captured_ms for one in changes))
                couplings = await self._unrecorded.couplings(mapping, newest, superseded, couplings)
            failed = await self._failed(mapping, side, newest)
            if not flags.paused:
                newest = await self._anew.read(mapping, newest, couplings, failed)
            passed_over = older(newest, failed)
            newest = tried_again(newest, failed)
            if not flags.paused:
                making = [one for one in newest.values() if one.retry or not flags.only_coupled]
                passed_over |= await self._tombstones.dead(mapping, making, couplings)
            known = await self._lookups.known(mapping, list(newest.values()))

        def decided(change: Change, lookups: Lookups) -> Decision | Deletion:
            coupling = couplings.get((mapping.name, change.key))
            if change.key in passed_over:
                return Settled(change, mapping.name, Outcome.UNCHANGED, superseded=True)
            if change.key in skipped and change.op is not Op.DELETE:
                return _left_alone(change, mapping, coupling)
            return _decide(change, mapping, coupling, lookups, flags)

        decisions, lookups = await self._lookups.decided(mapping, side, known, list(newest.values()), decided)
        settled = await self._survivors.carry_out(mapping, [one for one in decisions if isinstance(one, Deletion)])
        others = [one for one in decisions if not isinstance(one, Deletion)]
        carried = await self._pushes[side.other].carry_out(mapping, others, lookups)
        await self._recovery.tell_again(mapping, carried, max(one.captured_ms for one in changes))
        settled += [owing(one, mapping, lookups) for one in carried]
        passed = [Settled(change, mapping.name, Outcome.UNCHANGED, superseded=True) for change in superseded]
        return settled + passed

    async def _failed(self, mapping: TableMapping, side: Side, newest: Mapping[str, Change]) -> Mapping[str, Version]:
        """What has failed of these records, but where a change is a retry already, or not meant for the mapping."""
        told = [key for key, one in newest.items() if not one.retry and (mapping.live or one.mapping)]
        return await self._memory.failed(mapping.name, side, told) if told else {}


def _concerns(change: Change, mapping: TableMapping) -> bool:
    """Of records that a mapping only writes, it is told of the deletions."""
    travels = change.op is Op.DELETE or mapping.direction.covers(change.direction)
    return travels and change.mapping in (None, mapping.name)


def _decide(
    change: Change, mapping: TableMapping, coupling: Coupling | None, lookups: Lookups, flags: Flags
) -> Decision | Deletion:
    try:
        return decide(change, mapping, coupling, lookups, flags)
    except Exception as error:  # promise 7: one bad record never stops the others
        _log.exception("decide_failed", mapping=mapping.name, key=change.key)
        return Settled(change, mapping.name, Outcome.FAILED, problem=problems.crash(error))


def _left_alone(change: Change, mapping: TableMapping, coupling: Coupling | None) -> Settled:
    """business-central-sync 3.8: a skipped record is skipped whatever changes, on either side."""
    partner = coupling.half(change.side.other).id if coupling else None
    return Settled(change, mapping.name, Outcome.SKIPPED, partner=partner)


def _read(message: Message) -> _Read:
    try:
        changes = decode(message.value)
        return _Read(message, [replace(one, trace=message.trace) for one in changes] if message.trace else changes)
    except ValueError as error:
        return _Read(message, reason=str(error))


def _missed(fresh: Sequence[_Read], since: Mapping[int, int]) -> dict[int, int]:
    """From which offset on messages of a partition never came: retention, or somebody, has deleted them (promise 5)."""
    first: dict[int, int] = {}
    for one in fresh:
        first.setdefault(one.message.partition, one.message.offset)
    expected = {partition: since.get(partition, -1) + 1 for partition in first}
    return {partition: offset for partition, offset in expected.items() if first[partition] > offset}


@contextmanager
def _storing() -> Iterator[None]:
    """Tells a store that is away, which has to be waited for, from one that cannot take what it is given."""
    try:
        yield
    except (CoupledError, Overtaken):
        raise
    except Exception as error:
        raise _Unstorable(f"it cannot be stored: {type(error).__name__}: {str(error).partition(chr(10))[0]}") from error


async def _twice(work: Callable[[], Awaitable[None]]) -> str:
    """Why it cannot be stored; empty if the first or the second try succeeds."""
    reason = ""
    for _ in range(2):
        try:
            await work()
        except _Unstorable as error:
            reason = str(error)
            _log.warning("change_unstorable", reason=reason)
        else:
            return ""
    return reason
