"""The one sentence: in step, or not and why, and what comes next."""

from dataclasses import dataclass, replace

from consumers.decide import Modify
from consumers.deletions import what_ends_it
from consumers.explain.facts import Facts
from consumers.explain.obstacles import Obstacle, clause, kept, obstacles, of_trouble
from consumers.survey.drift import Drift, was_agreed
from schemas.explanation import Why
from schemas.field_mapping import FieldRule
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

# What needs a person first, what passes by itself last.
_GRAVITY = {why: number for number, why in enumerate(Why)}


@dataclass(frozen=True, slots=True)
class Verdict:
    why: Why
    says: str
    next: str = ""
    in_step: bool = False


def verdict(facts: Facts) -> Verdict:
    """Of a record that one side at least, a coupling or a failure knows."""
    if facts.coupling is None:
        return _uncoupled(facts)
    if facts.gone:
        return _gone(facts)
    if facts.drifts:
        return _apart(facts)
    return _blank(facts) if facts.blanks else _in_step(facts)


def of_field(facts: Facts, drift: Drift) -> Verdict:
    """Why a field differs, as a clause."""
    subject = _subject(facts, drift.rule)
    if drift.winner is None:
        return _conflict(facts, subject)
    way = Direction.from_side(drift.winner)
    changed = facts.changed(drift.rule)
    if changed == (way.source.other,):
        return _one_way(facts, subject, way)
    stands = list(obstacles(facts, way))
    outside = any(one.why is Why.OUT_OF_FILTER for one in stands)
    if not outside and not _carries(facts, way, drift.rule):
        return _not_carried(facts, subject, way)
    if drift.problem and not stands:
        stands = [Obstacle(Why.FAILED, clause(drift.problem.message), drift.problem.hint)]
    if stands:
        return Verdict(stands[0].why, f"{subject}, and is not carried because {stands[0].because}", stands[0].next)
    told = f"{subject}, and nothing keeps it from being carried to {way.source.other.label}"
    return Verdict(Why.ON_ITS_WAY, told, _wait(facts, way))


def _apart(facts: Facts) -> Verdict:
    told = [of_field(facts, one) for one in facts.drifts]
    first = min(told, key=lambda one: _GRAVITY[one.why])
    more = len(told) - 1
    rest = f" ({more} other field{'s differ' if more > 1 else ' differs'} too)" if more else ""
    return replace(first, says=f"Not in step: {first.says}{rest}.")


def _conflict(facts: Facts, subject: str) -> Verdict:
    policy = facts.mapping.on_update_conflict.value
    told = f"{subject}, and nothing is carried because on_update_conflict of {facts.mapping.name} is {policy}"
    if facts.flags.paused:
        told += ", and it is paused"
    again = f"`coupled retry {facts.mapping.name} --record {facts.record} --use bc` (or sales)"
    return Verdict(Why.CONFLICT, told, f"Make the values equal on both sides, or carry one side's: {again}.")


def _one_way(facts: Facts, subject: str, way: Direction) -> Verdict:
    source = way.source
    told = f"{subject}, and is not carried because the field travels from {source.label} only"
    return Verdict(Why.ONE_WAY, told, f"{source.label}'s next change of it goes over it. Now: {_use(facts, source)}")


def _not_carried(facts: Facts, subject: str, way: Direction) -> Verdict:
    told = f"{subject}, so that no change carries it"
    return Verdict(Why.NOT_CARRIED, told, f"Carry {way.source.label}'s values: {_use(facts, way.source)}")


def _use(facts: Facts, side: Side) -> str:
    return f"`coupled retry {facts.mapping.name} --record {facts.record} --use {side.value}`."


def _wait(facts: Facts, way: Direction) -> str:
    again = f"`coupled sync {facts.mapping.name} --record {facts.ids[way.source]}`"
    return f"Look again in a moment. If it stays so: {again}."


def _subject(facts: Facts, rule: FieldRule) -> str:
    """What has happened to the field."""
    changed = facts.changed(rule)
    if not was_agreed(rule, facts.known):
        return f"{rule.name} has never been carried between the two"
    if len(changed) == 1:
        [side] = changed
        return f"{whose(side)} {' + '.join(rule.fields(side))} was changed"
    if changed:
        return f"{rule.name} was changed on both sides"
    return f"{rule.name} differs though neither side has changed it since both last agreed"


def whose(side: Side) -> str:
    return "Sales'" if side is Side.SALES else f"{side.label}'s"


def _carries(facts: Facts, way: Direction, rule: FieldRule) -> bool:
    """Would a change of the source's record write the field, or fail to?"""
    made = facts.decision(way)
    if isinstance(made, Modify):
        return any(name in made.fields for name in rule.fields(way.source.other))
    return isinstance(made, Settled) and made.outcome in (Outcome.FAILED, Outcome.CONFLICT)


def _blank(facts: Facts) -> Verdict:
    name, wanted = next(iter(facts.blanks.items()))
    coupled = wanted in facts.lookups
    lacks = "has not got what the field needs yet" if coupled else "is not coupled"
    told = f"{name} went across as a blank, because {wanted.mapping} {wanted.name} {wanted.value} {lacks}"
    done = f"It is filled in by itself once that is so: `coupled full-sync {wanted.mapping}`."
    return Verdict(Why.BLANK, f"Not in step: {told}.", done)


def _in_step(facts: Facts) -> Verdict:
    """Equal now; what would keep later changes back is told with it."""
    later = next((one for way in facts.ways for one in kept(facts, way)), None)
    if later:
        told = f"In step, but a later change is not carried because {later.because}."
        return Verdict(later.why, told, later.next, in_step=True)
    if facts.open:
        retry = f"`coupled retry {facts.mapping.name} --record {facts.record}`"
        told = "In step. A failure of it is still open, and closes when the record is carried again."
        return Verdict(Why.IN_STEP, told, f"{retry} does that now.", in_step=True)
    return Verdict(Why.IN_STEP, "In step.", in_step=True)


def _gone(facts: Facts) -> Verdict:
    coupling, gone = facts.known, facts.gone
    ends = what_ends_it(facts.mapping, coupling, len(gone) > 1)
    whom = f"{gone[0].label} record {coupling.half(gone[0]).id} does" if len(gone) == 1 else "both records do"
    told = f"Not in step: {whom} not exist any more."
    trouble = next((of_trouble(facts, one) for one in facts.open), None)
    if trouble and trouble.why is Why.SKIPPED:
        return Verdict(Why.SKIPPED, f"{told[:-1]}, and {trouble.because}.", trouble.next)
    return Verdict(Why.GONE, told, f"{ends[0].upper()}{ends[1:]}.")


def _uncoupled(facts: Facts) -> Verdict:
    if not facts.seen:
        retry = f"`coupled retry {facts.mapping.name} --record {facts.record}` closes what is open of it."
        return Verdict(Why.GONE, "Not in step: the record does not exist any more.", retry)
    if not facts.ways:
        source = facts.mapping.direction.one_ways[0].source
        told = f"{facts.mapping.name} carries records from {source.label} only"
        couple = f"`coupled couple {facts.mapping.name} BC_ID SALES_ID` couples it with one that is there already."
        return Verdict(Why.ONE_WAY, f"Not in step: it has no partner, and gets none because {told}.", couple)
    return _without_partner(facts, facts.ways[0])


def _without_partner(facts: Facts, way: Direction) -> Verdict:
    there = f"{whose(way.source)} record has no partner in {way.source.other.label}"
    stands = sorted([*obstacles(facts, way), *_only_coupled(facts, way)], key=lambda one: one.why is Why.NOT_LIVE)
    if stands:
        first = stands[0]
        return Verdict(first.why, f"Not in step: {there}, and gets none because {first.because}.", first.next)
    told = f"Not in step: {there} yet, and nothing keeps one from being made."
    return Verdict(Why.ON_ITS_WAY, told, _wait(facts, way))


def _only_coupled(facts: Facts, way: Direction) -> list[Obstacle]:
    if not facts.flags.only_coupled:
        return []
    name, record = facts.mapping.name, facts.ids[way.source]
    told = f"{name} carries coupled records only"
    make = f"`coupled sync {name} --record {record}` makes one, `coupled couple` takes one that is there already."
    return [Obstacle(Why.ONLY_COUPLED, told, make)]
