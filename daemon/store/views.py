"""Read models for the command line, the console and the metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store import causes as by_cause
from daemon.store.choosing import before, failures_wanted, mentions, number_told_again, once_each, told_again
from daemon.store.coupling_rows import coupling, load_references
from daemon.store.database import Database
from daemon.store.failing import IS_CONFLICT
from daemon.store.jobs import job_of
from daemon.store.pauses import AT_ONCE
from daemon.store.position_views import PositionView, positions
from daemon.store.tables import CouplingRow, FailureRow, JobRow, ProgressRow
from schemas.coupling import Coupling
from schemas.errors import Problem
from schemas.job import Job
from schemas.outcome import Outcome
from schemas.side import Direction


@dataclass(frozen=True, slots=True)
class CouplingView:
    id: int
    coupling: Coupling
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that could not be synchronised: which, why, what to do; open until `resolved_at`.

    `again_at`: when it is carried again by itself, if it is. `name`: how people call the record, where that was
    looked up and is known.
    """

    id: int
    mapping: str
    direction: Direction
    source_key: str
    bc_id: str | None
    sales_id: str | None
    outcome: Outcome
    problem: Problem
    attempts: int
    job_id: int | None
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    state: str = "failed"
    again_at: datetime | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Open failures that have one cause: `problem` is what the newest says, `examples` the last ones; `id` names the
    cause to commands. `direction` is both for a conflict.
    """

    id: str
    mapping: str
    direction: Direction
    problem: Problem
    count: int
    last_at: datetime
    examples: Sequence[Failure]

    @property
    def place(self) -> by_cause.CausePlace:
        """Where it stands in the list."""
        return self.count, self.mapping, self.direction.value, self.problem.code, self.id


@dataclass(frozen=True, slots=True)
class FailureCount:
    mapping: str
    code: str
    open: int
    resolved: int


class Views:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def couplings(
        self,
        mapping: str | None = None,
        limit: int = 50,
        offset: int = 0,
        search: str = "",
        *,
        after: tuple[int] | None = None,
    ) -> list[CouplingView]:
        """Last coupled first; `search` finds text in ids, references and mapped values, whatever its case."""
        row = CouplingRow
        query = select(*row.__table__.columns).order_by(row.id.desc()).where(*before([row.id], after))
        if mapping is not None:
            query = query.where(CouplingRow.mapping == mapping)
        if search:
            query = query.where(mentions(search))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit).offset(offset))).all()
            references = await load_references(connection, (row.id for row in rows))
        return [CouplingView(row.id, coupling(row, references), row.created_at, row.updated_at) for row in rows]

    async def coupling_counts(self) -> Mapping[str, int]:
        """By mapping."""
        query = (
            select(CouplingRow.mapping, func.count().label("number"))
            .group_by(CouplingRow.mapping)
            .order_by(CouplingRow.mapping)
        )
        return {row.mapping: row.number for row in await self._rows(query)}

    async def failures(
        self,
        mapping: str | None = None,
        job: int | None = None,
        open_only: bool = True,
        limit: int = 100,
        *,
        code: str | None = None,
        cause: str | None = None,
        offset: int = 0,
        after: tuple[datetime, int] | None = None,
    ) -> list[Failure]:
        """Last failed first."""
        row, wanted = FailureRow, failures_wanted(mapping, job, open_only, code, cause)
        query = (
            select(*row.__table__.columns)
            .where(*wanted, *once_each(open_only), *before([row.last_at, row.id], after))
            .order_by(row.last_at.desc(), row.id.desc())
        )
        return [failure_of(found) for found in await self._rows(query.limit(limit).offset(offset))]

    async def failures_count(
        self,
        mapping: str | None = None,
        job: int | None = None,
        open_only: bool = True,
        *,
        code: str | None = None,
        cause: str | None = None,
    ) -> int:
        """How many `failures` would list without a limit."""
        wanted = failures_wanted(mapping, job, open_only, code, cause)
        number = select(func.count()).select_from(FailureRow)
        [(every,)] = await self._rows(number.where(*wanted))
        [(again,)] = await self._rows(number.where(*wanted, *told_again())) if open_only else [(0,)]
        return int(every - again)

    async def causes(
        self,
        mapping: str | None = None,
        *,
        code: str | None = None,
        limit: int = 100,
        upto: int | None = None,
        after: by_cause.CausePlace | None = None,
    ) -> list[FailureCause]:
        """Open failures by cause, the most numerous first; behind a place in the list, and counting the failures up to
        that `newest_failure`, if they are given."""
        wanted = failures_wanted(mapping, None, True, code)
        wanted += [] if upto is None else [FailureRow.id <= upto]
        async with self._database.read() as connection:
            counted = await by_cause.numbers(connection, wanted, after)
            return await _with_examples(connection, counted[:limit])

    async def cause_numbers(self) -> Sequence[tuple[by_cause.Cause, int]]:
        """Every cause of open failures and how many it has, the most numerous first."""
        async with self._database.read() as connection:
            return await by_cause.numbers(connection, failures_wanted(None, None, True, None))

    async def with_examples(self, counted: Sequence[tuple[by_cause.Cause, int]]) -> list[FailureCause]:
        """These causes, but those that were over before their records were read."""
        async with self._database.read() as connection:
            return await _with_examples(connection, counted)

    async def newest_failure(self) -> int:
        """The number of the record that was last found to fail for the first time."""
        [(number,)] = await self._rows(select(func.coalesce(func.max(FailureRow.id), 0)))
        return int(number)

    async def failure_counts(self) -> list[FailureCount]:
        """By mapping and code; open ones as `failures` lists them, a conflict once."""
        row, place = FailureRow, (FailureRow.mapping, FailureRow.code)
        query = select(*place, func.count().label("number"), func.count(row.resolved_at).label("resolved"))
        found = await self._rows(query.group_by(*place).order_by(*place))
        twice = number_told_again(place, ())
        again = {(one.mapping, one.code): one.number for one in await self._rows(twice)}
        return [
            FailureCount(
                one.mapping, one.code, one.number - one.resolved - again.get((one.mapping, one.code), 0), one.resolved
            )
            for one in found
        ]

    async def conflict_counts(self) -> dict[str, int]:
        """Open conflicts by mapping, each once."""
        row = FailureRow
        query = select(row.mapping, func.count().label("number")).group_by(row.mapping)
        found = await self._rows(query.where(IS_CONFLICT, row.resolved_at.is_(None), *once_each(True)))
        return {one.mapping: one.number for one in found}

    async def applied(self) -> Sequence[tuple[Any, ...]]:
        """How far every topic is applied: something else as soon as a change has ended on any worker."""
        row = ProgressRow
        place = (row.topic, row.partition)
        return [tuple(one) for one in await self._rows(select(*place, row.log_id, row.last_offset).order_by(*place))]

    async def positions(self) -> list[PositionView]:
        """By name."""
        async with self._database.read() as connection:
            return await positions(connection, self._now())

    async def last_jobs(self) -> list[Job]:
        """Of each mapping the one that was begun last."""
        row, begun = JobRow, JobRow.started.is_not(None)
        last = select(func.max(row.id)).where(begun).group_by(row.mapping)
        return [job_of(found) for found in await self._rows(select(*row.__table__.columns).where(row.id.in_(last)))]

    async def recent_jobs(self, limit: int = 50) -> list[Job]:
        """Newest first."""
        query = select(*JobRow.__table__.columns).order_by(JobRow.id.desc()).limit(limit)
        return [job_of(found) for found in await self._rows(query)]

    async def _rows(self, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        async with self._database.read() as connection:
            return (await connection.execute(query)).all()


async def _with_examples(
    connection: AsyncConnection, counted: Sequence[tuple[by_cause.Cause, int]]
) -> list[FailureCause]:
    found = await by_cause.examples(connection, [cause for cause, _ in counted])
    return [_cause(cause, found[cause][:number], number) for cause, number in counted if cause in found]


def _cause(cause: by_cause.Cause, rows: Sequence[Row[Any]], number: int) -> FailureCause:
    mapping, way, _, id_ = cause
    examples = [failure_of(row) for row in rows]
    newest = examples[0]
    return FailureCause(id_, mapping, Direction(way), newest.problem, number, newest.last_at, examples)


def failure_of(row: Row[Any]) -> Failure:
    return Failure(
        id=row.id,
        mapping=row.mapping,
        direction=Direction(row.direction),
        source_key=row.source_key,
        bc_id=row.bc_id,
        sales_id=row.sales_id,
        outcome=Outcome(row.outcome),
        problem=Problem(row.code, row.message, row.hint),
        attempts=row.attempts,
        job_id=row.job_id,
        first_at=row.first_at,
        last_at=row.last_at,
        resolved_at=row.resolved_at,
        state=_state(row),
        again_at=_again_at(row),
    )


def _again_at(row: Row[Any]) -> datetime | None:
    """One that is to be carried at once has been since it was last tried."""
    again: datetime | None = row.last_at if row.again_at == AT_ONCE else row.again_at
    return again


def _state(row: Row[Any]) -> str:
    """What becomes of it: `retrying` by itself, `waiting` for its partner, `skipped` until retried, or it stays."""
    if row.resolved_at is not None:
        return "resolved"
    if row.skipped_at is not None:
        return "skipped"
    if row.woken or row.transient:
        return "retrying"
    return "waiting" if row.waits_for else str(row.outcome)
