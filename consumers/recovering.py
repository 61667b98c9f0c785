"""What became of changes that were begun and not recorded (promises 2 and 3).

A kill, or an answer that is lost, leaves our own write on the other side, and no coupling that knows of it. Once its
cause has been edited anew, it would pass for somebody's edit: a conflict, or a value carried back over a newer one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consumers.decide import Modify
from consumers.ports import Memory, Records
from consumers.translate import rounded, same
from schemas import rows
from schemas.coupling import Coupling
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.outcome import Begun, Outcome
from schemas.side import Direction, Side

Couplings = Mapping[tuple[str, str], Coupling]


def begun(items: Sequence[object]) -> list[Begun]:
    """The changes among what is about to be sent. A partner that is being coupled has no coupling to be wrong yet."""
    return [_begun(one) for one in items if isinstance(one, Modify) and one.outcome is Outcome.MODIFIED]


def _begun(item: Modify) -> Begun:
    source, sent = item.coupling.half(item.change.side), {**item.partner.base, **item.fields}
    bc_id, there = item.coupling.bc.id, item.destination
    return Begun(item.mapping.name, bc_id, there, sent, source.base, source.version, source.sequence)


def new_partners(items: Sequence[object]) -> dict[tuple[str, str], str]:
    """The BC records that are about to be changed before they are coupled: afterwards they need not carry what was
    sent to create them, or what they were found by."""
    return {
        (one.mapping.name, one.change.key): one.partner.id
        for one in items
        if isinstance(one, Modify) and one.outcome is not Outcome.MODIFIED and one.destination is Side.BC
    }


class Recovery:
    def __init__(self, memory: Memory, targets: Mapping[Side, Records]) -> None:
        self._memory, self._targets = memory, targets

    async def couplings(self, mapping: TableMapping, found: Couplings) -> Couplings:
        """All of them; where a change was begun and carried out, as they would be had it been recorded.

        That is stored when this returns: another change may be begun next. ApiError, so that the batch is taken again,
        while the side is away.
        """
        if not found:
            return found
        pending = await self._memory.changes_begun(mapping.name, [one.bc.id for one in found.values()])
        recovered: dict[tuple[str, str], Coupling] = {}
        for side in {one.side for one in pending.values()}:
            mine = {key: one for key, one in found.items() if _is_on(side, pending.get(one.bc.id))}
            there = await self._read(mapping, side, [one.half(side).id for one in mine.values()])
            for key, one in mine.items():
                if row := there.get(one.half(side).id):
                    recovered[key] = known(mapping, one, pending[one.bc.id], row)
        await self._memory.recover(list(recovered.values()))
        return {**found, **recovered}

    async def _read(self, mapping: TableMapping, side: Side, ids: Sequence[str]) -> Mapping[str, rows.Row]:
        try:
            return await self._targets[side].read(mapping, ids)
        except ApiError as error:
            if error.transient:
                raise
            return {}  # what is refused for good fails the records themselves, by their own reads


def recalled(mapping: TableMapping, coupling: Coupling, begun: Begun | None, seen: Mapping[Side, rows.Row]) -> Coupling:
    """As it would be had what was begun been recorded, if that was carried out: `seen` holds the records as they are.
    For who only compares, and stores nothing."""
    row = seen.get(begun.side) if begun else None
    return known(mapping, coupling, begun, row) if begun and row else coupling


def _is_on(side: Side, one: Begun | None) -> bool:
    return one is not None and one.side is side


def known(mapping: TableMapping, coupling: Coupling, begun: Begun, row: rows.Row) -> Coupling:
    """Of every field that holds what we sent, both sides have agreed on that; what is older than that says nothing."""
    here, there = begun.side.other, begun.side
    now, mine, theirs = rows.half(mapping, there, row), coupling.half(here), coupling.half(there)

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
        mine = replace(mine, version=begun.version, sequence=begun.sequence)
    return coupling.with_half(there, theirs).with_half(here, replace(mine, base={**mine.base, **causes}))


def _came(side: Side, sent: object, held: object, now: object) -> bool:
    """A number that was held before, and still is, may be near ours, and is not what became of it."""
    return same(side, sent, now) or (now != held and rounded(sent, now))
