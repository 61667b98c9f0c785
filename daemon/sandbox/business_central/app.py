"""The simulator as an ASGI application: addresses, token check, limits, `/_sandbox` (wire-protocols A1, D1, D2)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import httpx
import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from daemon.sandbox.business_central.batch import Batch
from daemon.sandbox.business_central.errors import ApiError, body_for_status, no_segment
from daemon.sandbox.business_central.limits import Limits
from daemon.sandbox.business_central.rules import create_as_customer
from daemon.sandbox.business_central.seeds import Seeds, load_seeds
from daemon.sandbox.business_central.service import Answer, Call, Service
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.store import Store
from daemon.sandbox.business_central.tables import CUSTOM, RUNTIME, STANDARD, STORED
from daemon.sandbox.business_central.webhooks import Webhooks
from daemon.sandbox.identity import Identity, Unauthorised
from daemon.sandbox.pages import Pages
from daemon.sandbox.pages.of_business_central import side
from daemon.sandbox.request_log import Control, ControlMiddleware, json_object
from daemon.sandbox.serving import connection

_APIS = (STANDARD, CUSTOM, RUNTIME)
_VERBS = ["GET", "POST", "PATCH", "PUT", "DELETE", "MERGE"]


def create_app(
    settings: BcSettings,
    data: Seeds,
    now: Callable[[], datetime],
    *,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    identity: Identity | None = None,
    wire: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """A Business Central environment holding `data`; `now` is the base of its movable clock.

    Without an `identity` the app has a token endpoint of its own. `app.state.control` and `app.state.store` let a
    test in the same process move the clock, arm faults or look at the rows. Notifications go out through `wire`: by
    themselves where the app is served, else when a test awaits `app.state.webhooks.deliver()`.
    """
    control = Control(now, body_for_status, settings.log_entries, settings.latency_seconds)
    store = Store(settings, control.clock.now, new_id)
    load_seeds(store, data)
    store.start_replica()
    identity = identity or Identity(
        settings.clients, {settings.audience}, control.clock.now, token_seconds=settings.token_seconds
    )
    webhooks = Webhooks(settings, control.clock.now, wire)
    store.watch = webhooks.watch
    pages = Pages(side(settings, store, identity))
    front = _Front(settings, store, control, identity, webhooks, pages)
    routes = [
        *identity.routes(),
        *control.routes(),
        *pages.routes(),
        Route("/", front.index, methods=["GET"]),
        Route("/_sandbox/customers", front.create_as_customer, methods=["POST"]),
        Route("/v2.0/{rest:path}", front.answer, methods=_VERBS),
    ]

    @contextlib.asynccontextmanager
    async def sending(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(webhooks.run())
        yield
        task.cancel()

    app = Starlette(routes=routes, middleware=[Middleware(ControlMiddleware, control=control)], lifespan=sending)
    app.state.control, app.state.store, app.state.webhooks = control, store, webhooks
    app.state.identity = identity
    return app


class _Front:
    """Turns HTTP requests into calls and answers into HTTP responses."""

    def __init__(
        self,
        settings: BcSettings,
        store: Store,
        control: Control,
        identity: Identity,
        webhooks: Webhooks,
        pages: Pages,
    ) -> None:
        self._settings = settings
        self._store = store
        self._control = control
        self._identity = identity
        self._webhooks = webhooks
        self._pages = pages
        self._service = Service(store)
        self._limits = Limits(settings, control.clock.now, lambda: control.latency_seconds)
        environment, tenant = re.escape(settings.environment), re.escape(settings.tenant)
        self._address = re.compile(
            rf"(/v2\.0/(?:{tenant}/)?{environment}/api/({'|'.join(map(re.escape, _APIS))}))(?:/(.*))?"
        )

    async def index(self, request: Request) -> Response:
        """What this is, and how many rows each entity set holds: for a browser a page that leads to them."""
        if "text/html" in request.headers.get("accept", ""):
            return await self._pages.tables(request)
        sets = {name: len(self._store.rows(name)) for name in STORED}
        shown = {
            "simulator": "Business Central API v2.0",
            "url": f"{str(request.base_url).rstrip('/')}/v2.0/{self._settings.environment}",
            "company": {"id": self._settings.company_id, "name": self._settings.company_name},
            "rows": sets,
        }
        return Response(orjson.dumps(shown, option=orjson.OPT_INDENT_2), media_type="application/json")

    async def create_as_customer(self, request: Request) -> Response:
        """`{"contact": number}`: what a person does with the action of that name on the contact's page."""
        asked = await json_object(request) or {}
        try:
            made = create_as_customer(self._store, str(asked.get("contact")))
        except ApiError as error:
            return _response(Answer(error.status, error.body(), error.headers, "application/json"))
        return Response(orjson.dumps({"id": made.id}), 201, media_type="application/json")

    async def answer(self, request: Request) -> Response:
        """Any request below `/v2.0`."""
        try:
            client = self._identity.authorise(request.headers.get("authorization"), self._settings.audience)
            self._limits.connected(client, connection(request.scope))
            refused = self._limits.count(client)
            if refused is not None:
                raise refused
            async with self._limits.slot(client):
                call = await self._call(request)
                if self._webhooks.answers(call):
                    return _response(await self._webhooks.handle(call, client))
                self._webhooks.user = client
                return _response(self._answer(call, client))
        except Unauthorised as error:
            return _response(_unauthorised(error))
        except ApiError as error:
            return _response(Answer(error.status, error.body(), error.headers, "application/json"))

    async def _call(self, request: Request) -> Call:
        path = request.scope["path"]
        match = self._address.fullmatch(path)
        if match is None:
            raise no_segment(path.rsplit("/", 1)[-1])
        root = str(request.base_url).rstrip("/") + match.group(1)
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.scope["query_string"].decode("latin-1")
        body = await request.body()
        return Call(request.method, root, match.group(2), match.group(3) or "", query, headers, body)

    def _answer(self, call: Call, client: str) -> Answer:
        if call.path.strip("/") != "$batch" or call.method != "POST":
            return self._service.handle(call)

        parts = 0

        def count() -> ApiError | None:
            nonlocal parts
            parts += 1  # the envelope has been counted already, and stands for the first part
            return self._limits.count(client) if parts > 1 and self._settings.batch_parts_count else None

        return Batch(self._service, self._control, count, self._settings.batch_limit).run(call)


def _unauthorised(error: Unauthorised) -> Answer:
    """D5–D7: whatever is wrong with the token, the same 401."""
    refused = ApiError(
        401,
        "Authentication_InvalidCredentials",
        f"The server has rejected the client credentials. {error}",
        {"WWW-Authenticate": "Bearer"},
    )
    return Answer(401, refused.body(), refused.headers, "application/json")


def _response(answer: Answer) -> Response:
    headers = {"OData-Version": "4.0", **answer.headers}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    body = answer.body
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else orjson.dumps(body)
    return Response(content, answer.status, headers, answer.media_type)
