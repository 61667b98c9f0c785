"""The JSON API: what the console shows, for programs. Described by /api/openapi.json."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel

from daemon.store.blanks import Blank
from daemon.store.views import Failure, FailureCause
from daemon.tail import Heard
from daemon.web import commanding, problems
from daemon.web.ports import Coupled, Found, MappingStatus, Page, Services, SideStatus, Wanted, WantedJobs
from schemas.job import Job, JobState, Run
from schemas.outcome import Outcome
from schemas.side import Direction
from schemas.told import Wanted as ToldWanted

# What JSON carries exactly, and every store can count to.
_MOST = 2**53 - 1
Offset = Annotated[int, Query(ge=0, le=_MOST)]
Number = Annotated[int, Path(ge=0, le=_MOST)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Names = Annotated[Sequence[str], Query()]


class Status(BaseModel):
    version: str
    started: datetime
    ready: bool
    reasons: Sequence[str]
    sides: Sequence[SideStatus]
    outcomes: Mapping[Outcome, int]
    settings: Mapping[str, str]


class JobRow(BaseModel):
    """A job with the original's counters; `failed` includes conflicts."""

    id: int
    run: str
    mapping: str
    direction: Direction
    state: JobState
    started: datetime | None
    finished: datetime | None
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
    message: str

    @staticmethod
    def of(job: Job) -> "JobRow":
        names = ("id", "run", "mapping", "direction", "state", "total", "settled", "read", "found")
        own = {name: getattr(job, name) for name in names}
        counted = {outcome.value: job.counters.get(outcome, 0) for outcome in Outcome}
        times = {"started": job.started, "finished": job.finished, "message": job.message}
        return JobRow.model_validate(own | counted | times | {"failed": job.failed})


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["coupled"], responses=dict(problems.RESPONSES))
    _add_states(routes, services)
    _add_records(routes, services)
    commanding.add(routes, services)
    return routes


def _add_states(routes: APIRouter, services: Services) -> None:
    reader = services.reader

    @routes.get("/status")
    async def status() -> Status:
        reasons = list(await services.unready())
        return Status(
            version=services.version,
            started=services.started,
            ready=not reasons,
            reasons=reasons,
            sides=await reader.sides(),
            outcomes=services.metrics.outcomes(),
            settings=services.summary,
        )

    @routes.get("/mappings")
    async def mappings() -> Sequence[MappingStatus]:
        return await reader.mappings()

    @routes.get("/tail")
    async def tail(
        mapping: Names = (),
        direction: Annotated[Sequence[Direction], Query()] = (),
        outcome: Annotated[Sequence[Outcome], Query()] = (),
        after: Annotated[int | None, Query(ge=0)] = None,
        worker: str = "",
    ) -> Heard:
        """What has ended on this worker since `next` of the answer before (given with its `worker`), the oldest first;
        without `after` from now on. A live view of the last 5,000 for who asks again within 30 seconds: no history."""
        return services.tail.since(after, ToldWanted(mapping, direction, outcome), worker)

    @routes.get("/runs")
    async def runs(limit: Limit = 20) -> Sequence[Run]:
        return await reader.runs(limit)

    @routes.get("/runs/{run}/jobs")
    async def run_jobs(run: str) -> Sequence[JobRow]:
        """In the order they are done."""
        return [JobRow.of(job) for job in await reader.run_jobs(run)]


def _add_records(routes: APIRouter, services: Services) -> None:
    reader = services.reader

    @routes.get("/jobs")
    async def jobs(
        mapping: str | None = None,
        state: JobState | None = None,
        failures: bool = False,
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> Page[JobRow]:
        """Newest first; with `failures` only those that records failed in."""
        page = await reader.jobs(WantedJobs(mapping, state, failures), offset, limit)
        return Page([JobRow.of(job) for job in page.items], page.offset, page.more, page.total)

    @routes.get("/jobs/{number}")
    async def job(number: Number) -> JobRow:
        found = await reader.job(number)
        if found is None:
            raise HTTPException(404)
        return JobRow.of(found)

    @routes.get("/jobs/{number}/findings")
    async def findings(number: Number, kind: str | None = None, offset: Offset = 0, limit: Limit = 50) -> Page[Found]:
        """What a job of a match or a dry run has found."""
        return await reader.findings(number, kind, offset, limit)

    @routes.get("/failures")
    async def failures(
        mapping: str | None = None,
        code: str | None = None,
        job: Annotated[int | None, Query(ge=0, le=_MOST)] = None,
        cause: str | None = None,
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> Page[Failure]:
        """Open failures, newest first; of one cause, if its id is given."""
        return await reader.failures(Wanted(mapping, code, job, cause), offset, limit)

    @routes.get("/failures/causes")
    async def causes(mapping: str | None = None, code: str | None = None) -> Sequence[FailureCause]:
        """Open failures by cause, the most numerous first, each with up to three of its records."""
        return await reader.causes(Wanted(mapping, code))

    @routes.get("/blanks")
    async def blanks(mapping: str | None = None, offset: Offset = 0, limit: Limit = 50) -> Page[Blank]:
        """Records that went across without one they name, which is not coupled; filled in by itself once it is."""
        return await reader.blanks(mapping, offset, limit)

    @routes.get("/couplings")
    async def couplings(
        mapping: str | None = None, text: str = "", offset: Offset = 0, limit: Limit = 50
    ) -> Page[Coupled]:
        return await reader.couplings(mapping, text, offset, limit)
