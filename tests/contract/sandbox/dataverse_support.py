"""What the Dataverse contract tests share: an organisation with a clock that tests move, and a signed-in client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from daemon.sandbox.dataverse import DataverseSettings, create_app

HOST = "http://127.0.0.1:8099"
ROOT = "/api/data/v9.2/"
TOKEN_URL = "/contoso/oauth2/v2.0/token"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "coupled",
    "client_secret": "sandbox-secret",
    "scope": f"{HOST}/.default",
}
REPRESENTATION = {"Prefer": "return=representation"}
TRACK = {"Prefer": "odata.track-changes"}
ID = "11111111-0000-0000-0000-{:012d}"


@dataclass
class Clock:
    moment: datetime = field(default_factory=lambda: datetime(2026, 1, 5, 12, 0, 0, 987654, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Org:
    """A signed-in client; paths are relative to the service root."""

    http: httpx.AsyncClient
    clock: Clock
    app: Any

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.send("GET", path, **headers)

    async def send(self, method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith(("http", "/")) else ROOT + path
        return await self.http.request(method, url, json=json, headers=named)

    async def create(self, entity_set: str, **values: Any) -> dict[str, Any]:
        answer = await self.send("POST", entity_set, values, Prefer="return=representation")
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def sign_in(self) -> None:
        answer = await self.http.post(TOKEN_URL, data=CREDENTIALS)
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@asynccontextmanager
async def org(
    settings: DataverseSettings | None = None,
    wire: httpx.AsyncBaseTransport | None = None,
    **data: list[dict[str, Any]],
) -> AsyncIterator[Org]:
    """An organisation with these settings and seeds; what it sends by itself goes out through `wire`."""
    clock = Clock()
    app = create_app(settings or DataverseSettings(), data, clock, wire=wire)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as http:
        made = Org(http, clock, app)
        await made.sign_in()
        yield made


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and error code of an answer."""
    return answer.status_code, answer.json()["error"]["code"]


def accounts(count: int) -> list[dict[str, Any]]:
    return [{"accountid": ID.format(number), "name": f"Account {number:05d}"} for number in range(count)]
