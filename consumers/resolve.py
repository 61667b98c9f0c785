"""The partner moved since both sides last agreed: merge three ways, pure (business-central-sync 3.6)."""

from dataclasses import replace
from typing import Any

from consumers import problems
from consumers.decide import Modify
from consumers.translate import rounded, same
from schemas import rows
from schemas.coupling import Half
from schemas.mapping import OnUpdateConflict
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

_WINNER = {OnUpdateConflict.BC_WINS: Side.BC, OnUpdateConflict.SALES_WINS: Side.SALES}


def resolve(item: Modify, row: rows.Row) -> Settled | Modify:
    """Against the partner as it is now (`row`): what is still to write, or the conflict.

    Fields the partner changed and we do not write keep their old base, so its own change event still carries them.
    """
    now = rows.half(item.mapping, item.destination, row)
    moved = {name for name, value in now.base.items() if value != item.partner.base.get(name)}
    # What an earlier try wrote, and Sales has rounded, is no edit of a user.
    ours = {name for name in moved if item.sent and rounded(item.fields.get(name), now.base[name])}
    clashing = _clashing(item, now, moved - ours)
    fields = dict(item.fields)
    if clashing:
        winner = _WINNER.get(item.mapping.on_update_conflict)
        if winner is None:
            return _conflict(item, now, clashing)
        if winner is item.destination:
            fields = {name: value for name, value in fields.items() if name not in clashing}
    there = item.destination
    fields_left = {n: value for n, value in fields.items() if n not in ours and not same(there, value, now.base.get(n))}
    base = {**item.partner.base, **{name: now.base.get(name) for name in fields if name not in fields_left}}
    partner = replace(item.partner, version=now.version, sequence=now.sequence, base=base)
    updated = replace(item, coupling=item.coupling.with_half(item.destination, partner), fields=fields_left)
    return updated if fields_left else _settled(updated)


def _clashing(item: Modify, now: Half, theirs: set[str]) -> set[str]:
    """The fields that truly conflict; under `fail`, as in the original, any bidirectional change on both sides."""
    both_ways = {
        name
        for rule in item.mapping.fields
        if rule.direction is Direction.BOTH
        for name in rule.fields(item.destination)
    }
    edits = {name: value for name, value in item.fields.items() if name in both_ways}
    mine = {name for name, value in edits.items() if not same(item.destination, value, now.base.get(name))}
    if item.mapping.on_update_conflict is OnUpdateConflict.FAIL and item.outcome is Outcome.MODIFIED:
        return mine | (theirs & both_ways) if mine and theirs & both_ways else set()
    return mine & theirs


def _conflict(item: Modify, now: Half, clashing: set[str]) -> Settled:
    told: dict[str, tuple[Any, Any, Any]] = {
        name: (item.fields.get(name, item.partner.base.get(name)), now.base.get(name), item.partner.base.get(name))
        for name in sorted(clashing)
    }
    problem = problems.conflict(item.mapping, item.coupling, item.change, told)
    return Settled(item.change, item.mapping.name, Outcome.CONFLICT, partner=now.id, problem=problem)


def _settled(item: Modify) -> Settled:
    """Nothing left to write: our own earlier try went through, or both sides were changed alike."""
    outcome = Outcome.UNCHANGED if item.outcome is Outcome.MODIFIED and not item.sent else item.outcome
    return Settled(item.change, item.mapping.name, outcome, item.coupling, partner=item.partner.id)
