"""Where capture and sweeps go on: `producers.ports.Positions`, with its published and applied marks (promise 5)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.columns import table_of
from daemon.store.database import Database, upsert
from daemon.store.progress import Progress, progress_of, set_back, went_back
from daemon.store.tables import JobRow, PageRow, PositionRow
from producers.ports import Marks, Position, Published
from schemas.errors import Unreachable
from schemas.outcome import Outcome

_log = structlog.get_logger(__name__)


class SqlPositions:
    """One writer per position (the leader); a page counts as applied when its outcomes are in the store."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        # How far topics were applied when last looked at, by position: before its next page is published.
        self._before: dict[str, Progress] = {}

    async def load(self, name: str) -> Marks | None:
        row = PositionRow
        query = select(row.published, row.applied, row.log_id).where(row.name == name)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).one_or_none()
            self._before[name] = await progress_of(connection, name)
        return None if found is None else Marks(*found)

    async def resume(self, name: str, log_id: str) -> Position | None:
        """Where to go on: after what is published, or, on another log, after what is applied (promise 5).

        Of a job that has lost its log, what has no outcome does not count as published: it is swept again (DESIGN 2.4).
        """
        marks = await self.load(name)
        if marks is None:
            return None
        if marks.log_id == log_id:
            return marks.published
        async with self._database.write() as connection:
            await self._settle(connection, name)  # a kill may have come between the outcomes and the mark
            applied = await _applied(connection, name)
            await self._begin(connection, name, applied, log_id)
            self._before[name] = await progress_of(connection, name)
        _log.info("resumed_from_applied", position=name, reason="the Kafka log is a new one")
        return applied

    async def begin(self, name: str, position: Position, log_id: str) -> None:
        """Sets both marks of a position that has not begun, or begins anew."""
        async with self._database.write() as connection:
            await self._begin(connection, name, position, log_id)
            self._before[name] = await progress_of(connection, name)

    async def _begin(self, connection: AsyncConnection, name: str, position: Position, log_id: str) -> None:
        await _forget_pages(connection, name)
        now, value = self._now(), dict(position)
        marks: dict[str, Any] = {
            "published": value,
            "applied": value,
            "log_id": log_id,
            "published_at": now,
            "applied_at": now,
        }
        statement = upsert(connection, PositionRow).values(name=name, **marks)
        await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=marks))

    async def published(
        self, name: str, position: Position, page: Published, count: int, *, job: int | None = None
    ) -> None:
        """Moves the published mark past a page and remembers it until applied; counts it for `job` if it is swept.

        One transaction, so that after a kill a page is both counted and passed, or neither (promise 6).
        LookupError if the position was never begun, or is forgotten. Unreachable if the topic was made anew or cut
        while we ran: it starts again from what is applied, and the page is to be published once more (promise 5).
        """
        async with self._database.write() as connection:
            others = went_back(page, self._before.get(name, {}))
            if others:
                await self._again(connection, name, page, others)
            else:
                await self._passed(connection, name, position, page, count)
                if job is not None:
                    counted = update(JobRow).where(JobRow.id == job).values(published=JobRow.published + count)
                    await connection.execute(counted)
            now = await progress_of(connection, name)
        self._before[name] = now
        if others:
            _log.warning("topic_went_back", topic=page.topic, offsets=others, position=name)
            raise Unreachable(
                "topic-went-back",
                f"The topic {page.topic} gives out offsets that it gave out before: it was made anew, or cut.",
                "Nothing to do: what is not applied yet is published again.",
            )

    async def _passed(
        self, connection: AsyncConnection, name: str, position: Position, page: Published, count: int
    ) -> None:
        moved = update(PositionRow).where(PositionRow.name == name)
        moved = moved.values(published=dict(position), published_at=self._now())
        if (await connection.execute(moved)).rowcount == 0:
            raise LookupError(f"the position {name!r} was never begun")
        last = select(func.coalesce(func.max(PageRow.seq), 0)).where(PageRow.position == name)
        seq = (await connection.execute(last)).scalar_one() + 1
        await connection.execute(insert(PageRow), _page_row(name, seq, position, page, count))

    async def _again(self, connection: AsyncConnection, name: str, page: Published, others: Mapping[int, int]) -> None:
        """Workers may have passed these offsets over already, so they count as applied; what comes after does not."""
        await set_back(connection, page.topic, others)
        log_id = select(PositionRow.log_id).where(PositionRow.name == name)
        applied = await _applied(connection, name)
        await self._begin(connection, name, applied, (await connection.execute(log_id)).scalar_one())

    async def settle(self, name: str) -> bool:
        """Moves the applied mark past every page whose outcomes are stored; True when none is in flight.

        Pages count in the order they were published: one that is applied waits for those before it.
        """
        async with self._database.read() as connection:
            pages = await _pages(connection, name)
            self._before[name] = progress = await progress_of(connection, name)
        if not pages or not _applied_prefix(pages, progress):
            return not pages
        async with self._database.write() as connection:
            return await self._settle(connection, name)

    async def _settle(self, connection: AsyncConnection, name: str) -> bool:
        # Looked at again under the lock: the position may have begun anew, with pages of another log.
        await connection.execute(select(PositionRow.name).where(PositionRow.name == name).with_for_update())
        pages = await _pages(connection, name)
        done = _applied_prefix(pages, await progress_of(connection, name))
        if done:
            seq = pages[done - 1].seq
            value = select(PageRow.value).where(PageRow.position == name, PageRow.seq == seq)
            position = (await connection.execute(value)).scalar_one()
            moved = update(PositionRow).where(PositionRow.name == name)
            await connection.execute(moved.values(applied=position, applied_at=self._now()))
            await connection.execute(delete(PageRow).where(PageRow.position == name, PageRow.seq <= seq))
        return done == len(pages)

    async def forget(self, name: str) -> None:
        """A sweep's position is of no use once it is over; forgetting an unknown one is no mistake.

        A page whose note a kill prevented is on the log twice, and counts twice: published is the sum of outcomes.
        """
        async with self._database.write() as connection:
            await connection.execute(delete(PageRow).where(PageRow.position == name))
            known = await connection.execute(delete(PositionRow).where(PositionRow.name == name))
            if known.rowcount:
                await _recount(connection, name)
        self._before.pop(name, None)


async def _applied(connection: AsyncConnection, name: str) -> Position:
    applied = select(PositionRow.applied).where(PositionRow.name == name)
    found: Position = (await connection.execute(applied)).scalar_one()
    return found


async def _forget_pages(connection: AsyncConnection, name: str) -> None:
    """What has no outcome yet will get none there: it does not count as published."""
    counted = select(func.coalesce(func.sum(PageRow.count), 0)).where(PageRow.position == name)
    lost = (await connection.execute(counted)).scalar_one()
    await connection.execute(delete(PageRow).where(PageRow.position == name))
    if lost:
        await _recount(connection, name, lost)


async def _recount(connection: AsyncConnection, name: str, lost: int = 0) -> None:
    """Of a sweep (`job:<id>`) with nothing in flight: every outcome is one of a record that it has put on the log.

    A job of several parts (`job:<id>:<part>`) has other outcomes too: what is lost is taken off.
    """
    kind, number, *part = name.split(":")
    if kind == "job":
        columns = table_of(JobRow).c
        settled = sum((columns[outcome.value] for outcome in Outcome), start=literal(0))
        published = columns.published - lost if part else settled
        await connection.execute(update(JobRow).where(JobRow.id == int(number)).values(published=published))


def _page_row(name: str, seq: int, position: Position, page: Published, count: int) -> dict[str, Any]:
    return {
        "position": name,
        "seq": seq,
        "value": dict(position),
        "topic": page.topic,
        "offsets": {str(partition): offset for partition, offset in page.offsets.items()},
        "count": count,
    }


async def _pages(connection: AsyncConnection, name: str) -> Sequence[Row[Any]]:
    row = PageRow
    query = select(row.seq, row.topic, row.offsets).where(row.position == name).order_by(row.seq)
    return (await connection.execute(query)).all()


def _applied_prefix(pages: Sequence[Row[Any]], progress: Progress) -> int:
    """How many pages, from the first on, are applied without a gap."""
    for number, page in enumerate(pages):
        if not _is_applied(page, progress):
            return number
    return len(pages)


def _is_applied(page: Row[Any], progress: Progress) -> bool:
    """A page without offsets put nothing on the log, so nothing is left to apply."""
    return all(progress.get((page.topic, int(number)), -1) >= last for number, last in page.offsets.items())
