"""The records a survey has read, until its job is over (`consumers.survey.ports.Staging`)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from consumers.survey.ports import Position, Row
from daemon.store.database import Database, chunks, upsert
from daemon.store.tables import JobRow, PositionRow
from daemon.store.tables_of_surveys import SurveyRecordRow
from schemas.change import Change
from schemas.side import Side


class Surveys:
    """A row is kept as the side answered it: versions, references and mapped values are all made from that."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def position(self, job: int, side: Side) -> Position:
        query = select(PositionRow.published).where(PositionRow.name == _name(job, side))
        async with self._database.read() as connection:
            found: Position | None = await connection.scalar(query)
        return found or {}

    async def stage(self, job: int, side: Side, changes: Sequence[Change], position: Position) -> None:
        """A record that a moving page shows twice is kept as it was read last."""
        rows = {one.key: {"job_id": job, "side": side.value, "record_id": one.key, "row": one.after} for one in changes}
        async with self._database.write() as connection:
            if rows:
                statement = upsert(connection, SurveyRecordRow)
                statement = statement.on_conflict_do_update(
                    index_elements=["job_id", "side", "record_id"], set_={"row": statement.excluded["row"]}
                )
                await connection.execute(statement, list(rows.values()))
            await self._move(connection, _name(job, side), position)
            more = update(JobRow).where(JobRow.id == job).values(read=JobRow.read + len(changes))
            await connection.execute(more)

    async def _move(self, connection: AsyncConnection, name: str, position: Position) -> None:
        now, value = self._now(), dict(position)
        marks: dict[str, Any] = {
            "published": value,
            "applied": value,
            "log_id": "",
            "published_at": now,
            "applied_at": now,
        }
        statement = upsert(connection, PositionRow).values(name=name, **marks)
        await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=marks))

    async def page(self, job: int, side: Side, after: str, limit: int) -> list[tuple[str, Row]]:
        row = SurveyRecordRow
        query = select(row.record_id, row.row).where(row.job_id == job, row.side == side.value, row.record_id > after)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(row.record_id).limit(limit))
            return [(record_id, content) for record_id, content in found]

    async def rows(self, job: int, side: Side, ids: Sequence[str]) -> dict[str, Row]:
        row = SurveyRecordRow
        query = select(row.record_id, row.row).where(row.job_id == job, row.side == side.value)
        found: dict[str, Row] = {}
        async with self._database.read() as connection:
            for chunk in chunks(ids):
                for record_id, content in await connection.execute(query.where(row.record_id.in_(chunk))):
                    found[record_id] = content
        return found

    async def forget(self, job: int) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(SurveyRecordRow).where(SurveyRecordRow.job_id == job))
            names = [_name(job, side) for side in Side]
            await connection.execute(delete(PositionRow).where(PositionRow.name.in_(names)))


def _name(job: int, side: Side) -> str:
    return f"survey:{job}:{side.value}"
