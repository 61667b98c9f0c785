"""What has become of pairs: written in the transaction that records a batch, read for one pair, one job or one day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.choosing import before
from daemon.store.database import Database, chunks
from daemon.store.tables_of_history import EndedRow, HistoryRow
from schemas.explanation import Event
from schemas.outcome import LASTING, Outcome, Settled
from schemas.side import Direction, Side

_OF_BOTH = (Outcome.COUPLED, Outcome.UNCOUPLED)
_ENDS = (Outcome.DELETED, Outcome.UNCOUPLED)
LAST = 50
_IDS: Mapping[Side, ColumnElement[Any]] = {
    Side.BC: HistoryRow.__table__.c.bc_id,
    Side.SALES: HistoryRow.__table__.c.sales_id,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRecord(Event):
    """What became of a record. `name`: how people call it, where that was looked up and is known."""

    id: int
    mapping: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Among:
    """Which records are listed: those of a job, or of all that ended since a moment; of one mapping, if it is named."""

    job: int | None = None
    since: datetime | None = None
    mapping: str | None = None

    def where(self, row: type[HistoryRow] | type[EndedRow]) -> list[ColumnElement[bool]]:
        wanted = [] if self.job is None else [row.job_id == self.job]
        wanted += [] if self.since is None else [row.at >= self.since]
        return wanted + ([] if self.mapping is None else [row.mapping == self.mapping])

    def order(self, row: type[HistoryRow] | type[EndedRow]) -> list[Any]:
        """By what they are listed, the newest first: what an index has in that order."""
        return [row.id] if self.since is None else [row.at, row.id]

    def place(self, one: EndedRecord) -> tuple[Any, ...]:
        """Where a record stands in the list."""
        return (one.id,) if self.since is None else (one.at, one.id)


async def remember(connection: AsyncConnection, settled: Iterable[Settled], now: datetime) -> list[Settled]:
    """Those of a batch that changed something, or settled a conflict. That a coupling begins or ends is said of both
    its records and kept once: of the job that counts it, if one does. Answers those that changed something."""
    once: dict[Any, Settled] = {}
    for number, one in enumerate(one for one in settled if one.outcome in LASTING or one.overruled):
        key = (one.outcome, one.mapping, one.ids()) if one.outcome in _OF_BOTH and not one.wrote else number
        if key not in once or one.change.job is not None:
            once[key] = one
    if rows := [_row(one, now) for one in once.values()]:
        await connection.execute(insert(HistoryRow), rows)
    return [one for one in once.values() if one.outcome in LASTING]


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

    async def listed(
        self,
        among: Among,
        outcome: Outcome | None,
        limit: int,
        offset: int = 0,
        after: Sequence[Any] | None = None,
    ) -> list[EndedRecord]:
        """The records with this lasting outcome, the newest first; None: with any. With `after` those behind that
        place (`Among.place`)."""
        row = HistoryRow
        order = among.order(row)
        newest = [one.desc() for one in order]
        # Chosen in the index alone: rows are read for those that are shown.
        chosen = select(row.id).where(*_ended(among, outcome), *before(order, after))
        chosen = chosen.order_by(*newest).limit(limit).offset(offset)
        query = select(*row.__table__.columns).where(row.id.in_(chosen)).order_by(*newest)
        async with self._database.read() as connection:
            return [_record(one) for one in await connection.execute(query)]

    async def number(self, among: Among, outcome: Outcome | None) -> int:
        """How many `listed` would list without a limit."""
        query = select(func.count()).select_from(HistoryRow).where(*_ended(among, outcome))
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


def _ended(among: Among, outcome: Outcome | None) -> list[ColumnElement[bool]]:
    wanted = LASTING if outcome is None else (outcome,)
    return [HistoryRow.outcome.in_([one.value for one in wanted]), *among.where(HistoryRow)]


def _record(row: Row[Any]) -> EndedRecord:
    return EndedRecord(*_became(row), id=row.id, mapping=row.mapping)


def _event(row: Row[Any]) -> Event:
    return Event(*_became(row))


def _became(row: Row[Any]) -> tuple[Any, ...]:
    """What an event is made of, in its order."""
    ended = Direction(row.direction), Outcome(row.outcome)
    return row.at, *ended, row.bc_id, row.sales_id, row.wrote, row.overruled, row.job_id
