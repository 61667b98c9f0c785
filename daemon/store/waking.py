"""Late wakes: who waits for a pair that is coupled by now, and was not woken when it was.

Two batches that are carried out side by side see little of each other: one couples the pair while the other still finds
it missing, and is not recorded yet when waiting records are woken. A look now and then finds what that left behind.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union, update

from consumers.problems import NO_REFERENCE
from daemon.store.database import Database
from daemon.store.failing import reference_of
from daemon.store.lookups import look_up
from daemon.store.pauses import AT_ONCE
from daemon.store.tables import FailureRow, OwedReferenceRow

_PAUSE = timedelta(minutes=1)
_PAGE = 500


class LateWakes:
    """Names that are waited for, a page at a time, so that many of them cost little at once."""

    def __init__(self, database: Database, page: int = _PAGE) -> None:
        self._database, self._page = database, page
        self._after = ""
        self._again: datetime | None = None

    async def once(self, now: datetime) -> None:
        """Looks at the next page; after the last one, not before a minute has passed."""
        if self._again and now < self._again:
            return
        owed, failure = OwedReferenceRow, FailureRow
        waiting = (*_waiting(now), failure.waits_for > self._after)
        names = union(
            self._page_of(owed.waits_for, owed.due_at.is_(None), owed.waits_for > self._after),
            self._page_of(failure.waits_for, *waiting),
        ).subquery()
        async with self._database.read() as connection:
            query = select(names.c.waits_for).order_by(names.c.waits_for).limit(self._page)
            found = {name: reference_of(name) for name in await connection.scalars(query)}
            coupled = (await look_up(connection, found.values())).keys()
        if late := [name for name, reference in found.items() if reference in coupled]:
            async with self._database.write() as connection:
                missed = update(owed).where(owed.waits_for.in_(late), owed.due_at.is_(None))
                await connection.execute(missed.values(due_at=now))
                missed = update(failure).where(failure.waits_for.in_(late), *_waiting(now))
                await connection.execute(missed.values(woken=True, again_at=AT_ONCE))
        last = len(found) < self._page
        self._after = "" if last else list(found)[-1]
        self._again = now + _PAUSE if last else None

    def _page_of(self, name: Any, *which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        """The next ones, in order: each table is read no further."""
        found = select(name.label("waits_for")).where(*which).distinct().order_by(name).limit(self._page).subquery()
        return select(found.c.waits_for)


def _waiting(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Failures that wait for a pair, not for a name that a coupled one has yet to get; not on their way just now."""
    row = FailureRow
    still_open = row.resolved_at.is_(None), row.skipped_at.is_(None), row.woken.is_(False)
    return (*still_open, row.waits_for.is_not(None), row.code != NO_REFERENCE, row.last_at <= now - _PAUSE)
