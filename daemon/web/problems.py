"""Errors as answers: problem+json (RFC 9457) under /api, a page elsewhere."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from daemon import logs
from daemon.web.rendering import Renderer
from schemas.errors import CoupledError, Problem, Unreachable

_log = logs.get(__name__)
_STATUS = {
    "form-stale": 403,
    "mapping-unknown": 404,
    "record-unknown": 404,
    "key-taken": 409,
    "request-invalid": 422,
    "parameter-unknown": 422,
}
_UNEXPECTED = Problem("internal-error", "Something went wrong inside coupled.", "The log has the details.")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MEDIA_TYPE = "application/problem+json"


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 says it, with the code and the hint that all errors of coupled have."""

    type: Literal["about:blank"]
    title: str = Field(description="the phrase of the status")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="what is wrong, in a sentence")
    code: str = Field(description="stable; docs/reference/problems.md has them all")
    hint: str = Field(description="what to do; may be empty")


# FastAPI would describe a model given to `responses` as application/json.
RESPONSES: Mapping[int | str, dict[str, Any]] = {
    "default": {
        "description": "It was not done; the document says why, and what to do.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
}


def answer(status: int, code: str, message: str, hint: str = "") -> JSONResponse:
    """A problem document: `detail` says what, `code` is stable, `hint` what to do."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": message, "code": code, "hint": hint}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def install(app: FastAPI, renderer: Renderer) -> None:
    """Turns the errors we know into answers that say what to do."""

    def say(request: Request, status: int, problem: Problem) -> Response:
        return _say(renderer, request, status, problem)

    @app.exception_handler(CoupledError)
    async def ours(request: Request, error: CoupledError) -> Response:
        status = 503 if isinstance(error, Unreachable) else _STATUS.get(error.problem.code, 400)
        return say(request, status, error.problem)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return say(request, 422, _invalid(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def known(request: Request, error: HTTPException) -> Response:
        response = say(request, error.status_code, _http(request, error))
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_taken(app, request))
        return response


def _taken(app: FastAPI, request: Request) -> list[str]:
    """The methods that the address takes. The router tells those of the first of its routes only."""
    asked = ({**request.scope, "method": method} for method in _METHODS)
    return [one["method"] for one in asked if any(route.matches(one)[0] is Match.FULL for route in app.router.routes)]


def unexpected(request: Request, renderer: Renderer, error: Exception) -> Response:
    """An error nobody foresaw: the log has it all, the answer nothing of the inside."""
    _log.error("web request failed", path=request.url.path, exc_info=error)
    return _say(renderer, request, 500, _UNEXPECTED)


def _invalid(first: Mapping[str, Any]) -> Problem:
    """Of what a request has: the first that is wrong."""
    where, *inside = map(str, first["loc"])
    said = f"{'.'.join(inside) or where}: {first['msg']}."
    if first["type"] == "json_invalid":
        said = f"The body is not JSON: {first['ctx']['error']}, at character {inside[-1]}."
    return Problem("request-invalid", said, "/api describes every request.")


_HTTP = {
    404: Problem("http-404", "There is no such page."),
    405: Problem("http-405", "This address does not take this method.", "The header Allow names those it takes."),
}


def _http(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 404 and request.url.path.startswith("/api"):
        said = f"There is nothing at {request.url.path}."
        return Problem("http-404", said, "Lists such as /api/jobs tell what there is; /api describes every address.")
    return _HTTP.get(error.status_code) or Problem(f"http-{error.status_code}", str(error.detail))


def _say(renderer: Renderer, request: Request, status: int, problem: Problem) -> Response:
    if request.url.path.startswith("/api"):
        return answer(status, problem.code, problem.message, problem.hint)
    return renderer.problem(request, status, problem)
