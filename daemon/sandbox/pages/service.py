"""The pages' requests to the simulator's own API: what they read for a form, and every edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from starlette.types import ASGIApp

from daemon.sandbox.pages.model import Side, Table

_HEADERS = {"Prefer": 'return=representation,odata.include-annotations="*"', "Accept": "application/json"}


@dataclass(frozen=True)
class Refused(Exception):
    """The service said no, or nothing: what it said."""

    status: int
    text: str
    code: str = ""


class Asking:
    """One page's requests, signed in anew: they pass limits, faults and log as those of any client do."""

    def __init__(self, side: Side, app: ASGIApp, base_url: str) -> None:
        self._side, self._app, self._base = side, app, base_url

    async def read(self, table: Table, key: str) -> dict[str, Any]:
        """A record with its etag."""
        return await self._ask("GET", f"{table.url}({key})")

    async def create(self, table: Table, body: bytes) -> dict[str, Any]:
        """The record as it was created."""
        return await self._ask("POST", table.url, body)

    async def change(self, table: Table, key: str, etag: str, body: bytes) -> None:
        """Write some fields, if the record is still the one with this etag."""
        await self._ask("PATCH", f"{table.url}({key})", body, {"If-Match": etag})

    async def delete(self, table: Table, key: str, etag: str) -> None:
        """Delete a record, if it is still the one with this etag."""
        await self._ask("DELETE", f"{table.url}({key})", None, {"If-Match": etag})

    async def _ask(
        self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        given = {**_HEADERS, **(headers or {}), "Authorization": f"Bearer {self._side.sign_in()}"}
        if body is not None:
            given["Content-Type"] = "application/json"
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=self._base) as http:
                answer = await http.request(method, url, content=body, headers=given)
        except (httpx.HTTPError, OSError) as error:
            text = "The connection died before the answer came: whether the change was made is not known."
            raise Refused(502, text) from error
        if answer.is_success:
            return _object(answer)
        raise _refusal(answer)


def _object(answer: httpx.Response) -> dict[str, Any]:
    if not answer.content:
        return {}
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        raise Refused(502, "The answer was no JSON: whether the change was made is not known.") from error
    return body if isinstance(body, dict) else {}


def _refusal(answer: httpx.Response) -> Refused:
    try:
        error = answer.json()["error"]
        return Refused(answer.status_code, str(error["message"]), str(error["code"]))
    except (ValueError, LookupError, TypeError):
        return Refused(answer.status_code, f"The service answered with status {answer.status_code}.")
