"""What keeps a record from being carried in a direction: each reason as a clause, with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from consumers.explain.facts import Facts
from schemas import rows
from schemas.explanation import Trouble, Why
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.survey import shown

_CONFLICT, _SKIPPED = "conflict", "skipped"
_WHY = {"retrying": Why.RETRYING, "waiting": Why.WAITING, _CONFLICT: Why.CONFLICT}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`because` goes on from "because"; `next` is what ends it."""

    why: Why
    because: str
    next: str = ""


def obstacles(facts: Facts, way: Direction) -> Iterator[Obstacle]:
    """All there are, in the order in which a change meets them (`consumers.decide`): the first counts."""
    if facts.flags.paused:
        yield _paused(facts)
    yield from _left_alone(facts)
    if not facts.in_filter(way.source):
        yield _outside(facts, way.source)
    yield from _failing(facts, way)
    yield from _refused(facts, way)
    if not facts.mapping.live:
        yield _not_live(facts)


def kept(facts: Facts, way: Direction) -> Iterator[Obstacle]:
    """Those that would keep a later change, of records that are in step now."""
    lasting = (Why.PAUSED, Why.SKIPPED, Why.OUT_OF_FILTER, Why.NOT_LIVE)
    return (one for one in obstacles(facts, way) if one.why in lasting)


def of_trouble(facts: Facts, trouble: Trouble) -> Obstacle:
    """An open failure."""
    problem, because = trouble.problem, clause(trouble.problem.message)
    if trouble.state == _SKIPPED:
        told = f"it failed alike twice, and is left alone in both directions: {because}"
        retry = f"`coupled retry {facts.mapping.name} --record {facts.record}`"
        return Obstacle(Why.SKIPPED, told, f"{problem.hint} {retry} carries it again.".strip())
    again = f"; it is tried again at {moment(trouble.again_at)}" if trouble.again_at else ""
    return Obstacle(_WHY.get(trouble.state, Why.FAILED), f"{because}{again}", problem.hint)


def moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "a time that is not known"


def _paused(facts: Facts) -> Obstacle:
    name = facts.mapping.name
    since = f" since {moment(facts.paused_at)}" if facts.paused_at else ""
    return Obstacle(Why.PAUSED, f"{name} is paused{since}", f"`coupled resume {name}`: it catches up by itself.")


def _left_alone(facts: Facts) -> Iterator[Obstacle]:
    """The failure itself first, not that of its partner, which is left alone with it."""
    skipped = [one for one in facts.open if one.state == _SKIPPED]
    for one in sorted(skipped, key=lambda one: one.problem.code == _SKIPPED)[:1]:
        yield of_trouble(facts, one)


def _outside(facts: Facts, side: Side) -> Obstacle:
    filtered, row = facts.mapping.table(side).filter, facts.seen[side]
    values = ", ".join(f"{name} is {shown(rows.value(facts.mapping, side, row, name))}" for name in filtered.fields)
    told = f"{side.label}'s record is outside the filter of {facts.mapping.name} ({filtered.text}): {values}"
    return Obstacle(
        Why.OUT_OF_FILTER, told, "Change the record, or the mapping's filter: what is outside takes no part."
    )


def _failing(facts: Facts, way: Direction) -> Iterator[Obstacle]:
    """A conflict is one, whichever side has noticed it."""
    for one in facts.open:
        if one.state != _SKIPPED and (one.direction is way or one.state == _CONFLICT):
            yield of_trouble(facts, one)


def _refused(facts: Facts, way: Direction) -> Iterator[Obstacle]:
    """What would become of it were it carried now: nobody has tried yet, or tries no more."""
    made = facts.decision(way)
    if not isinstance(made, Settled):
        return
    if made.outcome is Outcome.IGNORED and made.owed:
        one = made.owed[0]
        told = f"it names {one.mapping} {one.name} {one.value}, which is outside the filter of {one.mapping}"
        yield Obstacle(Why.LEFT_OUT, told, "It is carried by itself once that one is coupled.")
    elif made.outcome in (Outcome.FAILED, Outcome.CONFLICT) and made.problem:
        conflict = made.outcome is Outcome.CONFLICT
        why = Why.CONFLICT if conflict else Why.WAITING if made.waits_for else Why.FAILED
        yield Obstacle(why, clause(made.problem.message), made.problem.hint)


def _not_live(facts: Facts) -> Obstacle:
    name = facts.mapping.name
    return Obstacle(Why.NOT_LIVE, f"{name} carries no live changes (`live: false`)", f"`coupled sync {name}`")


def clause(message: str) -> str:
    told = message.rstrip(".")
    return f"t{told[1:]}" if told.startswith("The ") else told
