"""Templates into answers: a whole page, or only its living part when the page's script asks for it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from daemon.web import formats
from daemon.web.access import Guard
from daemon.web.ports import CommandStatus, Services
from schemas.errors import Problem
from schemas.job import RunState

FRAGMENT = "x-fragment"
# Rows of a table that goes on.
PAGE = 50


@dataclass(frozen=True, slots=True)
class View:
    """One place in the navigation."""

    name: str
    path: str
    title: str
    # How often its script asks for it anew, in milliseconds; 0: never.
    every: int = 2000


_VIEWS = {
    view.name: view
    for view in (
        View("overview", "/", "Overview"),
        View("full_sync", "/full-sync", "Full synchronisation"),
        View("mappings", "/mappings", "Mappings"),
        View("jobs", "/jobs", "Synchronisation jobs"),
        View("errors", "/errors", "Errors"),
        View("couplings", "/couplings", "Couplings"),
        # Each look reads the topic anew.
        View("dead_letters", "/dead-letters", "Dead letters", every=30_000),
        View("set_up", "/set-up", "Set-up check"),
    )
}
_ASIDE = {"api": View("api", "/api", "API", every=0)}


@cache
def _templates(folder: Path) -> Environment:
    """Compiled once in a process, when first asked for."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= formats.FILTERS
    made.globals |= {"views": _VIEWS.values(), "page_size": PAGE}
    return made


class Renderer:
    def __init__(self, services: Services, guard: Guard, folder: Path) -> None:
        self._services = services
        self._guard = guard
        self._templates = _templates(folder)

    async def page(
        self, request: Request, view: str, template: str = "", *, still: bool = False, **values: Any
    ) -> HTMLResponse:
        """A page of the view of that name, with what became of the command that led here. `still`: it is dear to make,
        so that its script asks only for the notice, and for the page once more when the command has ended."""
        notice = await self._notice(request.query_params.get("command"))
        shown = (_VIEWS | _ASIDE)[view]
        shown = replace(shown, every=0) if still else shown
        return self._render(request, template or f"{view}.html", 200, view=shown, notice=notice, **values)

    async def notice(self, request: Request, number: str) -> HTMLResponse:
        """Only what became of a command, for a page that stands still."""
        notice = await self._notice(number)
        return self._render(request, "_notice.html", 200, view=View("notice", "/notice", "", every=0), notice=notice)

    def problem(self, request: Request, status: int, problem: Problem) -> HTMLResponse:
        view = View("problem", request.url.path, "This did not work", every=0)
        return self._render(request, "problem.html", status, view=view, notice=None, problem=problem)

    def login(self, request: Request, problem: Problem | None, target: str, status: int = 200) -> HTMLResponse:
        view = View("login", "/login", "Sign in", every=0)
        return self._render(request, "login.html", status, view=view, notice=None, problem=problem, target=target)

    async def _notice(self, number: str | None) -> CommandStatus | None:
        if not number:
            return None
        known = await self._services.reader.command(number)
        # The control topic is read in its own time: until then a command is on its way.
        return known or CommandStatus(number, "command", RunState.ACCEPTED, datetime.now(UTC))

    def _render(self, request: Request, name: str, status: int, **values: Any) -> HTMLResponse:
        session = self._guard.session(request)
        text = self._templates.get_template(name).render(
            layout="fragment.html" if request.headers.get(FRAGMENT) else "page.html",
            token=self._guard.token(session),
            signed_in=session.signed_in,
            here=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
            version=self._services.version,
            **values,
        )
        response = HTMLResponse(text, status_code=status, headers={"Vary": FRAGMENT})
        if session.fresh:
            self._guard.keep(response, session, https=request.url.scheme == "https")
        return response
