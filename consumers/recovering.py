"""What became of changes that were begun and not recorded (promises 2 and 3).

A kill, or an answer that is lost, leaves our own write on the other side, and no coupling that knows of it. Once its
cause has been edited anew, it would pass for somebody's edit: a conflict, or a value carried back over a newer one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from consumers.answered import is_fresh
from consumers.decide import Create, Modify
from consumers.lost import going_on
from consumers.ports import Memory, Publish, Records, nowhere
from consumers.translate import rounded, same
from schemas import rows
from schemas.change import Op
from schemas.coupling import Coupling, Half
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.outcome import Begun, Outcome, Settled
from schemas.side import Direction, Side

Key = tuple[str, str]
Couplings = Mapping[Key, Coupling]


def begun(items: Sequence[object], now: datetime) -> list[Begun]:
    """The changes among what is about to be sent, and what Sales is asked to create; of the second step of a creation
    the first tells enough."""
    changed = [_begun(one) for one in items if isinstance(one, Modify) and one.outcome is Outcome.MODIFIED]
    return changed + [_creation(one, now) for one in _new_in_sales(items)]


def _begun(item: Modify) -> Begun:
    source, sent = item.coupling.half(item.change.side), {**item.partner.base, **item.fields}
    bc_id, there, under = item.coupling.bc.id, item.destination, item.partner.version
    return Begun(item.mapping.name, bc_id, there, sent, source.base, source.version, source.sequence, under)


def answered(steps: Sequence[object]) -> list[Begun]:
    """Of creations in Sales that go on after an answer: when one was lost, with what it had sent, or that none was."""
    return [_creation(one, one.lost_at) for one in _new_in_sales(going_on(steps, Side.BC))]


def _new_in_sales(items: Sequence[object]) -> list[Create]:
    creates = (one for one in items if isinstance(one, Create) and is_fresh(one))
    return [one for one in creates if one.change.side is Side.BC]


def _creation(item: Create, lost_at: datetime | None) -> Begun:
    """Under no version: there is none yet."""
    source, name, key = item.source, item.mapping.name, item.change.key
    made = Begun(name, key, Side.SALES, item.traces, source.base, source.version, source.sequence)
    return replace(made, lost_at=lost_at)


def new_partners(items: Sequence[object]) -> dict[tuple[str, str], str]:
    """The BC records that are about to be changed before they are coupled: afterwards they need not carry what was
    sent to create them, or what they were found by."""
    return {
        (one.mapping.name, one.change.key): one.partner.id
        for one in items
        if isinstance(one, Modify) and one.outcome is not Outcome.MODIFIED and one.destination is Side.BC
    }


@dataclass(frozen=True, slots=True)
class _Pending:
    """A pair as the store knows it, what was begun of it, and its records as they are, where something was sent to."""

    mapping: TableMapping
    known: Coupling
    begun: Sequence[Begun]
    seen: Mapping[Side, rows.Row] = field(default_factory=dict)

    @property
    def now(self) -> Coupling:
        return recalled(self.mapping, self.known, self.begun, self.seen)

    @property
    def late(self) -> list[Begun]:
        """What was sent to a record under the version that it still has may be carried out yet, and nothing else."""
        now = {side: rows.half(self.mapping, side, row).version for side, row in self.seen.items()}
        may_come = [one for one in self.begun if now.get(one.side, one.under) == one.under]
        return list({(one.side, one.version): one for one in may_come}.values())

    @property
    def tells(self) -> bool:
        """Is there anything to store that is not stored yet?"""
        waits = all(one.late for one in self.begun) and len(self.late) == len(self.begun)
        return bool(self.seen) and not (waits and self.now == self.known)

    @property
    def is_overtaken(self) -> bool:
        """Has it come over a version newer than its cause? Of that nothing is agreed on any more (`known`)."""
        return any(self.known.half(side).base.keys() - self.now.half(side).base.keys() for side in Side)


class Recovery:
    """`publish` puts records on their topics again, read by `records`; who compares and repairs needs neither."""

    def __init__(
        self,
        memory: Memory,
        targets: Mapping[Side, Records],
        publish: Publish = nowhere,
        records: Mapping[Side, Records] | None = None,
    ) -> None:
        self._memory, self._targets = memory, targets
        self._publish, self._records = publish, records or targets

    async def couplings(self, mapping: TableMapping, found: Couplings, at_ms: int = 0) -> Couplings:
        """All of them; where a change was begun and carried out, as they would be had it been recorded.

        That is stored when this returns: another change may be begun next. ApiError, so that the batch is taken again,
        while the side is away.
        """
        begun = await self._memory.changes_begun(mapping.name, [one.bc.id for one in found.values()]) if found else {}
        pending = {key: _Pending(mapping, one, begun[one.bc.id]) for key, one in found.items() if one.bc.id in begun}
        for side in Side:
            pending = await self._seen(mapping, side, pending)
        pairs = list(pending.values())
        await self._carry_again(mapping, [pair for pair in pairs if pair.is_overtaken], at_ms)
        told = [pair for pair in pairs if pair.tells]
        await self._memory.recover([pair.now for pair in told], [one for pair in told for one in pair.late])
        return {**found, **{key: pair.now for key, pair in pending.items()}}

    async def _seen(self, mapping: TableMapping, side: Side, pairs: Mapping[Key, _Pending]) -> dict[Key, _Pending]:
        """With what is on this side of those of which something was sent there."""
        ids = {key: one.known.half(side).id for key, one in pairs.items() if any(b.side is side for b in one.begun)}
        found = await self._read(self._targets[side], mapping, list(ids.values())) if ids else {}
        there = {key: {side: found[record]} for key, record in ids.items() if record in found}
        return {key: replace(one, seen={**one.seen, **there.get(key, {})}) for key, one in pairs.items()}

    async def tell_again(self, mapping: TableMapping, carried: Sequence[Settled], at_ms: int) -> None:
        """Of pairs that were found after a try, either record that has become another since: of one of which no version
        is known (`own_work.coupled`). Its own change may have been taken for our work."""
        new = [one.coupling for one in carried if one.coupling and one.outcome in (Outcome.INSERTED, Outcome.COUPLED)]
        for side in Side:
            if mapping.direction.covers(Direction.from_side(side)):
                ids = [half.id for one in new if not (half := one.half(side)).version]
                await self._tell(mapping, side, ids, at_ms)

    async def _carry_again(self, mapping: TableMapping, pairs: Sequence[_Pending], at_ms: int) -> None:
        """Newer versions that were decided without it, and will not come again by themselves."""
        for side in Side:
            ids = [one.known.half(side).id for one in pairs if any(b.side is side.other for b in one.begun)]
            await self._tell(mapping, side, ids, at_ms)

    async def _tell(self, mapping: TableMapping, side: Side, ids: Sequence[str], at_ms: int) -> None:
        again = await self._read(self._records[side], mapping, ids) if ids else {}
        work, table = (None, mapping.name), mapping.table(side)
        if again:
            await self._publish([rows.change(table, row, Op.READ, at_ms, work) for row in again.values()])

    async def _read(self, records: Records, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, rows.Row]:
        try:
            return await records.read(mapping, ids)
        except ApiError as error:
            if error.transient:
                raise
            if len(ids) < 2:
                return {}  # what is refused for good fails the record itself, by its own reads
        each = [await self._read(records, mapping, [one]) for one in ids]
        return {key: row for found in each for key, row in found.items()}


def recalled(
    mapping: TableMapping, coupling: Coupling, begun: Sequence[Begun], seen: Mapping[Side, rows.Row]
) -> Coupling:
    """As it would be had what was begun been recorded, as far as that was carried out: `seen` holds the records as they
    are. For who only compares, and stores nothing."""
    for one in begun:
        if row := seen.get(one.side):
            coupling = known(mapping, coupling, one, row)
    return coupling


def known(mapping: TableMapping, coupling: Coupling, begun: Begun, row: rows.Row) -> Coupling:
    """Of every field that holds what we sent, both sides have agreed on that; what is older than that says nothing."""
    here, there = begun.side.other, begun.side
    now, mine, theirs = rows.half(mapping, there, row), coupling.half(here), coupling.half(there)
    if now.version == begun.under:
        return coupling  # nothing has been carried out

    def arrived(names: Sequence[str]) -> bool:
        three = [(begun.sent.get(name), theirs.base.get(name), now.base.get(name)) for name in names]
        return any(not same(there, sent, held) for sent, held, _ in three) and all(_came(there, *one) for one in three)

    rules = [rule for rule in mapping.rules(Direction.from_side(here)) if arrived(rule.fields(there))]
    if not rules:
        return coupling
    written = {name: now.base.get(name) for rule in rules for name in rule.fields(there)}
    causes = {name: begun.cause[name] for rule in rules for name in rule.fields(here) if name in begun.cause}
    # It has moved since the version that we know of: it is read before it is written.
    theirs = replace(theirs, version="", sequence=max(now.sequence, theirs.sequence), base={**theirs.base, **written})
    if begun.sequence >= mine.sequence:
        mine = Half(mine.id, begun.version, begun.sequence, {**mine.base, **causes}, mine.references)
    else:  # it came late: what is newer was decided without it, and is still to be carried
        mine = replace(mine, base={name: value for name, value in mine.base.items() if name not in causes})
    return coupling.with_half(there, theirs).with_half(here, mine)


def _came(side: Side, sent: object, held: object, now: object) -> bool:
    """A number that was held before, and still is, may be near ours, and is not what became of it."""
    return same(side, sent, now) or (now != held and rounded(sent, now))
