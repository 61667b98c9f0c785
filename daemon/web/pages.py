"""The console's pages. Each reads afresh, so that what a page shows and what its script fetches are the same."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from daemon.store.views import Failure
from daemon.web.alerts import help_page
from daemon.web.day import bars
from daemon.web.parameters import JobNumber, Offset
from daemon.web.ports import Causes, Page, Reader, Services
from daemon.web.rendering import PAGE, Renderer
from daemon.web.wanted import Wanted, WantedJobs, WantedRuns
from schemas.holding import besides
from schemas.job import JobState, Run, RunState
from schemas.outcome import Outcome
from schemas.side import Direction
from schemas.survey import Kind, number_found, parted
from schemas.unready import by_side

FAILURES = "failures"
# Of those that have ended, on the overview.
LAST_RUNS = 5
ENDED = tuple(state for state in RunState if state.final)
FIRST_CAUSES = 12


def router(services: Services, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    _add_states(routes, services, renderer)
    _add_records(routes, services.reader, renderer)
    return routes


def _add_states(routes: APIRouter, services: Services, renderer: Renderer) -> None:
    @routes.get("/")
    async def overview(request: Request) -> Response:
        return await renderer.page(request, "overview", **await _overview(services))

    @routes.get("/notice")
    async def notice(request: Request, command: str) -> Response:
        return await renderer.notice(request, command)


def _add_records(routes: APIRouter, reader: Reader, renderer: Renderer) -> None:
    @routes.get("/jobs")
    async def jobs(request: Request, mapping: str = "", state: str = "", run: str = "", offset: Offset = 0) -> Response:
        page = await reader.jobs(_wanted_jobs(mapping, state, run), max(0, offset), PAGE)
        runs = await reader.runs_of({job.run for job in page.items})
        chosen = {"mapping": mapping, "state": state, "run": run}
        return await renderer.page(request, "jobs", page=page, runs=runs, names=reader.mapping_names, chosen=chosen)

    @routes.get("/jobs/{number}")
    async def job(request: Request, number: JobNumber, offset: Offset = 0) -> Response:
        found = await reader.job(number)
        if found is None:
            raise HTTPException(404)
        page = await reader.failures(Wanted(job=number), max(0, offset), PAGE)
        shown: dict[str, Any] = {"job": found, "run": await reader.run(found.run), "page": page, "chosen": {}}
        shown |= {"ways": reader.ways(found.mapping), "ways_by_name": {way.value: way for way in Direction}}
        return await renderer.page(request, "jobs", template="job.html", **shown)

    @routes.get("/jobs/{number}/findings")
    async def findings(
        request: Request, number: JobNumber, kind: str = "", direction: str = "", offset: Offset = 0
    ) -> Response:
        found = await reader.job(number)
        if found is None:
            raise HTTPException(404)
        way = Direction(direction) if direction in list(Direction) else None
        page = await reader.findings(number, kind or None, max(0, offset), PAGE, direction=way)
        there = {parted(name)[1] for name, count in found.found.items() if count}
        kinds = [kind.value for kind in Kind if kind in there]
        chosen = {"kind": kind, "direction": direction}
        shown: dict[str, Any] = {"job": found, "page": page, "kinds": kinds, "chosen": chosen}
        shown["counted"] = number_found(found.found, kind, way)
        return await renderer.page(request, "jobs", template="findings.html", **shown)

    @routes.get("/errors")
    async def errors(
        request: Request, mapping: str = "", code: str = "", cause: str = "", offset: Offset = 0
    ) -> Response:
        """Causes first; the records of one are a page of their own."""
        wanted = Wanted(mapping or None, code or None, None, cause or None)
        # Side by side: with a hundred thousand failures each of these counts them all.
        (page, causes), codes, blanks = await asyncio.gather(
            _failing(reader, wanted, max(0, offset)), reader.failure_codes(), reader.blank_count(mapping or None)
        )
        return await renderer.page(
            request,
            "errors",
            page=page,
            ways=reader.ways(page.items[0].mapping) if page and page.items else (),
            causes=causes,
            codes=codes,
            names=reader.mapping_names,
            blanks=blanks,
            chosen={"mapping": mapping, "code": code, "cause": cause},
        )

    @routes.get("/blanks")
    async def blanks(request: Request, mapping: str = "", offset: Offset = 0) -> Response:
        page = await reader.blanks(mapping or None, max(0, offset), PAGE)
        shown: dict[str, Any] = {"page": page, "names": reader.mapping_names, "chosen": {"mapping": mapping}}
        return await renderer.page(request, "errors", template="blanks.html", **shown)

    @routes.get("/couplings")
    async def couplings(request: Request, mapping: str = "", text: str = "", offset: Offset = 0) -> Response:
        text = text.strip()
        page = await reader.couplings(mapping or None, text, max(0, offset), PAGE)
        shown: dict[str, Any] = {
            "page": page,
            "names": reader.mapping_names,
            "chosen": {"mapping": mapping, "text": text},
        }
        # A search looks through all couplings: of a million it takes seconds.
        return await renderer.page(request, "couplings", still=bool(text), **shown)


async def _failing(reader: Reader, wanted: Wanted, offset: int) -> tuple[Page[Failure] | None, Causes | None]:
    """The records of a cause, if one is wanted, or else all causes."""
    if wanted.cause:
        return await reader.failures(wanted, offset, PAGE), None
    return None, await reader.causes(wanted, offset, PAGE)


def _wanted_jobs(mapping: str, state: str, run: str) -> WantedJobs:
    """`state` is one of a job, or `failures`: with records that failed."""
    named = JobState(state) if state in list(JobState) else None
    return WantedJobs(mapping or None, named, failures=state == FAILURES, run=run or None)


async def _overview(services: Services) -> dict[str, Any]:
    reader, unready = services.reader, await services.unready()
    # Side by side: with a million couplings and as many failures, counting is what takes long.
    mappings, causes, lately = await asyncio.gather(
        reader.mappings(), reader.causes(Wanted(), 0, FIRST_CAUSES), reader.lately()
    )
    return {
        "sides": await reader.sides(),
        "unready": by_side(unready),
        "alerts": [(one, help_page(one)) for one in besides(await reader.alerts(services.started), unready)],
        "mappings": mappings,
        "causes": causes,
        "letters": sum((await reader.dead_letters()).values()),
        "active": await shown(reader, await reader.active_runs()),
        "ended": (await reader.runs(WantedRuns(states=ENDED), LAST_RUNS)).items,
        "lately": lately,
        "bars": bars(lately),
        "endings": [outcome.value for outcome in Outcome],
        "uptime": (datetime.now(UTC) - services.started).total_seconds(),
        "summary": services.summary,
    }


async def shown(reader: Reader, active: Sequence[Run]) -> Sequence[Mapping[str, Any]]:
    """Every run that waits for its answer, however long ago it was, and the one that is going on, or else comes next;
    each with its jobs in order."""
    by_state = {state: [run for run in active if run.state is state] for state in RunState if not state.final}
    at_work = by_state[RunState.RUNNING] or by_state[RunState.ACCEPTED]
    return [await with_jobs(reader, run) for run in (*by_state[RunState.AWAITING_ANSWER], *at_work[:1])]


async def with_jobs(reader: Reader, run: Run) -> Mapping[str, Any]:
    return {"run": run, "jobs": await reader.run_jobs(run.id)}
