"""Requests that take effect after their connection has died (wire-protocols D5 123).

By the simulated clock: a moved clock lets them happen at once, in the order of their times; else they happen by
themselves, where the application is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from starlette.types import Message, Receive

_GRACE = 0.02  # the timer's clock is another one
Commit = Callable[[], Awaitable[None]]


class Late:
    """What is still to take effect."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: list[tuple[datetime, Commit]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, seconds: float, commit: Commit) -> None:
        """Let `commit` happen so many seconds from now."""
        self._waiting.append((self._now() + timedelta(seconds=seconds), commit))
        self._waiting.sort(key=lambda one: one[0])
        asyncio.get_running_loop().call_later(seconds + _GRACE, self._wake)

    def _wake(self) -> None:
        task = asyncio.ensure_future(self.settle())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Let happen what is due by now."""
        while self._waiting and self._waiting[0][0] <= self._now():
            _, commit = self._waiting.pop(0)
            await commit()


async def replayed(receive: Receive) -> Receive:
    """The request's body, read to its end, for one who asks later."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            break

    async def again() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return again
