"""The page of full synchronisations: how they go, and the form that starts one, with what dry runs have found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daemon.web.pages import ENDED, shown, with_jobs
from daemon.web.ports import MappingStatus, Reader
from daemon.web.rendering import Renderer
from daemon.web.wanted import WantedRuns
from schemas.job import Job, JobState, Run, RunKind
from schemas.side import Direction, Side
from schemas.survey import Foretold, foretold

PATH = "/full-sync"
# Of those that have ended.
LAST_FULL = 20


@dataclass(frozen=True, slots=True)
class Offered:
    """A mapping in the form. `job` is that of its newest dry run, and `told` what it has found, once it is finished."""

    mapping: MappingStatus
    ticked: bool
    job: Job | None = None
    told: Foretold | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the mappings that are ticked at first. `since`: when the oldest of their dry runs ended; None if
    none of them has a finished one. `without`: those that have none."""

    names: Sequence[str]
    without: Sequence[str]
    since: datetime | None
    to_sales: int
    to_bc: int
    duplicates: int


def router(reader: Reader, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    async def full_sync(request: Request, command: str = "") -> Response:
        active = [run for run in await reader.active_runs() if run.kind is RunKind.FULL]
        looked = await _looked(reader, command)
        # What was looked at is what is run, also before the dry run's command has been read from its topic.
        ticked = request.query_params.getlist("mapping") or (looked.mappings if looked else None)
        offered = await _offered(reader, ticked)
        return await renderer.page(
            request,
            "full_sync",
            active=await shown(reader, active),
            runs=(await reader.runs(WantedRuns((RunKind.FULL,), ENDED), LAST_FULL)).items,
            looked=await with_jobs(reader, looked) if looked else None,
            offered=offered,
            evidence=evidence(offered),
            ways={way.value: way for way in Direction.BOTH.one_ways},
        )

    return routes


async def _looked(reader: Reader, command: str) -> Run | None:
    """The dry run that this command asked for, or else the newest."""
    named = await reader.run(command) if command else None
    if named is not None and named.kind is RunKind.PREVIEW:
        return named
    return next(iter((await reader.runs(WantedRuns((RunKind.PREVIEW,)), 1)).items), None)


async def _offered(reader: Reader, ticked: Collection[str] | None) -> list[Offered]:
    """`ticked` None: all."""
    jobs = await reader.dry_runs()
    return [
        await _one(reader, each, ticked is None or each.name in ticked, jobs.get(each.name))
        for each in await reader.mappings()
    ]


async def _one(reader: Reader, mapping: MappingStatus, ticked: bool, job: Job | None) -> Offered:
    if job is None or job.state is not JobState.FINISHED:
        return Offered(mapping, ticked, job)
    defined = await reader.definition(mapping.name) or {}
    told = foretold(job.found, job.read, bool(defined.get("couple_existing", False)))
    return Offered(mapping, ticked, job, told)


def evidence(offered: Sequence[Offered]) -> Evidence:
    """Of those that are ticked."""
    ticked = [one for one in offered if one.ticked]
    told = [one.told for one in ticked if one.told]
    return Evidence(
        names=[one.mapping.name for one in ticked if one.told],
        without=[one.mapping.name for one in ticked if not one.told],
        since=min((one.job.finished for one in ticked if one.told and one.job and one.job.finished), default=None),
        to_sales=sum(one.inserts[Side.SALES] for one in told),
        to_bc=sum(one.inserts[Side.BC] for one in told),
        duplicates=sum(one.duplicates for one in told),
    )
