"""One pair: why it is, or is not, in step. Both sides are read for it, so its page asks again only for its
notice, and for itself once, when the command that was given there has ended."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daemon.web.operations import OPERATIONS
from daemon.web.parameters import Word
from daemon.web.ports import Services
from daemon.web.rendering import Renderer
from schemas.explanation import Explanation


def router(services: Services, renderer: Renderer) -> APIRouter:
    routes = APIRouter()

    @routes.get("/api/pairs/{mapping}/{record:path}", **OPERATIONS)
    async def pair(mapping: Word, record: Word) -> Explanation:
        """Why a record is, or is not, in step; named by either side's id, number, code or text. Reads both sides."""
        return await services.explain(mapping, record)

    @routes.get("/couplings/{mapping}/{record:path}", include_in_schema=False)
    async def page(request: Request, mapping: str, record: str) -> Response:
        found = await services.explain(mapping, record)
        shown: dict[str, Any] = {"pair": found, "path": request.url.path}
        return await renderer.page(request, "couplings", template="pair.html", still=True, **shown)

    return routes
