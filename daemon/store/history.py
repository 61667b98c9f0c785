"""What has become of pairs: written in the transaction that records a batch, read for one pair or one job."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.choosing import before
from daemon.store.database import Database, chunks
from daemon.store.tables_of_history import HistoryRow
from schemas.explanation import Event
from schemas.outcome import Lasting, Outcome, Settled
from schemas.side import Direction, Side

# Failures are kept in a table of their own.
_KEPT = frozenset(Outcome(one) for one in Lasting)
_OF_BOTH = (Outcome.COUPLED, Outcome.UNCOUPLED)
_ENDS = (Outcome.DELETED, Outcome.UNCOUPLED)
LAST = 50
_IDS: Mapping[Side, ColumnElement[Any]] = {
    Side.BC: HistoryRow.__table__.c.bc_id,
    Side.SALES: HistoryRow.__table__.c.sales_id,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord(Event):
    """What became of a record in a job. `name`: how people call it, where that was looked up and is known."""

    id: int
    mapping: str
    name: str = ""


async def remember(connection: AsyncConnection, settled: Iterable[Settled], now: datetime) -> None:
    """Those of a batch that changed something, or settled a conflict. That a coupling begins or ends is said of both
    its records and kept once: of the job that counts it, if one does."""
    once: dict[Any, Settled] = {}
    for number, one in enumerate(one for one in settled if one.outcome in _KEPT or one.overruled):
        key = (one.outcome, one.mapping, one.ids()) if one.outcome in _OF_BOTH and not one.wrote else number
        if key not in once or one.change.job is not None:
            once[key] = one
    if rows := [_row(one, now) for one in once.values()]:
        await connection.execute(insert(HistoryRow), rows)


def _row(one: Settled, now: datetime) -> dict[str, Any]:
    bc_id, sales_id = one.ids()
    return {
        "at": now,
        "mapping": one.mapping,
        "direction": one.direction.value,
        "outcome": one.outcome.value,
        "bc_id": bc_id,
        "sales_id": sales_id,
        "wrote": sorted(one.wrote),
        "overruled": dict(one.overruled),
        "job_id": one.change.job,
    }


class History:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, mapping: str, ids: Mapping[Side, str]) -> list[Event]:
        """The last `LAST` of the records with these ids, the newest first."""
        row = HistoryRow
        # Each alternative by its own index, and the newest of both.
        found: dict[int, Row[Any]] = {}
        async with self._database.read() as connection:
            for side, key in ids.items():
                query = select(*row.__table__.columns).where(row.mapping == mapping, _IDS[side] == key)
                asked = await connection.execute(query.order_by(row.id.desc()).limit(LAST))
                found |= {one.id: one for one in asked}
        return [_event(found[number]) for number in sorted(found, reverse=True)[:LAST]]

    async def of_job(
        self, job: int, outcome: Lasting | None, limit: int, offset: int = 0, after: tuple[int] | None = None
    ) -> list[JobRecord]:
        """The records of a job with this outcome, the newest first; None: with any of them."""
        row = HistoryRow
        # Chosen in the index alone: rows are read for those that are shown.
        chosen = select(row.id).where(*_of_job(job, outcome), *before([row.id], after))
        chosen = chosen.order_by(row.id.desc()).limit(limit).offset(offset)
        query = select(*row.__table__.columns).where(row.id.in_(chosen)).order_by(row.id.desc())
        async with self._database.read() as connection:
            return [_record(one) for one in await connection.execute(query)]

    async def count_of_job(self, job: int, outcome: Lasting | None) -> int:
        """How many `of_job` would list without a limit."""
        query = select(func.count()).select_from(HistoryRow).where(*_of_job(job, outcome))
        async with self._database.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def ended(self, mapping: str, side: Side, ids: Iterable[str]) -> dict[str, datetime]:
        """Those of these ids on `side` whose pair was deleted or uncoupled, and when that was last recorded."""
        row, found = HistoryRow, dict[str, datetime]()
        ended = (row.mapping == mapping, row.outcome.in_([one.value for one in _ENDS]))
        async with self._database.read() as connection:
            for chunk in chunks(sorted(ids)):
                query = select(_IDS[side], row.at).where(*ended, _IDS[side].in_(chunk)).order_by(row.id)
                found.update((one[0], one[1]) for one in await connection.execute(query))
        return found


def _of_job(job: int, outcome: Lasting | None) -> list[ColumnElement[bool]]:
    row, wanted = HistoryRow, Lasting if outcome is None else (outcome,)
    return [row.job_id == job, row.outcome.in_([one.value for one in wanted])]


def _record(row: Row[Any]) -> JobRecord:
    return JobRecord(*_became(row), id=row.id, mapping=row.mapping)


def _event(row: Row[Any]) -> Event:
    return Event(*_became(row))


def _became(row: Row[Any]) -> tuple[Any, ...]:
    """What an event is made of, in its order."""
    ended = Direction(row.direction), Outcome(row.outcome)
    return row.at, *ended, row.bc_id, row.sales_id, row.wrote, row.overruled, row.job_id
