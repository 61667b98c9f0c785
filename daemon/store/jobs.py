"""Runs and their jobs: what a synchronisation is made of, durable from the first moment (promise 6)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, insert, or_, select, update

from daemon.store.choosing import before
from daemon.store.database import Database, upsert
from daemon.store.problems import as_problem
from daemon.store.tables import CommandRow, JobRow, RunRow
from schemas.errors import Problem
from schemas.job import Job, JobState, Keep, Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction

FINAL = tuple(state.value for state in RunState if state.final)


class Jobs:
    """Every step may be repeated after a kill: creating, starting and finishing twice is the same as once."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def create_run(self, run: Run, jobs: Sequence[tuple[str, Direction]]) -> None:
        """The run and its jobs, waiting, in the order given. A run id already known is left as it is (promise 8)."""
        async with self._database.write() as connection:
            statement = upsert(connection, RunRow).values(self._run_row(run)).on_conflict_do_nothing()
            made = await connection.scalar(statement.returning(RunRow.id))
            if made is not None and jobs:
                await connection.execute(insert(JobRow), [_job_row(run.id, n, *job) for n, job in enumerate(jobs)])

    async def runs(
        self,
        limit: int = 50,
        states: Iterable[RunState] | None = None,
        *,
        kinds: Iterable[RunKind] | None = None,
        numbers: Iterable[str] | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[Run]:
        """Newest first; of these states, kinds and ids, or (None) whichever."""
        row = RunRow
        query = select(*row.__table__.columns).order_by(row.created.desc(), row.id.desc()).limit(limit)
        query = query.where(*before([row.created, row.id], after))
        if states is not None:
            query = query.where(RunRow.state.in_([state.value for state in states]))
        if kinds is not None:
            query = query.where(RunRow.kind.in_([kind.value for kind in kinds]))
        if numbers is not None:
            query = query.where(RunRow.id.in_(list(numbers)))
        return [_run(row) for row in await self._rows(query)]

    async def run(self, run_id: str) -> Run | None:
        rows = await self._rows(select(*RunRow.__table__.columns).where(RunRow.id == run_id))
        return _run(rows[0]) if rows else None

    async def active_runs(self) -> list[Run]:
        """Those that are not final, oldest first: what is to be gone on with after a restart."""
        query = select(*RunRow.__table__.columns).where(RunRow.state.not_in(FINAL))
        return [_run(row) for row in await self._rows(query.order_by(RunRow.created, RunRow.id))]

    async def untold(self) -> list[Run]:
        """Those that have ended, or wait for their answer, and of which the outcomes topic surely says so not yet: a
        kill may come between a run's state and its announcement (promise 8)."""
        run, command = RunRow, CommandRow
        moved = and_(command.state != run.state, command.state.not_in(FINAL))
        unsaid = and_(command.state == run.state, command.announced.is_(False))
        query = select(*run.__table__.columns).join(command, command.id == run.id)
        query = query.where(run.state.in_((*FINAL, RunState.AWAITING_ANSWER.value)), or_(moved, unsaid))
        return [_run(row) for row in await self._rows(query.order_by(command.number))]

    async def set_run(
        self,
        run_id: str,
        state: RunState,
        *,
        started: datetime | None = None,
        finished: datetime | None = None,
        error: Problem | None = None,
    ) -> None:
        """Moves a run on, in one step with what else is given; None leaves the stored value."""
        given = {
            "started": started,
            "finished": finished,
            "error": None if error is None else error.as_dict(),
        }
        await self._set(RunRow, run_id, state=state.value, **{k: v for k, v in given.items() if v is not None})

    async def answer(self, run_id: str, keep: Keep) -> None:
        """Notes the answer, in advance or when due. A run that is over keeps the answer it had."""
        statement = update(RunRow).where(RunRow.id == run_id, RunRow.state.not_in(FINAL)).values(answer=keep.value)
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def jobs(
        self,
        run: str | None = None,
        mapping: str | None = None,
        limit: int = 50,
        offset: int = 0,
        *,
        state: JobState | None = None,
        failures: bool = False,
        after: tuple[int] | None = None,
    ) -> list[Job]:
        """Newest first; with `failures` only those that records failed in."""
        query = select(*JobRow.__table__.columns).order_by(JobRow.id.desc()).limit(limit).offset(offset)
        given: list[tuple[Any, str | None]] = [(JobRow.run, run), (JobRow.mapping, mapping), (JobRow.state, state)]
        wanted = [column == value for column, value in given if value is not None]
        wanted += [JobRow.failed + JobRow.conflict > 0] if failures else []
        return [job_of(row) for row in await self._rows(query.where(*wanted, *before([JobRow.id], after)))]

    async def jobs_of(self, run: str) -> list[Job]:
        """In the order they run."""
        query = select(*JobRow.__table__.columns).where(JobRow.run == run).order_by(JobRow.ordinal)
        return [job_of(row) for row in await self._rows(query)]

    async def last_of(self, kind: RunKind) -> list[Job]:
        """Of each mapping the newest job of a run of that kind."""
        row, run = JobRow, RunRow
        last = select(func.max(row.id)).join(run, run.id == row.run).where(run.kind == kind.value)
        query = select(*row.__table__.columns).where(row.id.in_(last.group_by(row.mapping)))
        return [job_of(found) for found in await self._rows(query)]

    async def job(self, job_id: int) -> Job | None:
        rows = await self._rows(select(*JobRow.__table__.columns).where(JobRow.id == job_id))
        return job_of(rows[0]) if rows else None

    async def start_job(self, job_id: int, at: datetime, total: int | None = None) -> None:
        """Running since `at`; a job that a restart starts again keeps when it first started."""
        expected = {} if total is None else {"total": total}
        since = func.coalesce(JobRow.started, at)
        await self._set(JobRow, job_id, state=JobState.RUNNING.value, started=since, **expected)

    async def swept(self, job_id: int, total: int | None = None) -> None:
        """No more records will be published for the job. Publishing counts through `SqlPositions.published`."""
        await self._set(JobRow, job_id, swept=True, **({} if total is None else {"total": total}))

    async def job_waits(self, job_id: int, message: str) -> None:
        """What it waits for; empty once it goes on."""
        await self._set(JobRow, job_id, message=message)

    async def finish_job(self, job_id: int, state: JobState, at: datetime, message: str = "") -> None:
        """A job that has ended stays as it ended, whoever comes later."""
        ended = (JobState.FINISHED.value, JobState.FAILED.value)
        statement = update(JobRow).where(JobRow.id == job_id, JobRow.state.not_in(ended))
        async with self._database.write() as connection:
            await connection.execute(statement.values(state=state.value, finished=at, message=message))

    async def _set(self, row: type[RunRow] | type[JobRow], row_id: str | int, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(row).where(row.id == row_id).values(**values))

    async def _rows(self, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        async with self._database.read() as connection:
            return (await connection.execute(query)).all()

    def _run_row(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.id,
            "kind": run.kind.value,
            "state": run.state.value,
            "mappings": list(run.mappings),
            "cleared": list(run.cleared),
            "answer": None if run.answer is None else run.answer.value,
            "requested_by": run.requested_by,
            "created": run.created or self._now(),
            "started": run.started,
            "finished": run.finished,
            "error": None if run.error is None else run.error.as_dict(),
            "options": dict(run.options),
        }


def _job_row(run: str, ordinal: int, mapping: str, direction: Direction) -> dict[str, Any]:
    return {
        "run": run,
        "ordinal": ordinal,
        "mapping": mapping,
        "direction": direction.value,
        "state": JobState.WAITING.value,
    }


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        kind=RunKind(row.kind),
        state=RunState(row.state),
        mappings=tuple(row.mappings),
        cleared=tuple(row.cleared),
        answer=None if row.answer is None else Keep(row.answer),
        requested_by=row.requested_by,
        created=row.created,
        started=row.started,
        finished=row.finished,
        error=as_problem(row.error),
        options=row.options,
    )


def job_of(row: Row[Any]) -> Job:
    """A row of `jobs`, with the counters that are not zero."""
    values = row._mapping
    counters = {outcome: values[outcome.value] for outcome in Outcome if values[outcome.value]}
    return Job(
        id=row.id,
        run=row.run,
        mapping=row.mapping,
        direction=Direction(row.direction),
        state=JobState(row.state),
        started=row.started,
        finished=row.finished,
        published=row.published,
        total=row.total,
        swept=row.swept,
        message=row.message,
        read=row.read,
        found=row.found,
        counters=counters,
    )
