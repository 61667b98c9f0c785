"""Two coupled records compared field by field, and who is right where they differ: pure.

A field that travels both ways, by one line or by two opposite ones, differs only if neither side is what the other
makes of it: a text that had to be cut is no difference. Where one side alone moved since both last agreed, or the rules
of one way alone changed, that way decides. Who moved is right; if neither has, Business Central is, as in a full
synchronisation (business-central-sync 4.4); if both have, the mapping's rule decides (3.6).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from consumers.translate import Untranslatable, joined_alike, references, rounded, rules_for, same, translate
from schemas.coupling import Coupling, Half, Lookups, Reference
from schemas.errors import Problem
from schemas.field_mapping import FieldRule, When
from schemas.mapping import OnUpdateConflict, TableMapping
from schemas.side import Direction, Side

Halves = Mapping[Side, Half]
# The line that a field is told by, then the opposite ones.
Lines = tuple[FieldRule, ...]
Ways = Mapping[Direction, FieldRule]
_MISSING = object()
_POLICY = {OnUpdateConflict.BC_WINS: Side.BC, OnUpdateConflict.SALES_WINS: Side.SALES}


@dataclass(frozen=True, slots=True)
class Hints:
    """`renewed`, by the name of a field: the ways whose translation has changed since its values were agreed on.
    `shown`, by a mapping that is looked up: what Business Central shows of it where it holds a blank, which is its own
    currency (business-central-sync 1.3).
    """

    renewed: Mapping[str, Collection[Direction]] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)


_NONE = Hints()


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


def drifts(
    mapping: TableMapping, coupling: Coupling, now: Halves, lookups: Lookups, hints: Hints = _NONE
) -> list[Drift]:
    """The fields that differ, in the order of the mapping. `now`: both records as halves of a coupling."""
    found: list[Drift] = []
    for lines in lines_of(mapping):
        ways = ways_of(mapping, lines)
        moved = {side for side in Side if has_moved(side, lines[0], coupling, now)}
        decisive = _decisive(ways, moved, hints.renewed.get(lines[0].name, ()))
        winner = _winner(mapping, lines[0], coupling, now, (decisive, moved))
        found += [Drift(lines[0], winner, problem) for problem in _differing(decisive, now, lookups, hints)]
    fail = mapping.on_update_conflict is OnUpdateConflict.FAIL
    return _all_or_nothing(mapping, found, coupling, now) if fail else found


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


def lines_of(mapping: TableMapping) -> Iterator[Lines]:
    """Two opposite lines are one field, told where the line to Sales stands."""
    for rule in mapping.fields:
        opposite = mapping.opposite(rule)
        if not (opposite and rule.direction is Direction.TO_BC):
            yield (rule, *opposite)


def _decisive(ways: Ways, moved: Collection[Side], renewed: Collection[Direction]) -> Ways:
    """The ways by which the field may be alike: that of the side that alone has moved, or of the rule that alone has
    changed; else any.
    """
    edited = {way: rule for way, rule in ways.items() if way.source in moved}
    changed = {way: rule for way, rule in ways.items() if way in renewed}
    return next((one for one in (edited, changed) if one), ways)


def _differing(ways: Ways, now: Halves, lookups: Lookups, hints: Hints) -> list[Problem | None]:
    """[] if the field is alike; else one entry, the reason why it cannot be carried, if it cannot."""
    problem: Problem | None = None
    for way, rule in ways.items():
        try:
            lacking = _lacking(rule, way, now, lookups)
            if all(_shown(rule, way, value, now, hints) for value in lacking.values()):
                return []
        except Untranslatable as error:
            problem = problem or error.problem
    return [problem] if ways else []


def ways_of(mapping: TableMapping, lines: Lines) -> Ways:
    """The ways that the field travels, each with its line."""
    ways = mapping.direction.one_ways
    return {way: one for way in ways for one in lines if one in rules_for(mapping, way, When.ALWAYS)}


def _lacking(rule: FieldRule, way: Direction, now: Halves, lookups: Lookups) -> dict[str, Any]:
    """What the destination does not hold of the source's field. What the row does not tell is alike."""
    there, names = way.source.other, rule.fields(way.source.other)
    held = now[there].base
    made = translate([rule], way, now[way.source].base, lookups)
    if joined_alike(names, made, held):
        return {}
    return {name: value for name, value in made.items() if name in held and not _alike(there, value, held[name])}


def _shown(rule: FieldRule, way: Direction, value: Any, now: Halves, hints: Hints) -> bool:
    """Is it a blank in Business Central, for which that shows what it holds?"""
    if value is not None or rule.lookup is None or way is not Direction.TO_BC:
        return False
    shown = hints.shown.get(rule.lookup.mapping)
    return shown is not None and all(now[Side.BC].base.get(name) == shown for name in rule.bc)


def _alike(there: Side, value: Any, held: Any) -> bool:
    """As Sales rounds it, and a blank whatever each side calls it: BC has no nulls (wire-protocols A2)."""
    if there is Side.BC:
        return same(there, value, held)
    return same(there, value, held) or rounded(value, held) or (held is None and value == 0)


def _winner(
    mapping: TableMapping, rule: FieldRule, coupling: Coupling, now: Halves, known: tuple[Ways, Collection[Side]]
) -> Side | None:
    """`known`: the ways that decide, and who has moved."""
    decisive, moved = known
    if len(decisive) == 1:
        return next(iter(decisive)).source
    if not was_agreed(rule, coupling):
        return Side.SALES if _is_blank(Side.BC, rule, now) else Side.BC
    return _POLICY.get(mapping.on_update_conflict) if len(moved) == 2 else Side.BC


def was_agreed(rule: FieldRule, coupling: Coupling) -> bool:
    """Does either side know a value of it that both last agreed on?"""
    return any(name in coupling.half(side).base for side in Side for name in rule.fields(side))


def has_moved(side: Side, rule: FieldRule, coupling: Coupling, now: Halves) -> bool:
    base, held = coupling.half(side).base, now[side].base
    return any(held.get(name) != base.get(name, _MISSING) for name in rule.fields(side))


def _is_blank(side: Side, rule: FieldRule, now: Halves) -> bool:
    """BC has no nulls: its 0 and false are blanks too (wire-protocols A2)."""
    values = [now[side].base.get(name) for name in rule.fields(side)]
    return all(value is None or (side is Side.BC and value == 0) for value in values)


def _all_or_nothing(mapping: TableMapping, found: list[Drift], coupling: Coupling, now: Halves) -> list[Drift]:
    """Under `fail`, edits on both sides of a record are a conflict though no field was edited twice (3.6)."""
    both = [one for one in found if mapping.both_ways(one.rule)]
    known = [one for one in both if was_agreed(one.rule, coupling)]
    edited = {side for side in Side for one in known if has_moved(side, one.rule, coupling, now)}
    if len(edited) < 2:
        return found
    return [replace(one, winner=None) if one in both else one for one in found]
