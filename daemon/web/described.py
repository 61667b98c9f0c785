"""The API's own description: the OpenAPI document, and the page of the console that shows it to people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from daemon.web.problems import ProblemDocument
from daemon.web.rendering import Renderer

_SIGNING_IN = "web.token, or web.password; on loopback, where there is no login, none is needed"


class Described(FastAPI):
    """An application whose OpenAPI document knows the problem document, which no operation returns by its type, and how
    to sign in; the first sentence of what is said of an operation is its summary."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"].setdefault("ProblemDocument", ProblemDocument.model_json_schema())
        login = {"type": "http", "scheme": "bearer", "description": _SIGNING_IN}
        document["components"]["securitySchemes"] = {"token": login}
        document["security"] = [{}, {"token": []}]
        for _, _, operation in _operations(document):
            operation["summary"] = _first_sentence(operation.get("description") or operation["summary"])
        return document


@dataclass(frozen=True, slots=True)
class Operation:
    """What one address does by one method. `parameters` are those of the query."""

    method: str
    path: str
    summary: str
    parameters: Sequence[str]

    @property
    def is_link(self) -> bool:
        return self.method == "GET" and "{" not in self.path


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """In the order of the document."""
    return [Operation(method.upper(), path, one["summary"], _asked(one)) for path, method, one in _operations(document)]


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        yield from ((path, method, one) for method, one in methods.items() if path.startswith("/api/"))


def _asked(operation: Mapping[str, Any]) -> list[str]:
    given = operation.get("parameters", ())
    return [one["name"] for one in given if one["in"] == "query" and not one.get("deprecated")]


def _first_sentence(text: str) -> str:
    """In one line, without its full stop."""
    line = " ".join(text.split())
    return line.partition(". ")[0].partition("; ")[0].rstrip(".")


def router(app: FastAPI, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/api")
    async def described(request: Request) -> Response:
        return await renderer.page(request, "api", operations=operations(app.openapi()))

    return routes
