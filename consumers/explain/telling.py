"""The whole explanation: the sentence, both sides, field by field, and what would be done."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from consumers.decide import Create, Decision, Deletion, Modify
from consumers.explain.facts import Facts
from consumers.explain.verdict import of_field, verdict
from consumers.survey.drift import Drift, Lines, lines_of, ways_of
from consumers.survey.labels import label
from schemas.explanation import Explanation, FieldRow, Held, Would
from schemas.field_mapping import FieldRule
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

_DOES = {Outcome.FAILED: "fail", Outcome.CONFLICT: "conflict", Outcome.IGNORED: "ignore"}


def explain(facts: Facts) -> Explanation:
    """Why the record is, or is not, in step, by the rules that carry it."""
    mapping, told = facts.mapping, verdict(facts)
    return Explanation(
        mapping=mapping.name,
        direction=mapping.direction,
        in_step=told.in_step,
        why=told.why,
        says=told.says,
        next=told.next,
        bc=_held(facts, Side.BC),
        sales=_held(facts, Side.SALES),
        coupled_at=facts.coupled_at,
        synchronised_at=facts.synchronised_at,
        paused=facts.flags.paused,
        paused_at=facts.paused_at,
        live=mapping.live,
        only_coupled=facts.flags.only_coupled,
        fields=tuple(_fields(facts)),
        would=tuple(_would(way, facts.decision(way)) for way in facts.ways) if not _half_gone(facts) else (),
        failures=tuple(facts.failures),
        history=tuple(facts.history),
    )


def _half_gone(facts: Facts) -> bool:
    """Of a coupled pair: what is to be done about the survivor is on_delete's to say."""
    return facts.coupling is not None and bool(facts.gone)


def _held(facts: Facts, side: Side) -> Held:
    table, row = facts.mapping.table(side), facts.seen.get(side)
    known = facts.coupling.half(side).version if facts.coupling else ""
    held = Held(table.name, facts.ids.get(side), filter=table.filter.text, known_version=known)
    if row is None:
        return replace(held, name=_remembered(facts, side))
    called, version = label(facts.mapping, side, row), facts.now[side].version
    return replace(held, name=called, there=True, in_filter=facts.in_filter(side), version=version)


def _remembered(facts: Facts, side: Side) -> str:
    """What the coupling knows of the name of a record that is gone."""
    base = facts.coupling.half(side).base if facts.coupling else {}
    return next((value for value in base.values() if isinstance(value, str)), "")


def _fields(facts: Facts) -> Iterator[FieldRow]:
    differing = {one.rule.name: one for one in facts.drifts}
    for lines in lines_of(facts.mapping):
        yield _field(facts, lines, differing.get(lines[0].name))


def _field(facts: Facts, lines: Lines, drift: Drift | None) -> FieldRow:
    rule, name = lines[0], lines[0].name
    wanted = facts.blanks.get(name)
    blank = f"blank until {wanted.mapping} {wanted.name} {wanted.value} is coupled" if wanted else ""
    return FieldRow(
        field=name,
        travels=_travels(facts, lines),
        bc=_now(facts, rule, Side.BC),
        sales=_now(facts, rule, Side.SALES),
        agreed_bc=_agreed(facts, rule, Side.BC),
        agreed_sales=_agreed(facts, rule, Side.SALES),
        changed=() if wanted else facts.changed(rule),
        differs=drift is not None or wanted is not None,
        wins=drift.winner if drift else None,
        says=of_field(facts, drift).says if drift else blank,
        names={one.value: facts.names[one] for one in facts.ids_in(rule) if facts.names.get(one)},
    )


def _travels(facts: Facts, lines: Lines) -> Direction | None:
    ways = ways_of(facts.mapping, lines)
    return Direction.BOTH if len(ways) > 1 else next(iter(ways), None)


def _now(facts: Facts, rule: FieldRule, side: Side) -> Mapping[str, Any]:
    if side not in facts.now:
        return {}
    return {name: facts.now[side].base.get(name) for name in rule.fields(side)}


def _agreed(facts: Facts, rule: FieldRule, side: Side) -> Mapping[str, Any]:
    base = facts.coupling.half(side).base if facts.coupling else {}
    return {name: base[name] for name in rule.fields(side) if name in base}


def _would(way: Direction, made: Decision | Deletion) -> Would:
    if isinstance(made, Modify | Create):
        does = "modify" if isinstance(made, Modify) else "create"
        return Would(way, does, dict(made.fields))
    if isinstance(made, Settled):
        says = made.problem.message if made.problem else ""
        return Would(way, _DOES.get(made.outcome, "nothing"), says=says)
    return Would(way, "nothing")
