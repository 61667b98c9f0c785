"""What became of changes that were begun and not recorded (promises 2 and 3).

A kill, or an answer that is lost, leaves our own write on the other side, and no coupling that knows of it. Once its
cause has been edited anew, it would pass for somebody's edit: a conflict, or a value carried back over a newer one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consumers.decide import Modify
from consumers.ports import Memory, Target
from consumers.translate import rounded, same
from schemas import rows
from schemas.coupling import Coupling
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.outcome import Begun, Outcome, Settled
from schemas.side import Direction, Side

Couplings = Mapping[tuple[str, str], Coupling]


def begun(items: Sequence[object]) -> list[Begun]:
    """The changes among what is about to be sent. A partner that is being coupled has no coupling to be wrong yet."""
    return [
        Begun(one.mapping.name, one.coupling.bc.id, one.destination, _agreed(one))
        for one in items
        if isinstance(one, Modify) and one.outcome is Outcome.MODIFIED
    ]


def new_partners(items: Sequence[object]) -> dict[tuple[str, str], str]:
    """The BC records that are about to be changed before they are coupled: afterwards they need not carry what was
    sent to create them, or what they were found by."""
    return {
        (one.mapping.name, one.change.key): one.partner.id
        for one in items
        if isinstance(one, Modify) and one.outcome is not Outcome.MODIFIED and one.destination is Side.BC
    }


def _agreed(item: Modify) -> Mapping[Side, Mapping[str, object]]:
    source = item.coupling.half(item.change.side)
    return {item.change.side: source.base, item.destination: {**item.partner.base, **item.fields}}


class Recovery:
    def __init__(self, memory: Memory, targets: Mapping[Side, Target]) -> None:
        self._memory, self._targets = memory, targets

    async def couplings(self, mapping: TableMapping, found: Couplings) -> Couplings:
        """Of those with a change that was begun: the couplings as they would be, had it been recorded where it was
        carried out. ApiError, so that the batch is taken again, while the side is away.
        """
        pending = await self._memory.changes_begun(mapping.name, [one.bc.id for one in found.values()])
        recovered: dict[tuple[str, str], Coupling] = {}
        for side in {one.side for one in pending.values()}:
            mine = {key: one for key, one in found.items() if _is_on(side, pending.get(one.bc.id))}
            there = await self._read(mapping, side, [one.half(side).id for one in mine.values()])
            for key, one in mine.items():
                if row := there.get(one.half(side).id):
                    recovered[key] = known(mapping, one, pending[one.bc.id], row)
        return recovered

    async def _read(self, mapping: TableMapping, side: Side, ids: Sequence[str]) -> Mapping[str, rows.Row]:
        try:
            return await self._targets[side].read(mapping, ids)
        except ApiError as error:
            if error.transient:
                raise
            return {}  # what is refused for good fails the records themselves, by their own reads


def _is_on(side: Side, one: Begun | None) -> bool:
    return one is not None and one.side is side


def known(mapping: TableMapping, coupling: Coupling, begun: Begun, row: rows.Row) -> Coupling:
    """Of every field that holds what we sent, both sides have agreed on that."""
    here, there = begun.side.other, begun.side
    now, mine, theirs = rows.half(mapping, there, row).base, coupling.half(here), coupling.half(there)
    sent, cause = begun.agreed[there], begun.agreed[here]

    def arrived(names: Sequence[str]) -> bool:
        changed = any(not same(there, sent.get(name), theirs.base.get(name)) for name in names)
        return changed and all(
            same(there, sent.get(name), now.get(name)) or rounded(sent.get(name), now.get(name)) for name in names
        )

    rules = [rule for rule in mapping.rules(Direction.from_side(here)) if arrived(rule.fields(there))]
    if not rules:
        return coupling
    written = {name: now.get(name) for rule in rules for name in rule.fields(there)}
    causes = {name: cause[name] for rule in rules for name in rule.fields(here) if name in cause}
    # It has moved since the version that we know of: it is read before it is written.
    theirs = replace(theirs, version="", base={**theirs.base, **written})
    return coupling.with_half(there, theirs).with_half(here, replace(mine, base={**mine.base, **causes}))


def remembering(settled: Sequence[Settled], recovered: Couplings) -> list[Settled]:
    """With what was recovered, where the outcome itself has nothing to store: it is found out once.

    Not where it failed: that may be for the answer of a change that has been begun since.
    """
    return [
        replace(one, coupling=recovered.get((one.mapping, one.change.key))) if _says_nothing(one) else one
        for one in settled
    ]


def _says_nothing(one: Settled) -> bool:
    failed = one.outcome in (Outcome.FAILED, Outcome.CONFLICT)
    return one.coupling is None and not (one.uncouple or one.superseded or failed)
