"""Webhooks: steps registered for a message of a table, and what their endpoints are sent (wire-protocols B4.2, D122).

Promises: only what was committed is told, once its request is over, in no promised order; an endpoint that answers
502, 503 or 504, or not at all, is tried once more, any other failure is final; each delivery leaves a system job.
How steps are registered in the real service (`serviceendpoint`, `sdkmessageprocessingstep`) is not simulated: they are
given at `/_sandbox/steps`. Only asynchronous steps are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import orjson

from daemon.sandbox.dataverse.settings import DataverseSettings
from daemon.sandbox.dataverse.tables import Table

_MESSAGES = ("Create", "Update", "Delete")
_AUTHENTICATION = ("", "HttpHeader", "WebhookKey", "HttpQueryString")
CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_AGAIN = frozenset({0, 502, 503, 504})
_SUCCEEDED, _FAILED = 30, 31
_LARGE = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")


@dataclass(frozen=True)
class Step:
    """An endpoint that is told of one message of one table; `values` are what its kind of authentication needs."""

    url: str
    message: str
    table: str
    authentication: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """What a context tells of the request that caused it."""

    caller: str
    host: str
    query: str


class Steps:
    """The steps of an organisation, what waits to be told, and what became of each delivery."""

    def __init__(
        self,
        settings: DataverseSettings,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        wire: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._settings, self._now, self._new_id = settings, now, new_id
        self._wire = wire
        self.registered: list[Step] = []
        self.jobs: list[dict[str, Any]] = []
        self._waiting: list[tuple[Step, dict[str, Any], str]] = []
        self._running: set[asyncio.Task[None]] = set()

    def register(self, body: Mapping[str, Any]) -> str:
        """What is wrong with a step as given, or nothing."""
        try:
            step = Step(**body)
        except TypeError as error:
            return str(error)
        if step.message not in _MESSAGES or step.authentication not in _AUTHENTICATION:
            return f"message is one of {_MESSAGES}, authentication one of {_AUTHENTICATION}"
        self.registered.append(step)
        return ""

    def shown(self) -> dict[str, Any]:
        return {"steps": [asdict(step) for step in self.registered], "jobs": self.jobs}

    def of(self, message: str, table: Table) -> list[Step]:
        """Who is to be told of such a write."""
        return [step for step in self.registered if (step.message, step.table) == (message, table.logical)]

    def note(self, step: Step, row_id: str, attributes: list[dict[str, Any]], origin: Origin) -> None:
        """A row was written; the endpoint waits to be told of it."""
        self._waiting.append((step, self._context(step, row_id, attributes, origin), origin.host))

    def unnote(self) -> None:
        """The last thing noted has been undone."""
        self._waiting.pop()

    def start(self) -> None:
        """Tell the endpoints what waits; the request that caused it does not wait for them."""
        waiting, self._waiting = self._waiting, []
        for step, context, host in waiting:
            task = asyncio.create_task(self._deliver(step, context, host))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def settled(self) -> None:
        """Until every delivery that has begun is over."""
        while self._running:
            await asyncio.gather(*self._running)

    def _context(self, step: Step, row_id: str, attributes: list[dict[str, Any]], origin: Origin) -> dict[str, Any]:
        target: dict[str, Any] = {"__type": f"EntityReference:{CONTRACTS}", "Id": row_id, "LogicalName": step.table}
        if step.message != "Delete":
            target |= {"__type": f"Entity:{CONTRACTS}", "Attributes": attributes}
        tags = parse_qs(origin.query).get("tag", [])
        return {
            "MessageName": step.message,
            "PrimaryEntityName": step.table,
            "PrimaryEntityId": row_id,
            "UserId": origin.caller,
            "InitiatingUserId": origin.caller,
            "OrganizationId": self._settings.organisation_id,
            "OrganizationName": self._settings.organisation,
            "BusinessUnitId": self._settings.business_unit_id,
            "CorrelationId": str(self._new_id()),
            "Depth": 1,
            "Mode": 1,
            "OperationCreatedOn": f"/Date({int(self._now().timestamp() * 1000)})/",
            "InputParameters": [{"key": "Target", "value": target}],
            "OutputParameters": [],
            "PreEntityImages": [],
            "PostEntityImages": [],
            "SharedVariables": [{"key": "tag", "value": tag} for tag in tags],
            "ParentContext": None,
        }

    async def _deliver(self, step: Step, context: dict[str, Any], host: str) -> None:
        limit = self._settings.webhook_bytes_limit
        headers = {
            "Content-Type": "application/json",
            "x-ms-dynamics-organization": host,
            "x-ms-dynamics-entity-name": step.table,
            "x-ms-dynamics-request-name": step.message,
            "x-ms-correlation-request-id": context["CorrelationId"],
        }
        body = _dump(context)
        if len(body) > limit:
            headers["x-ms-dynamics-msg-size-exceeded"] = "true"
            body = _dump({name: value for name, value in context.items() if name not in _LARGE})
        headers |= step.values if step.authentication == "HttpHeader" else {}
        query = step.values if step.authentication in {"WebhookKey", "HttpQueryString"} else {}
        status = await self._post(step.url, query, headers, body)
        if status in _AGAIN:
            status = await self._post(step.url, query, headers, body)
        done = _SUCCEEDED if 200 <= status < 300 else _FAILED
        self.jobs.append({"url": step.url, "status": status, "statuscode": done})

    async def _post(self, url: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> int:
        seconds = self._settings.webhook_timeout_seconds
        try:
            async with httpx.AsyncClient(transport=self._wire, timeout=seconds) as http:
                answer = await http.post(httpx.URL(url).copy_merge_params(dict(query)), content=body, headers=headers)
        except httpx.HTTPError:
            return 0
        return answer.status_code


def _dump(context: Mapping[str, Any]) -> bytes:
    return orjson.dumps(context, default=str)
