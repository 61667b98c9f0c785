"""Creations whose answer was lost, with the connection or with our process (A6, D57; promise 2).

Business Central may carry one out minutes later, and where it chooses the number itself, nothing of ours makes it
refuse a second one. So none is sent before we have looked for the first at a time when it can no longer come. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from consumers.decide import Create, Decision
from consumers.sizes import STILL_AT_WORK, never_arrived
from schemas.errors import ApiError
from schemas.outcome import Intent
from schemas.side import Direction, Side


@dataclass(frozen=True, slots=True)
class Lateness:
    """How long after it was sent a creation may still be carried out: 8 minutes in BC's queue, and 8 at work (A6)."""

    longest: timedelta = timedelta(minutes=16)

    def may_still_come(self, item: Create, now: datetime) -> bool:
        return item.lost_at is not None and now < item.lost_at + self.longest

    def waiting(self, item: Create) -> ApiError:
        """Why it is neither there nor created again."""
        until = item.lost_at and (item.lost_at + self.longest).strftime("%H:%M UTC")
        return ApiError(
            0,
            "outcome-unknown",
            "the connection was lost before the answer to its creation came, and the service may still carry it out",
            f"It is looked for again by itself, and created anew if it is not there after {until}.",
        )


def is_blind(item: Create) -> bool:
    """Does BC choose the number of the new record?"""
    return item.change.direction is Direction.TO_BC and not item.fields.get(item.mapping.bc.key)


def lost(step: Decision, error: ApiError, now: datetime) -> Decision:
    """The step that follows a transient error, with the time if its connection was lost."""
    late = error.status in STILL_AT_WORK and not never_arrived(error)
    return replace(step, lost_at=now) if isinstance(step, Create) and late else step


def sent(item: Create, now: datetime) -> Intent:
    """What is written down before it is sent: lost, for all anybody knows after a kill, until it is answered."""
    return Intent(item.mapping.name, item.change.key, item.traces, now, sent_at=now)


def to_note(steps: Sequence[Decision]) -> list[Intent]:
    """Of creations in BC that go on after an answer: when one was lost, with what it had sent, or that none was."""
    found = going_on(steps, Side.SALES)
    return [Intent(one.mapping.name, one.change.key, one.traces, one.lost_at, sent_at=one.sent_at) for one in found]


def going_on(steps: Sequence[object], source: Side) -> list[Create]:
    """Creations for records of a side, but those that found their place taken by the first try: of these nothing is
    there, so nothing is noted."""
    creates = (one for one in steps if isinstance(one, Create) and one.change.side is source)
    return [one for one in creates if one.tried or not one.taken]
