"""How records have ended, one by one: what the numbers of a job, and those of the last 24 hours, lead to."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from daemon.store.ended import Slot
from daemon.store.history import EndedRecord
from daemon.web import paging
from daemon.web.operations import OPERATIONS
from daemon.web.paging import Listing, Paging
from daemon.web.parameters import JobNumber, Offset, Word
from daemon.web.ports import Reader
from daemon.web.rendering import PAGE, Renderer
from daemon.web.wanted import WantedRecords
from schemas.outcome import LASTING, Outcome


class Throughput(BaseModel):
    """How changes have ended since then, and how many a minute in the last five; `slots` of half an hour each, without
    those that are empty."""

    since: datetime
    per_minute: float
    outcomes: dict[Outcome, int]
    slots: list[Slot]


def router(reader: Reader, renderer: Renderer) -> APIRouter:
    routes = APIRouter()
    _add_api(routes, reader)
    _add_pages(routes, reader, renderer)
    return routes


def _add_api(routes: APIRouter, reader: Reader) -> None:
    @routes.get("/api/throughput", **OPERATIONS)
    async def throughput() -> Throughput:
        """How changes have ended in the last 24 hours, on all workers."""
        found = await reader.lately()
        return Throughput(
            since=found.since, per_minute=found.per_minute, outcomes=found.outcomes, slots=list(found.slots)
        )

    @routes.get("/api/records", **OPERATIONS)
    async def records(
        asked: Paging, mapping: Word | None = None, outcome: Outcome | None = None
    ) -> Listing[EndedRecord]:
        """How records ended in the last 24 hours, newest first; without an outcome those that were inserted, modified,
        deleted, coupled or uncoupled."""
        wanted = WantedRecords(None, outcome, mapping)
        found = await reader.records(wanted, 0, asked.limit, asked.after(paging.RECORDS))
        return asked.listing(paging.RECORDS, found)

    @routes.get("/api/jobs/{number}/records", **OPERATIONS)
    async def of_job(asked: Paging, number: JobNumber, outcome: Outcome | None = None) -> Listing[EndedRecord]:
        """The records of a job and how each ended, newest first, with the fields that were written; without an outcome
        those that were inserted, modified, deleted, coupled or uncoupled. Kept for `store.keep_days`."""
        found = await reader.records(WantedRecords(number, outcome), 0, asked.limit, asked.after(paging.RECORDS_OF_JOB))
        return asked.listing(paging.RECORDS_OF_JOB, found)


def _add_pages(routes: APIRouter, reader: Reader, renderer: Renderer) -> None:
    @routes.get("/jobs/{number}/records", include_in_schema=False)
    async def of_job(request: Request, number: JobNumber, outcome: str = "", offset: Offset = 0) -> Response:
        job = await reader.job(number)
        if job is None:
            raise HTTPException(404)
        wanted = WantedRecords(number, _named(outcome))
        page = await _page(reader, wanted, offset)
        counted = sum(job.counters.get(one, 0) for one in ([wanted.outcome] if wanted.outcome else LASTING))
        shown: dict[str, Any] = {"job": job, "counters": job.counters, "counted": counted}
        return await renderer.page(request, "jobs", template="records.html", **shown, **page)

    @routes.get("/records", include_in_schema=False)
    async def lately(request: Request, mapping: str = "", outcome: str = "", offset: Offset = 0) -> Response:
        wanted = WantedRecords(None, _named(outcome), mapping or None)
        page = await _page(reader, wanted, offset)
        shown: dict[str, Any] = {"job": None, "names": reader.mapping_names}
        return await renderer.page(request, "overview", template="records.html", **shown, **page)


async def _page(reader: Reader, wanted: WantedRecords, offset: int) -> dict[str, Any]:
    found = await reader.records(wanted, max(0, offset), PAGE)
    chosen = {"mapping": wanted.mapping or "", "outcome": wanted.outcome.value if wanted.outcome else ""}
    return {"page": found, "chosen": chosen, "every": list(Outcome)}


def _named(outcome: str) -> Outcome | None:
    return Outcome(outcome) if outcome in list(Outcome) else None
