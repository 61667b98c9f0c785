"""What the Business Central contract tests share: a tenant with a clock that tests move, and a signed-in client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from daemon.sandbox.business_central import BcSettings, create_app
from daemon.sandbox.business_central.webhooks import Webhooks

HOST = "http://127.0.0.1:8098"
ROOT = "/v2.0/sandbox/api/v2.0"
CUSTOM = "/v2.0/sandbox/api/coupled/sync/v1.0"
COMPANY = f"companies({BcSettings().company_id})"
TOKEN_URL = "/contoso/oauth2/v2.0/token"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "coupled",
    "client_secret": "sandbox-secret",
    "scope": "https://api.businesscentral.dynamics.com/.default",
}
ID = "11111111-0000-0000-0000-{:012d}"
NOBODY = ID.format(999_999)
ZERO = "00000000-0000-0000-0000-000000000000"


@dataclass
class Clock:
    moment: datetime = field(default_factory=lambda: datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Tenant:
    """A signed-in client; a path that is not absolute is relative to the company."""

    http: httpx.AsyncClient
    clock: Clock
    webhooks: Webhooks

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.send("GET", path, **headers)

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith(("http", "/")) else f"{ROOT}/{COMPANY}/{path}"
        return await self.http.request(method, url, json=body, headers=named)

    async def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        answer = await self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["value"]
        return found

    async def create(self, entity_set: str, **values: Any) -> dict[str, Any]:
        answer = await self.send("POST", entity_set, values)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def patch(self, entity_set: str, record_id: str, etag: str = "*", **values: Any) -> httpx.Response:
        return await self.send("PATCH", f"{entity_set}({record_id})", values, If_Match=etag)

    async def batch(self, *parts: dict[str, Any], **headers: str) -> httpx.Response:
        numbered = [{"id": str(n), **part} for n, part in enumerate(parts)]
        return await self.send("POST", f"{ROOT}/$batch", {"requests": numbered}, **headers)

    async def sign_in(self, client: str = "coupled") -> None:
        answer = await self.http.post(TOKEN_URL, data={**CREDENTIALS, "client_id": client})
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def part(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """One request of a batch, relative to the company."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    made: dict[str, Any] = {"method": method, "url": f"{COMPANY}/{path}", "headers": named}
    return made if body is None else {**made, "body": body}


@asynccontextmanager
async def tenant(
    data: dict[str, list[dict[str, Any]]] | None = None,
    wire: httpx.AsyncBaseTransport | None = None,
    **settings: Any,
) -> AsyncIterator[Tenant]:
    """A tenant with these seeds and settings; what it sends by itself goes out through `wire`."""
    clock = Clock()
    app = create_app(BcSettings(**settings), data or {}, clock, wire=wire)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as http:
        made = Tenant(http, clock, app.state.webhooks)
        await made.sign_in()
        yield made


def error(answer: httpx.Response) -> tuple[int, str]:
    """Status and error code of an answer."""
    return answer.status_code, answer.json()["error"]["code"]


def message(answer: httpx.Response) -> str:
    """The error text, whose end every error must have."""
    text: str = answer.json()["error"]["message"]
    assert "  CorrelationId:  " in text
    assert text.endswith(".")
    return text.partition("  CorrelationId:")[0]


def customers(count: int) -> dict[str, list[dict[str, Any]]]:
    """So many customers with predictable ids, names and times one second apart."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "customers": [
            {
                "id": ID.format(n),
                "number": f"K{n:05d}",
                "displayName": f"Customer {n:05d}",
                "lastModifiedDateTime": (start + timedelta(seconds=n, milliseconds=n % 1000)).isoformat(),
            }
            for n in range(count)
        ]
    }
