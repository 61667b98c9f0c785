"""The job that sends notifications, and how anything is sent (wire-protocols A4.1, D63–D72)."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import orjson

from daemon.sandbox.business_central.notifications import Notifications, may_be_told_again
from daemon.sandbox.business_central.overtaken import Overtaken
from daemon.sandbox.business_central.settings import BcSettings


class Wire:
    """Requests to subscribers; redirects are not followed, and nothing is waited for longer than told."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None) -> None:
        self._http = httpx.AsyncClient(transport=transport, follow_redirects=False, timeout=None)  # noqa: S113 - `send`

    async def send(self, verb: str, url: str, seconds: float, **given: Any) -> httpx.Response | None:
        """The answer, or None if there is none in time."""
        correlated = {"clientRequestId": str(uuid.uuid4()), "x-ms-correlation-id": str(uuid.uuid4())}
        headers = {**given.pop("headers", {}), **correlated}
        request = self._http.build_request(verb, url, headers=headers, **given)
        with contextlib.suppress(httpx.HTTPError, OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._http.send(request)
        return None


class Sender:
    """Sends what is due, one message per address."""

    def __init__(
        self, settings: BcSettings, now: Callable[[], datetime], wire: Wire, notifications: Notifications
    ) -> None:
        self._settings = settings
        self._wire = wire
        self._notifications = notifications
        self._overtaken = Overtaken(now)

    async def deliver(self) -> None:
        """Send what is due by now (D63, D65)."""
        for url in self._notifications.due():
            taken = self._notifications.take(url)
            content = orjson.dumps(self._notifications.message(taken)) if taken else b""
            self._notifications.told(url, taken, await self._tell(url, content) if taken else 200)
        for url, content in self._overtaken.due():
            await self._tell_late(url, content)

    async def _tell(self, url: str, content: bytes) -> int:
        """Send a message now, or let the next one overtake it; how the address answered."""
        settings = self._settings
        delay = settings.notification_delay_seconds
        if settings.notifications_overtaken and self._overtaken.hold(url, content, delay):
            return 200
        if settings.notifications_twice:
            await self._post(url, content)
        status = await self._post(url, content)
        for late in self._overtaken.follow(url):
            await self._tell_late(url, late)
        return status

    async def _tell_late(self, url: str, content: bytes) -> None:
        if may_be_told_again(await self._post(url, content)):
            self._overtaken.hold(url, content, self._settings.notification_retry_seconds[0])

    async def _post(self, url: str, content: bytes) -> int:
        """The status the address answered with; 0 for none."""
        kind = {"Content-Type": "application/json"}
        seconds = self._settings.notification_timeout_seconds
        answer = await self._wire.send("POST", url, seconds, content=content, headers=kind)
        return 0 if answer is None else answer.status_code
