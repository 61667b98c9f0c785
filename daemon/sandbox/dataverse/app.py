"""The Dataverse simulator as an ASGI application (wire-protocols Part B, D1, D4).

Promises: every answer under `/api/data/v9.2/` carries `OData-Version`, a request id and what remains of the limits
(D75); each exchange and each `$batch` part is in the request log; data live in memory and die with the process.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from daemon.sandbox.dataverse.batch import Batch
from daemon.sandbox.dataverse.catalogue import catalogue
from daemon.sandbox.dataverse.context import Reply, Request, Service
from daemon.sandbox.dataverse.errors import DataverseError, no_resource
from daemon.sandbox.dataverse.limits import Limits
from daemon.sandbox.dataverse.routes import error_reply, handle
from daemon.sandbox.dataverse.seed import seed
from daemon.sandbox.dataverse.settings import DataverseSettings
from daemon.sandbox.dataverse.steps import Steps
from daemon.sandbox.dataverse.store import Index, Store
from daemon.sandbox.faults import PAGE, Dropped, Fault
from daemon.sandbox.identity import Identity, Unauthorised
from daemon.sandbox.pages import Pages
from daemon.sandbox.pages.of_dataverse import side
from daemon.sandbox.request_log import Control, ControlMiddleware, json_object

_ROOT = "/api/data/v9.2"
_AFFINITY = "ARRAffinity"
_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def create_app(
    settings: DataverseSettings,
    data: Mapping[str, Sequence[Mapping[str, Any]]],
    now: Callable[[], datetime],
    new_id: Callable[[], UUID] = uuid4,
    wire: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """A simulator of one organisation; `data` are seed rows per entity set, `now` its clock, `new_id` its ids.

    What it sends by itself goes out through `wire`.
    """
    control = Control(now, _fault_body, latency_seconds=settings.latency_seconds)
    tables = catalogue()
    store = Store(tables, _indexes(settings), by_column=not settings.report_unselected_changes)
    steps = Steps(settings, control.clock.now, new_id, wire)
    service = Service(store, settings, control.clock.now, new_id, secrets.token_bytes(32), steps)
    seed(service, data)
    identity = Identity(
        settings.clients, settings.audiences, control.clock.now, accept_host=True, tenants={settings.tenant}
    )
    pages = Pages(side(service, identity, _ROOT))
    front = _Front(service, identity, control, pages)
    control.error_headers = front.headers_of_fault
    routes = [
        Route("/", front.index, methods=["GET"]),
        Route("/_sandbox/metadata/{entity_set}", front.touch_metadata, methods=["POST"]),
        Route("/_sandbox/steps", front.steps, methods=["GET", "POST", "DELETE"]),
        *identity.routes(),
        *control.routes(),
        *pages.routes(),
        Route(_ROOT, front.answer, methods=_METHODS),
        Route(_ROOT + "/{path:path}", front.answer, methods=_METHODS),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(ControlMiddleware, control=control)])
    app.state.service, app.state.control, app.state.identity = service, control, identity
    return app


def _indexes(settings: DataverseSettings) -> dict[str, list[Index]]:
    found: dict[str, list[Index]] = {}
    for entity_set, columns in settings.unique_columns.items():
        found.setdefault(entity_set, []).extend(Index((column,), column, is_key=False) for column in columns)
    for entity_set, keys in settings.alternate_keys.items():
        found.setdefault(entity_set, []).extend(Index(tuple(key), ", ".join(key), is_key=True) for key in keys)
    return found


def _fault_body(status: int) -> bytes:
    codes = {429: "0x80072322", 401: "0x80040204", 403: "0x80040220", 412: "0x80060882"}
    error = {"code": codes.get(status, "0x80040216"), "message": f"The service answered with an injected {status}."}
    return orjson.dumps({"error": error})


class _Front:
    """Authorises, limits, runs and dresses each request."""

    def __init__(self, service: Service, identity: Identity, control: Control, pages: Pages) -> None:
        self._service, self._identity, self._control = service, identity, control
        self._limits = Limits(service.settings, service.now)
        self._pages = pages

    async def index(self, http: HttpRequest) -> Response:
        """What this server is, its sets and how many rows each holds: for a browser a page that leads to them."""
        if "text/html" in http.headers.get("accept", ""):
            return await self._pages.tables(http)
        counts = {name: len(data.rows) for name, data in self._service.store.data.items()}
        return JSONResponse({"service": "Dataverse Web API v9.2 simulator", "root": f"{_ROOT}/", "sets": counts})

    async def touch_metadata(self, http: HttpRequest) -> Response:
        """Pretend that a table's definition was changed: its earlier delta tokens expire (D108)."""
        data = self._service.store.data.get(http.path_params["entity_set"])
        if data is None:
            return JSONResponse({"error": "unknown entity set"}, 404)
        data.metadata_version = self._service.store.next_version()
        return Response(status_code=204)

    async def steps(self, http: HttpRequest) -> Response:
        """The webhook steps and what became of each message (D122)."""
        steps = self._service.steps
        if http.method == "DELETE":
            steps.registered.clear()
        if http.method == "POST":
            body = await json_object(http)
            if problem := "send a JSON object" if body is None else steps.register(body):
                return JSONResponse({"error": problem}, 400)
        return JSONResponse(steps.shown())

    async def answer(self, http: HttpRequest) -> Response:
        """One exchange."""
        host = str(http.base_url).rstrip("/")
        try:
            client = self._client(http)
        except Unauthorised as refused:
            return self._unauthorised(str(refused))
        server = self._limits.server(http.cookies.get(_AFFINITY, ""))
        response = await self._served(http, host, f"{client} on {server}")
        if self._service.settings.servers > 1:
            response.set_cookie(_AFFINITY, str(server), httponly=True)
        return response

    async def _served(self, http: HttpRequest, host: str, client: str) -> Response:
        """What the web server answers; `client` names it too, since it limits each by itself."""
        request = await self._request(http, host, b"")
        try:
            self._limits.enter(client)
        except DataverseError as error:
            return self._dressed(client, error_reply(request, error))
        try:
            request = replace(request, body=await http.body())
            if self._control.latency_seconds:
                await asyncio.sleep(self._control.latency_seconds)
            return self._dressed(client, self._limited(client, request))
        finally:
            self._limits.leave(client)
            self._service.steps.start()

    def _client(self, http: HttpRequest) -> str:
        audiences = {str(http.base_url).rstrip("/"), *self._service.settings.audiences}
        return self._identity.authorise(http.headers.get("authorization"), audiences)

    async def _request(self, http: HttpRequest, host: str, body: bytes) -> Request:
        raw = http.scope.get("raw_path", http.scope["path"].encode()).decode("latin-1").partition("?")[0]
        return Request(
            method=http.method,
            path=raw.removeprefix(_ROOT).removeprefix("/"),
            query=http.scope["query_string"].decode("latin-1"),
            headers={name.lower(): value for name, value in http.headers.items()},
            body=body,
            base=host + _ROOT,
            caller=self._service.settings.application_user_id,
        )

    def _limited(self, client: str, request: Request) -> Reply:
        """A request counts before it runs; a batch's parts count each for themselves (B5)."""
        try:
            if request.path != "$batch":
                self._limits.admit(client)
                return handle(self._service, self._impersonated(request))
            if request.method != "POST":
                raise no_resource(f"{request.base}/$batch")
            return Batch(self._service, lambda part: self._part(client, part), self._note, error_reply).answer(request)
        except DataverseError as error:
            return error_reply(request, error)

    def _part(self, client: str, request: Request) -> Reply:
        path = f"{_ROOT}/{request.path}"
        fault = self._control.faults.take(request.method, path, part=True)
        try:
            self._limits.admit(client)
            if fault is None:
                return handle(self._service, self._impersonated(request))
            if fault.after_commit or fault.truthful:
                reply = handle(self._service, self._impersonated(request))
                if fault.truthful:
                    return replace(reply, body=fault.spoilt(reply.body))
        except DataverseError as error:
            return error_reply(request, error)
        return self._faulty(fault)

    def _faulty(self, fault: Fault) -> Reply:
        if fault.kind == "drop":
            raise Dropped
        html = fault.kind == "html"
        headers = {"Content-Type": "text/html" if html else "application/json"}
        if fault.retry_after is not None:
            headers["Retry-After"] = f"{fault.retry_after:g}"
        return Reply(fault.status, headers, PAGE if html else self._control.error_body(fault.status))

    def _note(self, request: Request, status: int) -> None:
        query = f"?{request.query}" if request.query else ""
        self._control.log.record(request.method, f"{_ROOT}/{request.path}{query}", status, part=True)

    def _impersonated(self, request: Request) -> Request:
        """`CallerObjectId` and `MSCRMCallerID` make another user the caller (B1)."""
        wanted = request.header("callerobjectid") or request.header("mscrmcallerid")
        if wanted is None:
            return request
        prop = "azureactivedirectoryobjectid" if request.header("callerobjectid") else "systemuserid"
        users = self._service.store.data["systemusers"].rows.items()
        found = next((user_id for user_id, user in users if user.get(prop) == wanted.lower()), None)
        if found is None:
            message = f"systemuser With Id = {wanted} Does Not Exist"
            raise DataverseError(403, "0x80040217", message)
        return replace(request, caller=found)

    def _dressed(self, client: str, reply: Reply) -> Response:
        return Response(reply.body, reply.status, {**self._always(client), **reply.headers})

    def _always(self, client: str) -> dict[str, str]:
        """What every answer carries (D75, B6)."""
        hint = self._service.settings.dop_hint
        return {
            "OData-Version": "4.0",
            "REQ_ID": str(self._service.new_id()),
            "x-ms-service-request-id": str(self._service.new_id()),
            **self._limits.headers(client),
            **({} if hint is None else {"x-ms-dop-hint": str(hint)}),
        }

    def headers_of_fault(self, http: HttpRequest, status: int) -> dict[str, str]:
        """What an injected error carries."""
        try:
            client = self._client(http)
        except Unauthorised:
            client = ""
        return self._always(client) | (self._challenge() if status == 401 else {})

    def _challenge(self) -> dict[str, str]:
        tenant = self._service.settings.tenant
        challenge = (
            f"Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize, "
            f"resource_id={self._service.settings.audiences[0]}/"
        )
        return {"WWW-Authenticate": challenge}

    def _unauthorised(self, message: str) -> Response:
        body = {"error": {"code": "0x80040204", "message": message}}
        return JSONResponse(body, 401, {**self._always(""), **self._challenge()})
