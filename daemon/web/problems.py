"""Errors as answers: problem+json (RFC 9457) under /api, a page elsewhere."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from daemon import logs
from daemon.web.rendering import Renderer
from schemas.errors import CoupledError, Problem, Unreachable

_log = logs.get(__name__)
_UNKNOWN = frozenset({"mapping-unknown", "record-unknown"})
_UNEXPECTED = Problem("internal-error", "Something went wrong inside coupled.", "The log has the details.")


def answer(status: int, code: str, message: str, hint: str = "") -> JSONResponse:
    """A problem document: `title` says what, `code` is stable, `hint` what to do."""
    body = {"type": "about:blank", "status": status, "title": message, "code": code, "hint": hint}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def install(app: FastAPI, renderer: Renderer) -> None:
    """Turns the errors we know into answers that say what to do."""

    def say(request: Request, status: int, problem: Problem) -> Response:
        return _say(renderer, request, status, problem)

    @app.exception_handler(CoupledError)
    async def ours(request: Request, error: CoupledError) -> Response:
        unknown = 404 if error.problem.code in _UNKNOWN else 400
        return say(request, 503 if isinstance(error, Unreachable) else unknown, error.problem)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "body"
        problem = Problem("request-invalid", f"{place}: {first['msg']}.", "/api/openapi.json describes every request.")
        return say(request, 422, problem)

    @app.exception_handler(HTTPException)
    async def known(request: Request, error: HTTPException) -> Response:
        message = "There is no such page." if error.status_code == 404 else str(error.detail)
        response = say(request, error.status_code, Problem(f"http-{error.status_code}", message))
        response.headers.update(error.headers or {})
        return response


def unexpected(request: Request, renderer: Renderer, error: Exception) -> Response:
    """An error nobody foresaw: the log has it all, the answer nothing of the inside."""
    _log.error("web request failed", path=request.url.path, exc_info=error)
    return _say(renderer, request, 500, _UNEXPECTED)


def _say(renderer: Renderer, request: Request, status: int, problem: Problem) -> Response:
    if request.url.path.startswith("/api"):
        return answer(status, problem.code, problem.message, problem.hint)
    return renderer.problem(request, status, problem)
