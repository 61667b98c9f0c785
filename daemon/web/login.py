"""Signing in and out, where the console is reachable from other machines."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from daemon.web.access import COOKIE, Guard, by_https
from daemon.web.rendering import Renderer
from schemas.errors import Problem

_WRONG = Problem("password-wrong", "That is not the password.", "It is `web.password` in the configuration file.")
_LOCKED = Problem("login-locked", "Too many wrong passwords.", "Wait a minute and try again.")


def local(target: str) -> str:
    """A path of ours to go back to, whatever the form said."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def router(guard: Guard, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    async def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - it is the parameter's public name
        if guard.may_enter(request):
            return RedirectResponse(local(next), status_code=303)
        return renderer.login(request, None, local(next))

    @routes.post("/login")
    async def enter(
        request: Request, password: Annotated[str, Form()], target: Annotated[str, Form()] = "/"
    ) -> Response:
        if guard.locked:
            return renderer.login(request, _LOCKED, local(target), 429)
        session = guard.sign_in(password)
        if session is None:
            await asyncio.sleep(0.3)
            return renderer.login(request, _WRONG, local(target), 403)
        response = RedirectResponse(local(target), status_code=303)
        guard.keep(response, session, https=by_https(request))
        return response

    @routes.post("/logout")
    async def leave() -> Response:
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(COOKIE)
        return response

    return routes
