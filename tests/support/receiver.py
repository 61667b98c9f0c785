"""A subscriber of webhooks of either side, as a transport: what it was sent, and how it is to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson


class Receiver(httpx.AsyncBaseTransport):
    """Answers handshakes rightly and notifications with `status`, unless told otherwise."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.status = 200
        self.handshake: Callable[[str], httpx.Response] = lambda token: httpx.Response(200, text=token)
        self.hangs = False
        self.failure: httpx.TransportError | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()
        token = request.url.params.get("validationToken")
        return httpx.Response(self.status) if token is None else self.handshake(token)

    @property
    def posts(self) -> list[httpx.Request]:
        """The notifications, without handshakes."""
        return [one for one in self.requests if "validationToken" not in one.url.params]

    @property
    def told(self) -> list[list[dict[str, Any]]]:
        """What each notification held."""
        return [orjson.loads(one.content)["value"] for one in self.posts]

    @property
    def kinds(self) -> list[list[str]]:
        return [[str(entry["changeType"]) for entry in told] for told in self.told]
