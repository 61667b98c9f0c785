"""When a failed record is carried again by itself (promise 7)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile
from typing import Any

from sqlalchemy import ColumnElement, case, literal, null

from daemon.store.columns import UtcDateTime

# Transient failures come again after 30 s, 1 min, 2 min … at most an hour; waiting ones later, should nobody wake them.
TRANSIENT, WAITING, LONGEST = timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1)
# Before all whose pause is over.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


def pauses(first: timedelta) -> list[timedelta]:
    """After the first attempt, the second, …; after all later ones the last."""
    doubled = (first * 2**times for times in count())
    return [*takewhile(lambda one: one < LONGEST, doubled), LONGEST]


def first_again(transient: bool, waits: bool, now: datetime) -> datetime | None:
    """Of a record that has failed once: `now` and the first pause, if it may pass by itself."""
    if transient:
        return now + TRANSIENT
    return now + WAITING if waits else None


def again_at(attempts: Any, transient: Any, waits_for: Any, now: datetime) -> ColumnElement[datetime | None]:
    """The same of so many attempts, as an expression of a statement."""
    waiting = ~transient & waits_for.is_not(None)
    return case(*_steps(attempts, transient, TRANSIENT, now), *_steps(attempts, waiting, WAITING, now), else_=null())


def _steps(attempts: Any, kind: Any, first: timedelta, now: datetime) -> Iterator[tuple[Any, Any]]:
    *steps, longest = pauses(first)
    for number, step in enumerate(steps, 1):
        yield kind & (attempts == number), literal(now + step, UtcDateTime())
    yield kind, literal(now + longest, UtcDateTime())
