"""What `coupled tail` shows of a change that has just ended: one line for people, one object for programs."""

from collections.abc import Collection
from dataclasses import dataclass

from schemas.naming import named
from schemas.outcome import Outcome, Settled
from schemas.side import Direction

# Outcomes that a person has to look at.
FAILED = frozenset({Outcome.FAILED, Outcome.CONFLICT})
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Told:
    """`ended_ms` and `changed_ms` are Unix time in ms, the latter by the clock of the side where it was changed. `name`
    is what that side calls the record, empty if it was deleted. `job`: the one that carried it, None for a live change.
    `code` and `message`: why it failed."""

    ended_ms: int
    changed_ms: int
    mapping: str
    direction: Direction
    outcome: Outcome
    bc_id: str | None
    sales_id: str | None
    name: str
    job: int | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them to show; what is empty is whichever, and so is the direction `both`."""

    mappings: Collection[str] = ()
    directions: Collection[Direction] = ()
    outcomes: Collection[Outcome] = ()

    def has(self, one: Settled) -> bool:
        if self.directions and not any(way.covers(one.direction) for way in self.directions):
            return False
        chosen = ((self.mappings, one.mapping), (self.outcomes, one.outcome))
        return all(not among or value in among for among, value in chosen)


def told(one: Settled, now_ms: int) -> Told:
    """A change that ended at `now_ms`."""
    bc_id, sales_id = one.ids()
    problem, change = one.problem, one.change
    return Told(
        ended_ms=now_ms,
        changed_ms=change.ts_ms,
        mapping=one.mapping,
        direction=one.direction,
        outcome=one.outcome,
        bc_id=bc_id,
        sales_id=sales_id,
        name=named(change.after or {})[:_LONGEST],
        job=change.job,
        code=problem.code if problem else "",
        message=problem.message if problem else "",
    )
