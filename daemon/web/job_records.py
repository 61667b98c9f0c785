"""What a job has done with its records, one by one: what the numbers of a job lead to."""

from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from daemon.store.history import JobRecord
from daemon.web import paging
from daemon.web.formats import count, counts
from daemon.web.operations import OPERATIONS
from daemon.web.paging import Listing, Paging
from daemon.web.parameters import JobNumber, Offset
from daemon.web.ports import Reader
from daemon.web.rendering import PAGE, Renderer
from schemas.outcome import Lasting


def router(reader: Reader, renderer: Renderer) -> APIRouter:
    routes = APIRouter()

    @routes.get("/api/jobs/{number}/records", **OPERATIONS)
    async def records(asked: Paging, number: JobNumber, outcome: Lasting | None = None) -> Listing[JobRecord]:
        """The records that a job has inserted, modified, deleted, coupled or uncoupled, newest first, with the fields
        that were written; of one outcome, if it is given. Kept for `store.keep_days`. Other outcomes are counted only.
        """
        found = await reader.records(number, outcome, 0, asked.limit, asked.after(paging.RECORDS))
        return asked.listing(paging.RECORDS, found)

    @routes.get("/jobs/{number}/records", include_in_schema=False)
    async def page(request: Request, number: JobNumber, outcome: str = "", offset: Offset = 0) -> Response:
        job = await reader.job(number)
        if job is None:
            raise HTTPException(404)
        wanted = Lasting(outcome) if outcome in list(Lasting) else None
        found = await reader.records(number, wanted, max(0, offset), PAGE)
        shown: dict[str, Any] = {"job": job, "page": found, "chosen": {"outcome": wanted.value if wanted else ""}}
        shown |= {"outcomes": [one.value for one in Lasting if count(job, one)]}
        shown |= {"counted": counts(job, [wanted] if wanted else list(Lasting))}
        return await renderer.page(request, "jobs", template="job_records.html", **shown)

    return routes
