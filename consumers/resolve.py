"""The partner moved since both sides last agreed: merge three ways, pure (business-central-sync 3.6)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from consumers import problems
from consumers.decide import Modify
from consumers.translate import joined_alike, may_be_owed, rounded, same
from schemas import rows
from schemas.coupling import Half
from schemas.field_mapping import When
from schemas.mapping import OnUpdateConflict, TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

_WINNER = {OnUpdateConflict.BC_WINS: Side.BC, OnUpdateConflict.SALES_WINS: Side.SALES}


def resolve(item: Modify, row: rows.Row) -> Settled | Modify:
    """Against the partner as it is now (`row`): what is still to write, or the conflict.

    Fields the partner changed and we do not write keep their old base, so its own change event still carries them.
    """
    item = replace(item, fields=_whole(item))
    now = rows.half(item.mapping, item.destination, row)
    there = _there_already(item, now)
    moved = {name for name, value in now.base.items() if value != item.partner.base.get(name)} - _owed(item)
    clashing = _clashing(item, there, moved)
    fields, overruled = dict(item.fields), dict(item.overruled)
    if clashing:
        winner = _WINNER.get(item.mapping.on_update_conflict)
        if winner is None:
            return _conflict(item, now, clashing)
        loses = item.fields if winner is item.destination else now.base
        overruled |= {name: loses.get(name) for name in sorted(clashing)}
        if winner is item.destination:
            fields = {name: value for name, value in fields.items() if name not in clashing}
    fields_left = {name: value for name, value in fields.items() if name not in there}
    base = {**item.partner.base, **{name: now.base.get(name) for name in fields if name in there}}
    partner = replace(item.partner, version=now.version, sequence=now.sequence, base=base)
    coupling = item.coupling.with_half(item.destination, partner)
    updated = replace(item, coupling=coupling, fields=fields_left, overruled=overruled)
    return updated if fields_left else _settled(updated, now)


def _owed(item: Modify) -> set[str]:
    """What the partner has and could not send for want of a coupling: no edit since both agreed, unless we write it."""
    back = item.mapping.rules(Direction.from_side(item.destination))
    blanked = (rule for rule in back if may_be_owed(rule))
    names = {name for rule in blanked for name in rule.fields(item.destination)}
    return names - item.partner.base.keys() - item.fields.keys()


def known_version(mapping: TableMapping, side: Side, now: Half, base: Mapping[str, Any]) -> str:
    """The version of the partner to write over next time; empty (read first) while it holds an edit that is still to
    travel: the next write of that field would overwrite it unseen.
    """
    back = mapping.rules(Direction.from_side(side))
    travelling = {name for rule in back for name in rule.fields(side) if name in now.base}
    return "" if any(now.base[name] != base.get(name) for name in travelling) else now.version


def _there_already(item: Modify, now: Half) -> set[str]:
    """What the partner holds already: equal values, our own write as Sales rounded it, a name split elsewhere."""
    found = {name for name, value in item.fields.items() if same(item.destination, value, now.base.get(name))}
    for name in item.fields.keys() - found if item.sent else ():
        if now.base.get(name) != item.partner.base.get(name) and rounded(item.fields[name], now.base.get(name)):
            found.add(name)
    alike = [names for names in _together(item) if joined_alike(names, item.fields, now.base)]
    return found.union(*alike)


def _clashing(item: Modify, there: set[str], moved: set[str]) -> set[str]:
    """The fields that truly conflict; under `fail`, as in the original, any bidirectional change on both sides."""
    both_ways = {
        name for rule in item.mapping.fields if item.mapping.both_ways(rule) for name in rule.fields(item.destination)
    }
    theirs = moved - there
    mine = (item.fields.keys() & both_ways) - there
    if item.mapping.on_update_conflict is OnUpdateConflict.FAIL and item.outcome is Outcome.MODIFIED:
        return mine | (theirs & both_ways) if mine and theirs & both_ways else set()
    return {name for names in _together(item) if mine & theirs & set(names) for name in names}


def _together(item: Modify) -> list[tuple[str, ...]]:
    """The fields written, each with the other half of its name."""
    found = [rule.fields(item.destination) for rule in item.mapping.rules(item.change.direction)]
    return [names for names in found if item.fields.keys() & set(names)]


def _whole(item: Modify) -> Mapping[str, Any]:
    """What is to be written, with the halves of names that the partner had as they should be when it was decided: one
    person's first name must not end up before another's last.
    """
    halves = {name: item.partner.base.get(name) for names in _together(item) if len(names) > 1 for name in names}
    return {**halves, **item.fields}


def _conflict(item: Modify, now: Half, clashing: set[str]) -> Settled:
    told: dict[str, tuple[Any, Any, Any]] = {
        name: (item.fields.get(name, item.partner.base.get(name)), now.base.get(name), item.partner.base.get(name))
        for name in sorted(clashing)
    }
    problem = problems.conflict(item.mapping, item.coupling, item.change, told)
    end = Settled(item.change, item.mapping.name, Outcome.CONFLICT, partner=now.id, problem=problem)
    return replace(end, refused=item.left_nothing, clashing=_pairs(item.mapping, item.destination, clashing))


def _pairs(mapping: TableMapping, side: Side, names: set[str]) -> tuple[str, ...]:
    """The fields in conflict, each with those of the other side: as a change from there would name them too."""
    hit = [one for one in _tied(mapping) if one[side] & names]
    told = (" ↔ ".join("+".join(sorted(one[each])) for each in Side) for one in hit)
    return tuple(sorted(told)) or tuple(sorted(names))


def _tied(mapping: TableMapping) -> list[dict[Side, set[str]]]:
    """The fields that keep travelling both ways, by what is carried together: two opposite lines may name more on one
    side than on the other. One of new records only is noticed from a single side.
    """
    tied: list[dict[Side, set[str]]] = []
    for rule in (one for one in mapping.fields if one.when is When.ALWAYS and mapping.both_ways(one)):
        fields = {side: set(rule.fields(side)) for side in Side}
        for known in [one for one in tied if any(one[side] & fields[side] for side in Side)]:
            tied.remove(known)
            fields = {side: fields[side] | known[side] for side in Side}
        tied.append(fields)
    return tied


def _settled(item: Modify, now: Half) -> Settled:
    """Nothing left to write: our own earlier try went through, or both sides were changed alike."""
    outcome = Outcome.UNCHANGED if item.outcome is Outcome.MODIFIED and not item.sent else item.outcome
    partner = replace(item.partner, version=known_version(item.mapping, item.destination, now, item.partner.base))
    coupling = item.coupling.with_half(item.destination, partner)
    end = Settled(item.change, item.mapping.name, outcome, coupling, partner=partner.id)
    return replace(end, overruled=item.overruled)
