"""Messages nobody could read: listed, and put back where they came from."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from daemon.letters import PutBack
from daemon.web.access import Guard
from daemon.web.ports import Letters, Services
from daemon.web.rendering import Renderer
from schemas.errors import Refused

NEWEST = 100


def router(services: Services, guard: Guard, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    async def page(request: Request, done: Sequence[PutBack] = ()) -> Response:
        found = await _box(services).newest(NEWEST)
        now = datetime.now(UTC)
        return await renderer.page(request, "dead_letters", letters=found, newest=NEWEST, done=done, read=now)

    @routes.get("/dead-letters")
    async def listed(request: Request) -> Response:
        return await page(request)

    @routes.post("/dead-letters")
    async def put_back(request: Request) -> Response:
        form = await guard.form_of(request)
        chosen = {int(one) for one in map(str, form.getlist("letters")) if one.isdecimal() and len(one) < 19}
        if not chosen:
            raise Refused("nothing-chosen", "No letter was chosen.", "Tick at least one.")
        return await page(request, await _box(services).put_back(chosen))

    return routes


def _box(services: Services) -> Letters:
    if services.letters is None:
        raise HTTPException(404)
    return services.letters
