"""How changes end: counted minute by minute for all workers, and of those that nothing else keeps one by one, which
records they were; written in the transaction that records a batch."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from consumers.ports import Applied
from daemon.store import packed
from daemon.store.choosing import before
from daemon.store.database import Database, upsert
from daemon.store.history import Among, EndedRecord, History
from daemon.store.tables_of_history import EndedCountRow, EndedRow
from schemas.outcome import LASTING, Outcome, Settled
from schemas.side import Direction, Side

# So long it is told how changes ended that no job counts; a day is what is listed.
TOLD = timedelta(days=1, hours=1)
SLOT = timedelta(minutes=30)
_MINUTES, _RATE = 24 * 60, 5
_PER_SLOT = SLOT // timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_PARTITION = -1


@dataclass(frozen=True, slots=True)
class Slot:
    """How many changes have ended in half an hour from `at` on."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Lately:
    """How changes have ended in the last 24 hours, on all workers, and how many a minute in the last five.

    `slots`: the half hours that were not empty, the oldest first. `counted`: how many rows that was read from.
    """

    since: datetime
    per_minute: float
    outcomes: dict[Outcome, int]
    slots: Sequence[Slot]
    counted: int

    @property
    def changes(self) -> int:
        return sum(self.outcomes.values())


async def keep(connection: AsyncConnection, settled: Iterable[Settled], now: datetime) -> list[Settled]:
    """Those of a batch that left records as they were, in a row for each way they ended; answers them."""
    plain = [one for one in settled if one.outcome not in LASTING]
    alike: defaultdict[tuple[str, str, str, int | None], list[str]] = defaultdict(list)
    for one in plain:
        alike[one.mapping, one.direction.value, one.outcome.value, one.change.job].append(one.change.key)
    names = ("mapping", "direction", "outcome", "job_id")
    rows = [
        dict(zip(names, of, strict=True)) | {"at": now, "number": len(keys), "keys": keys} for of, keys in alike.items()
    ]
    if rows:
        await connection.execute(insert(EndedRow), rows)
    return plain


async def count(connection: AsyncConnection, settled: Iterable[Settled], applied: Applied, now: datetime) -> None:
    """Adds a batch to the counts of its minute."""
    counts = Counter((one.mapping, one.direction.value, one.outcome.value) for one in settled)
    if not counts:
        return
    here = {"minute": _minute(now), "partition": min(applied.offsets, default=_NO_PARTITION)}
    row, statement = EndedCountRow, upsert(connection, EndedCountRow)
    keys = ("mapping", "direction", "outcome")
    statement = statement.on_conflict_do_update(
        index_elements=["minute", *keys, "partition"], set_={"number": row.number + statement.excluded.number}
    )
    # In one order, should another worker have no partition either.
    rows = [here | dict(zip(keys, of, strict=True)) | {"number": number} for of, number in sorted(counts.items())]
    await connection.execute(statement, rows)


async def forget(connection: AsyncConnection, before: datetime, lately: datetime) -> None:
    """What a job has ended before the one moment, and of all else before the other."""
    row, counted = EndedRow, EndedCountRow
    await connection.execute(delete(row).where(or_(row.at < before, and_(row.at < lately, row.job_id.is_(None)))))
    await connection.execute(delete(counted).where(counted.minute < _minute(lately)))


class Ended:
    """Which records have ended how, whoever keeps them, and how many."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._history = History(database)
        self._now = now

    def of(self, job: int) -> Among:
        """What a job has ended."""
        return Among(job)

    def day(self) -> Among:
        """What has ended in the last 24 hours."""
        return Among(since=_moment(_minute(self._now()) - _MINUTES))

    async def lately(self) -> Lately:
        minute, row = _minute(self._now()), EndedCountRow
        slot = (row.minute // _PER_SLOT).label("slot")
        number = func.sum(row.number).label("number")
        query = select(slot, row.outcome, number, func.count().label("rows")).where(row.minute >= minute - _MINUTES)
        last = select(func.coalesce(func.sum(row.number), 0)).where(row.minute > minute - _RATE)
        async with self._database.read() as connection:
            found = (await connection.execute(query.group_by(slot, row.outcome).order_by(slot))).all()
            rate = int(await connection.scalar(last) or 0)
        slots, outcomes = Counter[int](), Counter[Outcome]()
        for one in found:
            slots[one.slot] += int(one.number)
            outcomes[Outcome(one.outcome)] += int(one.number)
        return Lately(
            since=_moment(minute - _MINUTES),
            per_minute=rate / _RATE,
            outcomes={outcome: outcomes[outcome] for outcome in Outcome if outcomes[outcome]},
            slots=[Slot(_moment(begun * _PER_SLOT), number) for begun, number in sorted(slots.items())],
            counted=sum(one.rows for one in found),
        )

    async def listed(
        self, among: Among, outcome: Outcome | None, limit: int, offset: int = 0, after: Sequence[Any] | None = None
    ) -> list[EndedRecord]:
        """The records with this outcome, the newest first; None: with any that is lasting. With `after` those behind
        that place (`Among.place`)."""
        if outcome is None or outcome in LASTING:
            return await self._history.listed(among, outcome, limit, offset, after)
        row, where = EndedRow, [EndedRow.outcome == outcome.value, *among.where(EndedRow)]
        order, behind = among.order(row), packed.FIRST
        if after is not None:
            *ahead, last = after
            behind = packed.parts(last)
            where += before(order, [*ahead, behind[0] + 1])
        query = packed.page(row, where, [one.desc() for one in order], offset, limit, behind)
        async with self._database.read() as connection:
            found = await connection.execute(query)
            return [_record(one, rank) for one in found for rank in packed.ranks(one, offset, limit)]

    async def number(self, among: Among, outcome: Outcome | None) -> int:
        """How many `listed` would list without a limit; since a moment, whole minutes are counted."""
        if among.since is not None:
            return await self._counted(among.since, among.mapping, LASTING if outcome is None else (outcome,))
        if outcome is None or outcome in LASTING:
            return await self._history.number(among, outcome)
        row = EndedRow
        query = select(func.sum(row.number)).where(row.outcome == outcome.value, *among.where(row))
        async with self._database.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def _counted(self, since: datetime, mapping: str | None, outcomes: Iterable[Outcome]) -> int:
        row = EndedCountRow
        query = select(func.sum(row.number)).where(row.minute >= _minute(since), row.outcome.in_(list(outcomes)))
        if mapping is not None:
            query = query.where(row.mapping == mapping)
        async with self._database.read() as connection:
            return int(await connection.scalar(query) or 0)


def _record(row: Any, rank: int) -> EndedRecord:
    """The last of a row is listed first."""
    key, way = row.keys[row.number - 1 - rank], Direction(row.direction)
    bc_id, sales_id = (key, None) if way.source is Side.BC else (None, key)
    place = {"id": packed.number(row.id, rank), "mapping": row.mapping, "job": row.job_id}
    return EndedRecord(row.at, way, Outcome(row.outcome), bc_id, sales_id, **place)


def half_hour(at: datetime) -> datetime:
    """The one that it is in."""
    return _moment(_minute(at) // _PER_SLOT * _PER_SLOT)


def _minute(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(minutes=1)


def _moment(minute: int) -> datetime:
    return _EPOCH + timedelta(minutes=minute)
