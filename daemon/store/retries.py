"""Which failed records are due again, and which are left alone (`producers.retry.Failures`, promise 7)."""

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, groupby, zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, union_all, update
from sqlalchemy.orm import aliased

from daemon.store.blanks import still_coupled
from daemon.store.database import Database, chunks
from daemon.store.owing import LATER
from daemon.store.pauses import AT_ONCE, again_at
from daemon.store.tables import FailureRow, OwedReferenceRow
from daemon.store.waking import LateWakes
from producers.retry import Due
from schemas.change import Version
from schemas.outcome import Outcome
from schemas.side import Direction, Side

_PAGE = 500
# Of a record in Business Central, and in Sales.
Ids = tuple[str | None, str | None]


class Retries:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._late = LateWakes(database)

    async def due(self, now: datetime, limit: int, served: Collection[tuple[str, Direction]]) -> list[Due]:
        """Those woken, and those whose back-off is over, in the order of mapping and direction; records that owe a
        look-up which is coupled now among them. Of many, each mapping and direction has its share.
        """
        await self._late.once(now)
        if not served:
            return []
        async with self._database.read() as connection:
            found = (await connection.execute(_due_now(served, now, limit))).all()
            owing = (await connection.execute(_owing(served, now).limit(limit))).all()
        ready = [_due(one) for one in _in_turn(found)]
        ready += [Due(one.mapping, Direction(one.direction), one.source_key) for one in owing]
        return sorted(dict.fromkeys(ready[:limit]), key=lambda one: (one.mapping, one.direction, one.key))

    async def failed(self, mapping: str, direction: Direction, after: str, limit: int) -> list[Due]:
        row = FailureRow  # in the order of its unique index
        here = (row.mapping == mapping, row.direction == direction.value, row.source_key > after)
        query = select(*row.__table__.columns).where(*_open(), *here).order_by(row.source_key).limit(limit)
        async with self._database.read() as connection:
            return [_due(one) for one in await connection.execute(query)]

    async def taken(self, due: Sequence[Due], now: datetime) -> None:
        row = FailureRow
        async with self._database.write() as connection:
            for one in due:
                here = (row.mapping == one.mapping, row.direction == one.direction.value, row.source_key == one.key)
                seen = (row.last_at == one.last_at,) if one.last_at else ()
                again = again_at(row.attempts, row.transient, row.waits_for, now)
                taken = update(row).where(*here, *seen, *_open())
                await connection.execute(taken.values(last_at=now, woken=False, again_at=again))
                owed = OwedReferenceRow
                here = (owed.mapping == one.mapping, owed.direction == one.direction.value, owed.source_key == one.key)
                await connection.execute(update(owed).where(*here, owed.due_at <= now).values(due_at=now + LATER))

    async def skipped(self, mapping: str, side: Side, ids: Iterable[str] | None = None) -> frozenset[str]:
        """The ids on `side` (of these, if they are given) of records that are left alone, in whichever direction they
        failed."""
        row = FailureRow
        column = row.bc_id if side is Side.BC else row.sales_id
        query = select(column).where(row.mapping == mapping, row.skipped_at.is_not(None), row.resolved_at.is_(None))
        queries = [query] if ids is None else [query.where(column.in_(chunk)) for chunk in chunks(ids)]
        async with self._database.read() as connection:
            return frozenset([one for query in queries for one in await connection.scalars(query) if one])

    async def versions(self, mapping: str, side: Side, ids: Iterable[str]) -> dict[str, Version]:
        """Those of these ids on `side` of which a failure is open in the direction from there: the version that
        failed."""
        row, found = FailureRow, dict[str, Version]()
        here = (row.mapping == mapping, row.direction == Direction.from_side(side).value, row.resolved_at.is_(None))
        async with self._database.read() as connection:
            for chunk in chunks(sorted(ids)):
                query = select(row.source_key, row.version, row.sequence).where(*here, row.source_key.in_(chunk))
                for one in await connection.execute(query):
                    found[one.source_key] = Version(one.version, one.sequence)
        return found

    async def hitting(self, mappings: Iterable[str], causes: Iterable[str]) -> frozenset[str]:
        row = FailureRow
        query = select(row.mapping).where(row.mapping.in_(list(mappings)), row.cause.in_(list(causes)))
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(query.where(row.resolved_at.is_(None)).distinct()))

    async def hit(self, mapping: str, causes: Iterable[str], until: datetime | None) -> AsyncIterator[list[Ids]]:
        """Both ids of the records of a mapping that fail for these causes, page by page, as far as they are known; of a
        conflict once. What ends meanwhile, and what began to fail after `until`, is left out.
        """
        row, clashing = FailureRow, set[Ids]()
        for cause in causes:  # in the order of an index, which there is within each
            after = 0
            query = select(row.id, row.bc_id, row.sales_id, row.outcome)
            query = query.where(row.mapping == mapping, row.cause == cause, row.resolved_at.is_(None))
            query = query.where(*(() if until is None else (row.first_at <= until,)))
            query = query.order_by(row.id).limit(_PAGE)
            while True:
                async with self._database.read() as connection:
                    found = (await connection.execute(query.where(row.id > after))).all()
                if not found:
                    break
                after = found[-1].id
                if page := list(_not_seen(found, clashing)):
                    yield page

    async def retry(
        self, mappings: Iterable[str], records: Iterable[str] | None = None, causes: Iterable[str] | None = None
    ) -> int:
        """Open failures (of these records, by either id; of these causes) are due at once, and skipped no more; how
        many.
        """
        row, found = FailureRow, 0
        again = update(row).where(row.mapping.in_(list(mappings)), row.resolved_at.is_(None))
        again = (again if causes is None else again.where(_of_causes(list(causes)))).values(
            woken=True, skipped_at=None, again_at=AT_ONCE
        )
        async with self._database.write() as connection:
            if records is None:
                return int((await connection.execute(again)).rowcount)
            for ids in chunks([one.lower() for one in records]):
                done = await connection.execute(again.where(or_(row.bc_id.in_(ids), row.sales_id.in_(ids))))
                found += int(done.rowcount)
        return found

    async def touched(self, mappings: Iterable[str], records: Iterable[str] | None, since: datetime) -> bool:
        """Has one of the mappings (of these records, by either id) failed, or ended well after it, since then?"""
        row = FailureRow
        query = select(row.id).where(row.mapping.in_(list(mappings)))
        query = query.where(or_(row.last_at >= since, row.resolved_at >= since)).limit(1)
        ids = () if records is None else chunks([one.lower() for one in records])
        queries = [query] if records is None else [query.where(or_(row.bc_id.in_(c), row.sales_id.in_(c))) for c in ids]
        async with self._database.read() as connection:
            for one in queries:
                if await connection.scalar(one) is not None:
                    return True
        return False


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


def _not_seen(found: Iterable[Any], clashing: set[Ids]) -> Iterator[Ids]:
    """Of conflicts those that the other side has not told on this page, or one before."""
    for one in found:
        ids, is_conflict = (one.bc_id, one.sales_id), one.outcome == Outcome.CONFLICT
        if not (is_conflict and ids in clashing):
            yield ids
        if is_conflict:
            clashing.add(ids)


def _open() -> tuple[ColumnElement[bool], ...]:
    return FailureRow.resolved_at.is_(None), FailureRow.skipped_at.is_(None)


def _due(row: Any) -> Due:
    return Due(row.mapping, Direction(row.direction), row.source_key, row.last_at)


def _due_now(served: Collection[tuple[str, Direction]], now: datetime, limit: int) -> Select[*tuple[Any, ...]]:
    """The first of each mapping and direction, by an index: those that are not served are not looked at."""
    row, parts = FailureRow, []
    for mapping, way in served:
        query = select(row.mapping, row.direction, row.source_key, row.last_at, row.again_at)
        query = query.where(row.mapping == mapping, row.direction == way.value, row.again_at <= now)
        parts.append(select(query.order_by(row.again_at).limit(limit).subquery()))
    found = union_all(*parts).subquery()
    return select(found).order_by(found.c.mapping, found.c.direction, found.c.again_at)


def _in_turn(found: Sequence[Any]) -> list[Any]:
    """One of each mapping and direction, then the next of each: many of one do not keep the others waiting."""
    groups = [list(group) for _, group in groupby(found, key=lambda one: (one.mapping, one.direction))]
    return [one for one in chain.from_iterable(zip_longest(*groups)) if one is not None]
