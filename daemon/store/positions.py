"""Where capture and sweeps go on: `producers.ports.Positions`, with its published and applied marks (promise 5)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.database import Database, upsert
from daemon.store.tables import JobRow, PageRow, PositionRow, ProgressRow
from producers.ports import Marks, Position, Published

# How far partitions are applied in one log: {(topic, partition): last offset}.
Progress = Mapping[tuple[str, int], int]


class SqlPositions:
    """One writer per position (the leader); a page counts as applied when its outcomes are in the store."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def load(self, name: str) -> Marks | None:
        row = PositionRow
        query = select(row.published, row.applied, row.log_id).where(row.name == name)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).one_or_none()
        return None if found is None else Marks(*found)

    async def begin(self, name: str, position: Position, log_id: str) -> None:
        """Sets both marks and forgets pages in flight: the log is new, or the position is."""
        now, value = self._now(), dict(position)
        marks: dict[str, Any] = {
            "published": value,
            "applied": value,
            "log_id": log_id,
            "published_at": now,
            "applied_at": now,
        }
        async with self._database.write() as connection:
            statement = upsert(connection, PositionRow).values(name=name, **marks)
            await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=marks))
            await connection.execute(delete(PageRow).where(PageRow.position == name))

    async def published(
        self, name: str, position: Position, page: Published, count: int, *, job: int | None = None
    ) -> None:
        """Moves the published mark past a page and remembers it until applied; counts it for `job` if it is swept.

        One transaction, so that after a kill a page is both counted and passed, or neither (promise 6).
        LookupError if the position was never begun, or is forgotten.
        """
        async with self._database.write() as connection:
            moved = update(PositionRow).where(PositionRow.name == name)
            moved = moved.values(published=dict(position), published_at=self._now())
            if (await connection.execute(moved)).rowcount == 0:
                raise LookupError(f"the position {name!r} was never begun")
            last = select(func.coalesce(func.max(PageRow.seq), 0)).where(PageRow.position == name)
            seq = (await connection.execute(last)).scalar_one() + 1
            await connection.execute(insert(PageRow), _page_row(name, seq, position, page, count))
            if job is not None:
                counted = update(JobRow).where(JobRow.id == job).values(published=JobRow.published + count)
                await connection.execute(counted)

    async def settle(self, name: str) -> bool:
        """Moves the applied mark past every page whose outcomes are stored; True when none is in flight.

        Pages count in the order they were published: one that is applied waits for those before it.
        """
        async with self._database.read() as connection:
            pages = await _pages(connection, name)
            if not pages or not await _applied_prefix(connection, name, pages):
                return not pages
        async with self._database.write() as connection:
            return await self._settle(connection, name)

    async def _settle(self, connection: AsyncConnection, name: str) -> bool:
        # Looked at again under the lock: the position may have begun anew, with pages of another log.
        await connection.execute(select(PositionRow.name).where(PositionRow.name == name).with_for_update())
        pages = await _pages(connection, name)
        done = await _applied_prefix(connection, name, pages) if pages else 0
        if done:
            seq = pages[done - 1].seq
            value = select(PageRow.value).where(PageRow.position == name, PageRow.seq == seq)
            position = (await connection.execute(value)).scalar_one()
            moved = update(PositionRow).where(PositionRow.name == name)
            await connection.execute(moved.values(applied=position, applied_at=self._now()))
            await connection.execute(delete(PageRow).where(PageRow.position == name, PageRow.seq <= seq))
        return done == len(pages)

    async def forget(self, name: str) -> None:
        """A sweep's position is of no use once it is over; forgetting an unknown one is no mistake."""
        async with self._database.write() as connection:
            await connection.execute(delete(PageRow).where(PageRow.position == name))
            await connection.execute(delete(PositionRow).where(PositionRow.name == name))


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


async def _applied_prefix(connection: AsyncConnection, name: str, pages: Sequence[Row[Any]]) -> int:
    """How many pages, from the first on, are applied without a gap."""
    row = ProgressRow
    query = select(row.topic, row.partition, row.last_offset).join(PositionRow, PositionRow.log_id == row.log_id)
    query = query.where(PositionRow.name == name, row.topic.in_({page.topic for page in pages}))
    progress = {(topic, partition): offset for topic, partition, offset in await connection.execute(query)}
    for number, page in enumerate(pages):
        if not _is_applied(page, progress):
            return number
    return len(pages)


def _is_applied(page: Row[Any], progress: Progress) -> bool:
    """A page without offsets put nothing on the log, so nothing is left to apply."""
    return all(progress.get((page.topic, int(number)), -1) >= last for number, last in page.offsets.items())
