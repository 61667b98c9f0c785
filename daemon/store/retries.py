"""Which failed records are due again, and which are left alone (`producers.retry.Failures`, promise 7)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count, takewhile
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import aliased

from daemon.store.blanks import still_coupled
from daemon.store.database import Database, chunks
from daemon.store.owing import LATER
from daemon.store.tables import FailureRow, OwedReferenceRow
from daemon.store.waking import LateWakes
from producers.retry import Due
from schemas.side import Direction, Side

# Transient failures come again after 30 s, 1 min, 2 min … at most an hour; waiting ones later, should nobody wake them.
TRANSIENT, WAITING, LONGEST = timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1)


class Retries:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._late = LateWakes(database)

    async def due(self, now: datetime, limit: int, served: Collection[tuple[str, Direction]]) -> list[Due]:
        """Those woken, and those whose back-off is over, in the order of mapping and direction; records that owe a
        look-up which is coupled now among them.
        """
        row = FailureRow
        places = or_(*(and_(row.mapping == mapping, row.direction == way.value) for mapping, way in served))
        may = or_(row.woken, *_over(now))
        query = select(*row.__table__.columns).where(*_open(), may, places).order_by(row.woken.desc(), row.last_at)
        await self._late.once(now)
        async with self._database.read() as connection:
            ready = [_due(one) for one in await connection.execute(query.limit(limit))]
            owing = (await connection.execute(_owing(served, now).limit(limit))).all()
        ready += [Due(one.mapping, Direction(one.direction), one.source_key) for one in owing]
        return sorted(dict.fromkeys(ready[:limit]), key=lambda one: (one.mapping, one.direction, one.key))

    async def failed(self, mapping: str, direction: Direction) -> list[Due]:
        row = FailureRow
        query = select(*row.__table__.columns).where(*_open(), row.mapping == mapping, row.direction == direction.value)
        async with self._database.read() as connection:
            return [_due(one) for one in await connection.execute(query.order_by(row.id))]

    async def taken(self, due: Sequence[Due], now: datetime) -> None:
        row = FailureRow
        async with self._database.write() as connection:
            for one in due:
                here = (row.mapping == one.mapping, row.direction == one.direction.value, row.source_key == one.key)
                seen = (row.last_at == one.last_at,) if one.last_at else ()
                await connection.execute(update(row).where(*here, *seen).values(last_at=now, woken=False))
                owed = OwedReferenceRow
                here = (owed.mapping == one.mapping, owed.direction == one.direction.value, owed.source_key == one.key)
                await connection.execute(update(owed).where(*here, owed.due_at <= now).values(due_at=now + LATER))

    async def skipped(self, mapping: str, side: Side) -> frozenset[str]:
        """The ids on `side` of records that are left alone, in whichever direction they failed."""
        row = FailureRow
        column = row.bc_id if side is Side.BC else row.sales_id
        query = select(column).where(row.mapping == mapping, row.skipped_at.is_not(None), row.resolved_at.is_(None))
        async with self._database.read() as connection:
            return frozenset(one for one in await connection.scalars(query) if one)

    async def versions(self, mapping: str, side: Side, ids: Iterable[str]) -> dict[str, str]:
        """Those of these ids on `side` of which a failure is open in the direction from there: the version that
        failed."""
        row, found = FailureRow, dict[str, str]()
        here = (row.mapping == mapping, row.direction == Direction.from_side(side).value, row.resolved_at.is_(None))
        async with self._database.read() as connection:
            for chunk in chunks(sorted(ids)):
                query = select(row.source_key, row.version).where(*here, row.source_key.in_(chunk))
                found.update(dict((await connection.execute(query)).all()))
        return found

    async def retry(
        self, mappings: Iterable[str], records: Iterable[str] | None = None, causes: Iterable[str] | None = None
    ) -> int:
        """Open failures (of these records, by either id; of these causes) are due at once, and skipped no more; how
        many.
        """
        row, found = FailureRow, 0
        again = update(row).where(row.mapping.in_(list(mappings)), row.resolved_at.is_(None))
        again = (again if causes is None else again.where(_of_causes(list(causes)))).values(woken=True, skipped_at=None)
        async with self._database.write() as connection:
            if records is None:
                return int((await connection.execute(again)).rowcount)
            for ids in chunks([one.lower() for one in records]):
                done = await connection.execute(again.where(or_(row.bc_id.in_(ids), row.sales_id.in_(ids))))
                found += int(done.rowcount)
        return found


def _owing(served: Collection[tuple[str, Direction]], now: datetime) -> Select[str, str, str]:
    """If they went through, coupled ones only: one uncoupled since must not get a partner by way of a retry."""
    row = OwedReferenceRow
    places = or_(*(and_(row.mapping == mapping, row.direction == way.value) for mapping, way in served))
    return (
        select(row.mapping, row.direction, row.source_key)
        .where(row.due_at <= now, places, or_(row.left_out, still_coupled()))
        .distinct()
    )


def _of_causes(causes: list[str]) -> ColumnElement[bool]:
    """The records these causes hit, in both directions: a record is left alone in both."""
    hit = aliased(FailureRow)
    named = (hit.cause.in_(causes), hit.resolved_at.is_(None))
    bc, sales = (select(column).where(*named, column.is_not(None)) for column in (hit.bc_id, hit.sales_id))
    return or_(FailureRow.bc_id.in_(bc), FailureRow.sales_id.in_(sales))


def _open() -> tuple[ColumnElement[bool], ...]:
    return FailureRow.resolved_at.is_(None), FailureRow.skipped_at.is_(None)


def _due(row: Any) -> Due:
    return Due(row.mapping, Direction(row.direction), row.source_key, row.last_at)


def pause(row: Any) -> timedelta:
    """From the last attempt to the next."""
    pauses = _pauses(TRANSIENT if row.transient else WAITING)
    attempts: int = row.attempts
    return pauses[min(attempts, len(pauses)) - 1]


def _pauses(first: timedelta) -> list[timedelta]:
    """After the first attempt, the second, …; after all later ones the last."""
    doubled = (first * 2**times for times in count())
    return [*takewhile(lambda one: one < LONGEST, doubled), LONGEST]


def _over(now: datetime) -> Iterator[ColumnElement[bool]]:
    """Failures that may pass by themselves, and whose pause is over."""
    row = FailureRow
    for first, kind in ((TRANSIENT, row.transient), (WAITING, and_(~row.transient, row.waits_for.is_not(None)))):
        *steps, longest = _pauses(first)
        for attempts, step in enumerate(steps, 1):
            yield and_(kind, row.attempts == attempts, row.last_at <= now - step)
        yield and_(kind, row.attempts > len(steps), row.last_at <= now - longest)
