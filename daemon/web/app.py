"""The application: every route behind one gate, every answer with the headers that keep browsers honest."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from daemon.web import (
    alerts,
    api,
    dead_letters,
    described,
    full_sync,
    login,
    mappings,
    pages,
    pairs,
    probes,
    problems,
    records,
    set_up,
    submitting,
)
from daemon.web.access import Guard, foreign
from daemon.web.bodies import Limited
from daemon.web.ports import Services
from daemon.web.rendering import Renderer
from daemon.web.webhooks import Receiver
from schemas.webhooks import PATH

_HERE = Path(__file__).parent
# Probes and Prometheus carry no password, and what they are told holds no secret.
_OPEN = ("/healthz", "/readyz", "/metrics")
_BEFORE_LOGIN = (*_OPEN, "/login", "/static/", "/webhooks/")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Next = Callable[[Request], Awaitable[Response]]


def create_app(services: Services) -> FastAPI:
    """The web of one daemon."""
    guard = Guard(services.access)
    app = described.Described(
        title="coupled",
        version=services.version or "0",
        summary="Keeps Business Central and Sales in step.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from another host
        redoc_url=None,
    )
    checks = set_up.Checks(services)
    renderer = Renderer(services, guard, _HERE / "templates")
    problems.install(app, renderer)
    app.include_router(probes.router(services))
    app.include_router(api.router(services))
    app.include_router(alerts.router(services))
    app.include_router(dead_letters.api(services))
    app.include_router(set_up.api(services, checks))
    app.include_router(login.router(guard, renderer))
    app.include_router(submitting.router(services, guard))
    app.include_router(pages.router(services, renderer))
    app.include_router(mappings.router(services, renderer))
    app.include_router(full_sync.router(services.reader, renderer))
    app.include_router(records.router(services.reader, renderer))
    app.include_router(pairs.router(services, renderer))
    app.include_router(dead_letters.router(services, guard, renderer))
    app.include_router(set_up.router(checks, guard, renderer))
    app.include_router(described.router(app, renderer))
    for path in (PATH, f"{PATH}/"):
        app.router.routes.append(Route(path, Receiver(services.notified)))
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")

    @app.middleware("http")
    async def gate(request: Request, go_on: Next) -> Response:
        try:
            response = _stopped(request, guard) or await go_on(request)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody reads it
        except Exception as error:
            response = problems.unexpected(request, renderer, error)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not request.url.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.add_middleware(Limited)
    return app


def _stopped(request: Request, guard: Guard) -> Response | None:
    path = request.url.path
    if path.startswith(("/webhooks/", *_OPEN)):
        return None
    if "\0" in path or "%00" in request.url.query:  # PostgreSQL has none
        return problems.answer(400, "zero-character", "The address holds a zero character.", "Leave it out.")
    if guard.misdirected(request):
        return problems.answer(421, "wrong-host", "This name is not ours.", "Use the address of the console itself.")
    if request.method not in {"GET", "HEAD"} and foreign(request):
        return problems.answer(403, "foreign-origin", "This came from a page of another origin.", "")
    if path.startswith(_BEFORE_LOGIN) or guard.may_enter(request):
        return None
    if path.startswith("/api/") or request.headers.get("x-fragment"):
        return _unauthorised()
    return RedirectResponse(f"/login?next={quote(path)}", status_code=303)


def _unauthorised() -> JSONResponse:
    hint = "Sign in at /login, or send web.token, or the password, as `Authorization: Bearer …`."
    response = problems.answer(401, "login-needed", "This address needs a login.", hint)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response
