"""The set-up check: what `coupled check` tells, asked by a button and kept until it is asked again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from daemon.web.access import Guard
from daemon.web.ports import Services
from daemon.web.rendering import Renderer
from schemas.checkup import Checked


def router(services: Services, guard: Guard, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    checks = _Checks(services)

    @routes.get("/set-up")
    async def shown(request: Request) -> Response:
        return await renderer.page(request, "set_up", found=checks.found, at=checks.at)

    @routes.post("/set-up")
    async def check(request: Request) -> Response:
        await guard.form_of(request)
        await checks.run()
        return RedirectResponse("/set-up", status_code=303)

    return routes


class _Checks:
    """The last one. Two at once would only cost the sides twice as many requests."""

    def __init__(self, services: Services) -> None:
        self.found: Sequence[Checked] = ()
        self.at: datetime | None = None
        self._services = services
        self._one = asyncio.Lock()

    async def run(self) -> None:
        if self._services.check is None:
            return
        asked = datetime.now(UTC)
        async with self._one:
            if self.at is None or self.at < asked:
                self.found, self.at = await self._services.check(), datetime.now(UTC)
