"""One governor per side: how many requests at once, when to wait, what to repeat (promise 9; wire-protocols A6, B6)."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import NoReturn

import httpx
import structlog

from schemas.errors import ApiError
from schemas.side import Side


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests at once, tries per request, and the shortest and longest wait of the back-off."""

    concurrency: int
    attempts: int = 5
    base_seconds: float = 0.5
    cap_seconds: float = 60.0
    timeout_seconds: float = 120.0


_log = structlog.get_logger(__name__)
# Seconds by which a hold must grow before it is told: every refused part of a batch names a time of its own.
_WORTH_TELLING = 5.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """What metrics want to hear: every answer (status 0: none) and every second a whole side is held back."""

    observe: Callable[[Side, str, int, float], None] = lambda side, operation, status, seconds: None
    throttled: Callable[[Side, float], None] = lambda side, seconds: None


@dataclass(frozen=True, slots=True)
class Time:
    """Where time comes from, so that tests need not wait."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


class Governor(httpx.AsyncBaseTransport):
    """Sends requests of one side, reads and writes together, within its limits.

    A 429 was not executed, so anything may be repeated. After a 5xx or a lost connection only reads are: what became
    of a write is unknown, and its sender decides. ApiError with status 0 says that no answer came.
    """

    def __init__(self, side: Side, inner: httpx.AsyncBaseTransport, limits: Limits, hooks: Hooks, clocks: Time) -> None:
        self._side, self._inner, self._limits, self._hooks, self._time = side, inner, limits, hooks, clocks
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._held_until = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        operation = _operation(request)
        repeatable = operation in {"read", "token"}
        for attempt in range(self._limits.attempts):
            last = attempt == self._limits.attempts - 1
            try:
                response = await self._send(request, operation)
            except (httpx.RequestError, OSError) as error:
                if last or not repeatable:
                    self._no_answer(request, error)
                await self._time.sleep(self._back_off(attempt))
                continue
            status = response.status_code
            held = self._hold_back(response, attempt)
            if last or not (status == 429 or (repeatable and status >= 500)):
                return response
            if not held:
                await self._time.sleep(self._back_off(attempt))
        raise AssertionError("the last attempt returns or raises")

    async def aclose(self) -> None:
        await self._inner.aclose()

    def hold(self, seconds: float) -> None:
        """Nobody sends to this side for `seconds`."""
        now = self._time.clock()
        longer = now + seconds - max(self._held_until, now)
        if longer > 0:
            self._held_until = now + seconds
            self._hooks.throttled(self._side, longer)
            if longer >= _WORTH_TELLING:
                _log.warning("side_throttled", side=self._side.value, wait_seconds=round(seconds))

    async def _send(self, request: httpx.Request, operation: str) -> httpx.Response:
        """One try, body included, in a slot of its own; whoever holds a slot still waits while the side is held."""
        async with self._slots:
            while (wait := self._held_until - self._time.clock()) > 0:
                await self._time.sleep(wait)
            started, status = self._time.clock(), 0
            try:
                response = await self._inner.handle_async_request(request)
                await response.aread()
                status = response.status_code
            finally:
                self._hooks.observe(self._side, operation, status, self._time.clock() - started)
        response.extensions["hold"] = self.hold
        return response

    def _hold_back(self, response: httpx.Response, attempt: int) -> bool:
        """Holds the side after a 429, and after a 503 that names a time."""
        wait = retry_after(response.headers.get("Retry-After", ""), self._time.now())
        if response.status_code not in {429, 503} or (wait is None and response.status_code == 503):
            return False
        self.hold(self._back_off(attempt + 1) if wait is None else wait)
        return True

    def _back_off(self, attempt: int) -> float:
        longest = min(self._limits.cap_seconds, self._limits.base_seconds * 2**attempt)
        return float(longest * (0.5 + self._time.random() / 2))

    def _no_answer(self, request: httpx.Request, error: Exception) -> NoReturn:
        where = f"{request.url.scheme}://{request.url.host}"
        reason = str(error) or type(error).__name__
        raise ApiError(
            0,
            "no-answer",
            f"{self._side.label} at {where} gave no answer: {reason}",
            "Check the url, the network and the service's own status page; it is tried again.",
        ) from error


def retry_after(text: str, now: float) -> float | None:
    """The seconds a Retry-After header asks for, as a number or as a date; None if it says nothing."""
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (ValueError, TypeError):
        return None


def _operation(request: httpx.Request) -> str:
    if "operation" in request.extensions:
        return str(request.extensions["operation"])
    if request.method == "GET":
        return "read"
    return "batch" if request.url.path.endswith("/$batch") else "write"
