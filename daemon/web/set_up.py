"""The set-up check: what `coupled check` tells, asked by a button and kept until it is asked again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from daemon.web.access import Guard
from daemon.web.operations import OPERATIONS
from daemon.web.ports import Services
from daemon.web.rendering import Renderer
from schemas.checkup import Checked, exit_of


class Checks:
    """The last one. Two at once would only cost the sides twice as many requests: who asks meanwhile waits for the
    next, which is one for all of them."""

    def __init__(self, services: Services) -> None:
        self.found: Sequence[Checked] = ()
        self.at: datetime | None = None
        self._began: datetime | None = None
        self._services = services
        self._one = asyncio.Lock()

    async def run(self) -> None:
        if self._services.check is None:
            return
        asked = datetime.now(UTC)
        async with self._one:
            if self._began is None or self._began < asked:
                began = datetime.now(UTC)
                self.found, self.at = await self._services.check(), datetime.now(UTC)
                self._began = began

    @property
    def told(self) -> "SetUp":
        return SetUp(at=self.at, exit=None if self.at is None else int(exit_of(self.found)), findings=self.found)


class SetUp(BaseModel):
    """What the last check has found."""

    at: datetime | None = Field(description="when; null: not checked since this worker started")
    exit: int | None = Field(description="how `coupled check` would end: 0, 2 something is to be mended, 3 away")
    findings: Sequence[Checked]


def api(services: Services, checks: Checks) -> APIRouter:
    routes = APIRouter(prefix="/api/set-up", **OPERATIONS)

    @routes.get("")
    async def last() -> SetUp:
        """What the last check of the set-up has found, on this worker."""
        return checks.told

    @routes.post("")
    async def check() -> SetUp:
        """Checks everything that `coupled check` does, and answers when it is done. It reads both sides; it changes
        nothing."""
        if services.check is None:
            raise HTTPException(404)
        await checks.run()
        return checks.told

    return routes


def router(checks: Checks, guard: Guard, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/set-up")
    async def shown(request: Request, state: str = "") -> Response:
        return await renderer.page(request, "set_up", found=checks.found, at=checks.at, chosen={"state": state})

    @routes.post("/set-up")
    async def check(request: Request) -> Response:
        await guard.form_of(request)
        await checks.run()
        return RedirectResponse("/set-up", status_code=303)

    return routes
