"""The JSON API: what the console shows, for programs. Described by /api/openapi.json."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from daemon.store.blanks import Blank
from daemon.store.views import Failure, FailureCause
from daemon.tail import Heard
from daemon.web import commanding, paging
from daemon.web.operations import OPERATIONS
from daemon.web.paging import Listing, Paging, PagingFrom
from daemon.web.parameters import LAST_JOB, JobNumber, Word
from daemon.web.ports import Coupled, Found, MappingStatus, Reader, Services, SideStatus
from daemon.web.wanted import Wanted, WantedJobs, WantedRuns
from schemas.job import Job, JobState, Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction
from schemas.told import Wanted as ToldWanted

Names = Annotated[Sequence[Word], Query()]


class Status(BaseModel):
    version: str
    started: datetime
    ready: bool
    reasons: Sequence[str]
    sides: Sequence[SideStatus]
    outcomes: Mapping[Outcome, int]
    settings: Mapping[str, str]
    dead_letters: Mapping[str, int] = Field(description="messages nobody could read, by topic, in the last day")


class Defined(BaseModel):
    """A mapping: how it stands, and its definition as the mappings file has it."""

    status: MappingStatus
    definition: Mapping[str, Any]


class JobRow(BaseModel):
    """A job with the original's counters; `failed` includes conflicts, which `conflict` counts alone."""

    id: int
    run: str
    mapping: str
    direction: Direction
    state: JobState
    started: datetime | None
    finished: datetime | None
    published: int
    total: int | None
    settled: int
    read: int
    found: Mapping[str, int]
    inserted: int
    modified: int
    deleted: int
    unchanged: int
    skipped: int
    failed: int
    coupled: int
    uncoupled: int
    conflict: int
    ignored: int
    message: str

    @staticmethod
    def of(job: Job) -> "JobRow":
        names = ("id", "run", "mapping", "direction", "state", "published", "total", "settled", "read", "found")
        own = {name: getattr(job, name) for name in names}
        counted = {outcome.value: job.counters.get(outcome, 0) for outcome in Outcome}
        times = {"started": job.started, "finished": job.finished, "message": job.message}
        return JobRow.model_validate(own | counted | times | {"failed": job.failed})


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api", **OPERATIONS)
    _add_states(routes, services)
    _add_runs(routes, services.reader)
    _add_records(routes, services)
    commanding.add(routes, services)
    return routes


def _add_states(routes: APIRouter, services: Services) -> None:
    reader = services.reader

    @routes.get("/status")
    async def status() -> Status:
        """This worker: is it ready, do both sides answer, and how its changes ended."""
        reasons = list(await services.unready())
        return Status(
            version=services.version,
            started=services.started,
            ready=not reasons,
            reasons=reasons,
            sides=await reader.sides(),
            outcomes=services.metrics.outcomes(),
            settings=services.summary,
            dead_letters=await reader.dead_letters(),
        )

    @routes.get("/mappings")
    async def mappings(asked: Paging) -> Listing[MappingStatus]:
        """All mappings, and how each stands, in the order of the mappings file."""
        found = asked.part_of(paging.MAPPINGS, await reader.mappings(), lambda mapping: mapping.name)
        return asked.listing(paging.MAPPINGS, found)

    @routes.get("/mappings/{name}")
    async def mapping(name: Word) -> Defined:
        """One mapping: how it stands, and how it is defined."""
        status = next((each for each in await reader.mappings() if each.name == name), None)
        if status is None:
            raise HTTPException(404)
        return Defined(status=status, definition=await reader.definition(name) or {})

    @routes.get("/tail")
    async def tail(
        mapping: Names = (),
        direction: Annotated[Sequence[Direction], Query()] = (),
        outcome: Annotated[Sequence[Outcome], Query()] = (),
        after: Annotated[int | None, Query(ge=0)] = None,
        worker: Word = "",
    ) -> Heard:
        """What has ended on this worker since `next` of the answer before (given with its `worker`), the oldest first;
        without `after` from now on. A live view of the last 5,000 for who asks again within 30 seconds: no history."""
        return services.tail.since(after, ToldWanted(mapping, direction, outcome), worker)


def _add_runs(routes: APIRouter, reader: Reader) -> None:
    @routes.get("/runs")
    async def runs(
        asked: Paging,
        kind: Annotated[Sequence[RunKind], Query()] = (),
        state: Annotated[Sequence[RunState], Query()] = (),
    ) -> Listing[Run]:
        """Runs of commands, newest first; of these kinds and states, if any are given."""
        found = await reader.runs(WantedRuns(kind, state), asked.limit, asked.after(paging.RUNS))
        return asked.listing(paging.RUNS, found)

    @routes.get("/runs/{run:path}/jobs")
    async def run_jobs(asked: Paging, run: Word) -> Listing[JobRow]:
        """The jobs of a run, in the order they are done."""
        found = asked.part_of(paging.JOBS_OF_RUN, await reader.run_jobs(run), lambda job: job.id)
        return asked.listing(paging.JOBS_OF_RUN, found, JobRow.of)

    @routes.get("/runs/{run:path}/findings")
    async def run_findings(asked: Paging, run: Word, kind: Word | None = None) -> Listing[Found]:
        """What a match, a dry run or a comparison has found, of all its mappings."""
        found = await reader.run_findings(run, kind, asked.limit, asked.after(paging.FINDINGS_OF_RUN))
        return asked.listing(paging.FINDINGS_OF_RUN, found)

    @routes.get("/runs/{run:path}")
    async def one_run(run: Word) -> Run:
        """One run: its state, and the answer it waits for."""
        found = await reader.run(run)
        if found is None:
            raise HTTPException(404)
        return found


def _add_records(routes: APIRouter, services: Services) -> None:
    reader = services.reader

    @routes.get("/jobs")
    async def jobs(
        asked: PagingFrom, mapping: Word | None = None, state: JobState | None = None, failures: bool = False
    ) -> Listing[JobRow]:
        """Synchronisation jobs, newest first; with `failures` only those that records failed in."""
        wanted, after = WantedJobs(mapping, state, failures), asked.after(paging.JOBS)
        return asked.listing(paging.JOBS, await reader.jobs(wanted, asked.offset, asked.limit, after), JobRow.of)

    @routes.get("/jobs/{number}")
    async def job(number: JobNumber) -> JobRow:
        """One job with its counters."""
        found = await reader.job(number)
        if found is None:
            raise HTTPException(404)
        return JobRow.of(found)

    @routes.get("/jobs/{number}/findings")
    async def findings(
        asked: PagingFrom, number: JobNumber, kind: Word | None = None, direction: Direction | None = None
    ) -> Listing[Found]:
        """What a job of a match or a dry run has found."""
        after, offset = asked.after(paging.FINDINGS), asked.offset
        found = await reader.findings(number, kind, offset, asked.limit, after, direction=direction)
        return asked.listing(paging.FINDINGS, found)

    @routes.get("/failures")
    async def failures(
        asked: PagingFrom,
        mapping: Word | None = None,
        code: Word | None = None,
        job: Annotated[int | None, Query(ge=0, le=LAST_JOB)] = None,
        cause: Word | None = None,
    ) -> Listing[Failure]:
        """Open failures, those that failed last first; of one cause, if its id is given. One that fails again while
        you go from page to page moves to the first."""
        wanted, after = Wanted(mapping, code, job, cause), asked.after(paging.FAILURES)
        return asked.listing(paging.FAILURES, await reader.failures(wanted, asked.offset, asked.limit, after))

    @routes.get("/failures/causes")
    async def causes(asked: Paging, mapping: Word | None = None, code: Word | None = None) -> Listing[FailureCause]:
        """Open failures by cause, the most numerous first, each with up to three of its records. Conflicts of the same
        fields are one cause, of the direction `both`. Later pages leave out what has failed since the first."""
        found = await reader.causes_page(Wanted(mapping, code), asked.limit, asked.after(paging.CAUSES))
        return asked.listing(paging.CAUSES, found)

    @routes.get("/blanks")
    async def blanks(asked: PagingFrom, mapping: Word | None = None) -> Listing[Blank]:
        """Records that went across without one they name, which is not coupled; filled in by itself once it is."""
        after = asked.after(paging.BLANKS)
        return asked.listing(paging.BLANKS, await reader.blanks(mapping, asked.offset, asked.limit, after))

    @routes.get("/couplings")
    async def couplings(asked: PagingFrom, mapping: Word | None = None, text: Word = "") -> Listing[Coupled]:
        """Couplings, the last coupled first; with `text` those whose ids, references or values contain it."""
        after = asked.after(paging.COUPLINGS)
        return asked.listing(paging.COUPLINGS, await reader.couplings(mapping, text, asked.offset, asked.limit, after))
