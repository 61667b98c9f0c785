"""Where capture and sweeps go on: `producers.ports.Positions`, with its published and applied marks (promise 5)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.database import Database
from daemon.store.marks import (
    applied_mark,
    applied_prefix,
    begin_anew,
    in_flight,
    mark_and_pages,
    read_again,
    recount,
    settle_pages,
)
from daemon.store.progress import Progress, progress_of, set_back, went_back
from daemon.store.tables import JobRow, PageRow, PositionRow, ProgressRow
from producers.ports import Marks, Position, Published
from schemas.errors import Unreachable

_log = structlog.get_logger(__name__)


class SqlPositions:
    """One writer per position (the leader); a page counts as applied when its outcomes are in the store."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        # How far topics were applied when last looked at, by position: before its next page is published.
        self._before: dict[str, Progress] = {}
        # The published marks as we left them: others are set back by whoever finds messages gone.
        self._held: dict[str, Position] = {}

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
            self._held[name] = marks.published
            return marks.published
        async with self._database.write() as connection:
            await settle_pages(connection, name, self._now())  # a kill may have come between the outcomes and the mark
            applied = await applied_mark(connection, name)
            await begin_anew(connection, name, applied, log_id, self._now())
            self._before[name] = await progress_of(connection, name)
        self._held[name] = applied
        _log.info("resumed_from_applied", position=name, reason="the Kafka log is a new one")
        return applied

    async def begin(self, name: str, position: Position, log_id: str) -> None:
        """Sets both marks of a position that has not begun, or begins anew."""
        async with self._database.write() as connection:
            await begin_anew(connection, name, position, log_id, self._now())
            self._before[name] = await progress_of(connection, name)
        self._held[name] = dict(position)

    async def published(
        self, name: str, position: Position, page: Published, count: int, *, job: int | None = None
    ) -> None:
        """Moves the published mark past a page and remembers it until applied; counts it for `job` if it is swept.

        One transaction, so that after a kill a page is both counted and passed, or neither (promise 6).
        LookupError if the position was never begun, or is forgotten. Unreachable if the topic was made anew or cut, or
        lost what nobody had read: it starts again from what is applied, and the page is to be published once more
        (promise 5).
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
        self._held.pop(name, None) if others else self._held.update({name: dict(position)})
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
        mark = select(PositionRow.published).where(PositionRow.name == name).with_for_update()
        found = (await connection.execute(mark)).scalar_one_or_none()
        if found is None:
            raise LookupError(f"the position {name!r} was never begun")
        self._unmoved(name, found)
        moved = update(PositionRow).where(PositionRow.name == name)
        await connection.execute(moved.values(published=dict(position), published_at=self._now()))
        last = select(func.coalesce(func.max(PageRow.seq), 0)).where(PageRow.position == name)
        seq = (await connection.execute(last)).scalar_one() + 1
        await connection.execute(insert(PageRow), _page_row(name, seq, position, page, count))

    async def _again(self, connection: AsyncConnection, name: str, page: Published, others: Mapping[int, int]) -> None:
        """Workers may have passed these offsets over already, so they count as applied; what comes after does not."""
        await set_back(connection, page.topic, others)
        query = select(PositionRow.log_id).where(PositionRow.name == name)
        log_id = (await connection.execute(query)).scalar_one()
        for one in {name, *await in_flight(connection, page.topic, log_id, others)}:
            await begin_anew(connection, one, await applied_mark(connection, one), log_id, self._now())

    def _unmoved(self, name: str, found: Position) -> None:
        """Unreachable if the position was set back since we moved it: its owner is to resume."""
        if found != self._held.get(name, found):
            del self._held[name]
            raise Unreachable(
                "messages-gone",
                f"Messages of {name} that nobody had read are gone: retention, or somebody, has deleted them.",
                "What is not applied yet is published again. Let topics keep messages for longer.",
            )

    async def gone(self, topic: str, log_id: str, first: Mapping[int, int]) -> bool:
        """Told where each partition's messages begin now: whether some are gone that nobody has read.

        What is not applied of them is to be published again (promise 5), though nothing follows them.
        """
        row = ProgressRow
        query = select(row.partition, row.last_offset).where(row.topic == topic, row.log_id == log_id)
        async with self._database.read() as connection:
            if not _missed({one.partition: one.last_offset for one in await connection.execute(query)}, first):
                return False
        async with self._database.write() as connection:
            known = {one.partition: one.last_offset for one in await connection.execute(query.with_for_update())}
            missed = _missed(known, first)
            if missed:
                await read_again(connection, topic, log_id, missed, self._now())
                for partition in missed:
                    moved = update(row).where(row.topic == topic, row.partition == partition, row.log_id == log_id)
                    await connection.execute(moved.values(last_offset=first[partition] - 1))
        return bool(missed)

    async def settle(self, name: str) -> bool:
        """Moves the applied mark past every page whose outcomes are stored; True when none is in flight.

        Pages count in the order they were published: one that is applied waits for those before it. Unreachable if the
        position was set back, since messages that nobody had read are gone.
        """
        async with self._database.read() as connection:
            mark, pages = await mark_and_pages(connection, name)
            if mark is not None:
                self._unmoved(name, mark)
            self._before[name] = progress = await progress_of(connection, name)
        if not pages or not applied_prefix(pages, progress):
            return not pages
        async with self._database.write() as connection:
            return await settle_pages(connection, name, self._now())

    async def forget(self, name: str) -> None:
        """A sweep's position is of no use once it is over; forgetting an unknown one is no mistake.

        A page whose note a kill prevented is on the log twice, and counts twice: published is the sum of outcomes.
        """
        async with self._database.write() as connection:
            await connection.execute(delete(PageRow).where(PageRow.position == name))
            known = await connection.execute(delete(PositionRow).where(PositionRow.name == name))
            if known.rowcount:
                await recount(connection, name)
        self._before.pop(name, None)
        self._held.pop(name, None)


def _missed(known: Mapping[int, int], first: Mapping[int, int]) -> dict[int, int]:
    """From which offset on messages are gone, of partitions that anything is applied of: another log is begun anew."""
    return {number: last + 1 for number, last in known.items() if first.get(number, 0) > last + 1}


def _page_row(name: str, seq: int, position: Position, page: Published, count: int) -> dict[str, Any]:
    return {
        "position": name,
        "seq": seq,
        "value": dict(position),
        "topic": page.topic,
        "offsets": {str(partition): offset for partition, offset in page.offsets.items()},
        "count": count,
    }
