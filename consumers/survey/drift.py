"""Two coupled records compared field by field, and who is right where they differ: pure.

A field that travels both ways differs only if neither side is what the other makes of it: a text that had to be cut is
no difference. Who moved since both last agreed is right; if neither has, Business Central is, as in a full
synchronisation (business-central-sync 4.4); if both have, the mapping's rule decides (3.6).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from consumers.translate import Untranslatable, joined_alike, references, rounded, rules_for, same, translate
from schemas.coupling import Coupling, Half, Lookups, Reference
from schemas.errors import Problem
from schemas.field_mapping import FieldRule, When
from schemas.mapping import OnUpdateConflict, TableMapping
from schemas.side import Direction, Side

Halves = Mapping[Side, Half]
_MISSING = object()
_POLICY = {OnUpdateConflict.BC_WINS: Side.BC, OnUpdateConflict.SALES_WINS: Side.SALES}


@dataclass(frozen=True, slots=True)
class Drift:
    """A field that differs. `winner` None: a conflict. `problem`: why the winner's value cannot be carried."""

    rule: FieldRule
    winner: Side | None
    problem: Problem | None = None


def looked_up(mapping: TableMapping, now: Halves) -> set[Reference]:
    """What comparing the two needs to know of other mappings' records."""
    return {
        reference
        for way in mapping.direction.one_ways
        for reference in references(
            [rule for rule in rules_for(mapping, way, When.ALWAYS) if rule.looks_up], way, now[way.source].base
        )
    }


def drifts(mapping: TableMapping, coupling: Coupling, now: Halves, lookups: Lookups) -> list[Drift]:
    """The fields that differ, in the order of the mapping. `now`: both records as halves of a coupling."""
    found = [
        Drift(rule, _winner(mapping, rule, coupling, now), problem)
        for rule in mapping.fields
        for problem in _differing(mapping, rule, now, lookups)
    ]
    return _all_or_nothing(found, coupling, now) if mapping.on_update_conflict is OnUpdateConflict.FAIL else found


def reopened(coupling: Coupling, now: Halves, drifted: Iterable[Drift]) -> Coupling:
    """Both sides agree on everything but what has drifted: of that, the winner's values are still to be carried."""
    open_names = {side: {n for one in drifted if one.winner is side for n in one.rule.fields(side)} for side in Side}
    for side in Side:
        held = now[side]
        base = {name: value for name, value in held.base.items() if name not in open_names[side]}
        # Read before anything is written over it, unless what is to be carried goes both ways.
        version = "" if open_names[side] and not open_names[side.other] else held.version
        named = {**coupling.half(side).references, **held.references}
        coupling = coupling.with_half(side, replace(held, version=version, base=base, references=named))
    return coupling


def sources(mapping: TableMapping, drifted: Sequence[Drift]) -> set[Side]:
    """The sides whose records are to be carried; the mapping's first if nothing says which."""
    return {one.winner for one in drifted if one.winner} or {mapping.direction.one_ways[0].source}


def _differing(mapping: TableMapping, rule: FieldRule, now: Halves, lookups: Lookups) -> list[Problem | None]:
    """[] if the field is alike; else one entry, the reason why it cannot be carried, if it cannot."""
    problem: Problem | None = None
    ways = _ways(mapping, rule)
    for way in ways:
        try:
            if not _lacking(rule, way, now, lookups):
                return []
        except Untranslatable as error:
            problem = problem or error.problem
    return [problem] if ways else []


def _ways(mapping: TableMapping, rule: FieldRule) -> list[Direction]:
    return [way for way in mapping.direction.one_ways if rule in rules_for(mapping, way, When.ALWAYS)]


def _lacking(rule: FieldRule, way: Direction, now: Halves, lookups: Lookups) -> dict[str, Any]:
    """What the destination does not hold of the source's field. What the row does not tell is alike."""
    there, names = way.source.other, rule.fields(way.source.other)
    held = now[there].base
    made = translate([rule], way, now[way.source].base, lookups)
    if joined_alike(names, made, held):
        return {}
    return {name: value for name, value in made.items() if name in held and not _alike(there, value, held[name])}


def _alike(there: Side, value: Any, held: Any) -> bool:
    """As Sales rounds it, and a blank whatever each side calls it: BC has no nulls (wire-protocols A2)."""
    if there is Side.BC:
        return same(there, value, held)
    return same(there, value, held) or rounded(value, held) or (held is None and value == 0)


def _winner(mapping: TableMapping, rule: FieldRule, coupling: Coupling, now: Halves) -> Side | None:
    ways = _ways(mapping, rule)
    if len(ways) == 1:
        return ways[0].source
    if not any(name in coupling.half(side).base for side in Side for name in rule.fields(side)):
        return Side.SALES if _is_blank(Side.BC, rule, now) else Side.BC
    moved = {side for side in Side if _moved(side, rule, coupling, now)}
    if len(moved) == 2:
        return _POLICY.get(mapping.on_update_conflict)
    return moved.pop() if moved else Side.BC


def _moved(side: Side, rule: FieldRule, coupling: Coupling, now: Halves) -> bool:
    base, held = coupling.half(side).base, now[side].base
    return any(held.get(name) != base.get(name, _MISSING) for name in rule.fields(side))


def _is_blank(side: Side, rule: FieldRule, now: Halves) -> bool:
    """BC has no nulls: its 0 and false are blanks too (wire-protocols A2)."""
    values = [now[side].base.get(name) for name in rule.fields(side)]
    return all(value is None or (side is Side.BC and value == 0) for value in values)


def _all_or_nothing(found: list[Drift], coupling: Coupling, now: Halves) -> list[Drift]:
    """Under `fail`, edits on both sides of a record are a conflict though no field was edited twice (3.6)."""
    both = [one for one in found if one.rule.direction is Direction.BOTH]
    known = [one for one in both if any(name in coupling.half(s).base for s in Side for name in one.rule.fields(s))]
    edited = {side for side in Side for one in known if _moved(side, one.rule, coupling, now)}
    if len(edited) < 2:
        return found
    return [replace(one, winner=None) if one in both else one for one in found]
