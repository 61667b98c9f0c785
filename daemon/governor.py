"""One governor per side: how many requests at once and how fast, when to wait, what to repeat (promise 9; A6, B6)."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import httpx
import structlog

from daemon.pace import Pace, Rate, Refusals, Slots, retry_after
from schemas.errors import ApiError
from schemas.side import Side


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests at once (up to `most`, if the side recommends it), tries of a read that fails, the shortest and longest
    wait of the back-off, and the pace.

    What is throttled was not executed and is repeated for `patience_seconds`: longer than either side's window of 300 s
    (A6, B6). A write is given `write_seconds` to answer, if that is longer. An answer that comes drop by drop must be
    there within `whole_seconds`, or within what its request may take to begin: it keeps a slot.
    """

    concurrency: int
    attempts: int = 5
    base_seconds: float = 0.5
    cap_seconds: float = 60.0
    timeout_seconds: float = 120.0
    write_seconds: float = 0.0
    whole_seconds: float = 300.0
    patience_seconds: float = 360.0
    rate: Rate | None = None
    most: int = 0


_log = structlog.get_logger(__name__)
# Seconds by which a hold must grow before it is told: every refused part of a batch names a time of its own.
_WORTH_TELLING = 5.0
_THROTTLED = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Hooks:
    """What metrics want to hear: every answer (status 0: none), for how many requests the side counts what was sent,
    and every second a whole side is held back."""

    observe: Callable[[Side, str, int, float], None] = lambda side, operation, status, seconds: None
    throttled: Callable[[Side, float], None] = lambda side, seconds: None
    counted: Callable[[Side, int], None] = lambda side, parts: None


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
        self._slots = Slots(limits.concurrency, limits.most)
        self._held_until = 0.0
        self._pace, self._refusals = Pace(limits.rate), Refusals(self._back_off)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        operation = _operation(request)
        if operation in {"write", "batch"}:
            _give_time(request, self._limits.write_seconds)
        tries = self._limits.attempts if operation in {"read", "token"} else 1
        failures, patient_until = 0, 0.0
        while True:
            try:
                response = await self._send(request, operation)
            except (httpx.RequestError, OSError) as error:
                failures += 1
                if failures >= tries:
                    self._no_answer(request, error)
                await self._time.sleep(self._back_off(failures - 1))
                continue
            if response.status_code == 429:
                now = self._time.clock()
                patient_until = patient_until or now + self._limits.patience_seconds
                if now >= patient_until:
                    return response
                continue  # the side is held, and this request with it
            failures += 1
            if response.status_code < 500 or failures >= tries:
                return response
            if response.status_code != 503:
                await self._time.sleep(self._back_off(failures - 1))

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
        """One try, body included, in a slot of its own, not while the side is held.

        `extensions["parts"]` of the request says how many requests its batch counts for. `extensions["refused"]` of the
        response takes the status and headers of each part.
        """
        parts = counts = int(request.extensions.get("parts", 1))
        while True:
            async with self._slots:
                if wait := self._pace.take(parts, self._time.clock()):
                    await self._time.sleep(wait)
                parts = 0
                if (wait := self._held_until - self._time.clock()) <= 0:
                    if operation != "token":  # another service than the side
                        self._hooks.counted(self._side, counts)
                    return await self._answered(request, operation)
            await self._time.sleep(wait)

    async def _answered(self, request: httpx.Request, operation: str) -> httpx.Response:
        started, status = self._time.clock(), 0
        try:
            response = await self._whole(request)
            status = response.status_code
        finally:
            self._hooks.observe(self._side, operation, status, self._time.clock() - started)
        self._pace.heard(response.headers)
        self._slots.heard(response.headers)
        self._heed(started, status, response.headers)
        if status not in _THROTTLED:
            self._slots.went(started)
            if operation != "batch":  # a batch that is taken may have parts that are not
                self._refusals.taken(started)
        response.extensions["refused"] = partial(self._heed, started)
        return response

    async def _whole(self, request: httpx.Request) -> httpx.Response:
        begins = request.extensions.get("timeout", {}).get("read") or 0.0
        try:
            async with asyncio.timeout(max(self._limits.whole_seconds, begins)):
                response = await self._inner.handle_async_request(request)
                await response.aread()
        except TimeoutError:
            raise httpx.ReadTimeout("the answer came too slowly to be waited for", request=request) from None
        return response

    def _heed(self, sent: float, status: int, headers: Mapping[str, str]) -> None:
        """Holds the side after a 429 or 503: as long as it asks for, else longer each time."""
        if status == 429:
            self._slots.refused(sent, self._time.clock())
        if status in _THROTTLED:
            wait = retry_after(headers, self._time.now())
            self.hold(self._refusals.refused(sent, self._time.clock()) if wait is None else wait)

    def _back_off(self, attempt: int) -> float:
        longest = min(self._limits.cap_seconds, self._limits.base_seconds * 2**attempt)
        return float(longest * (0.5 + self._time.random() / 2))

    def _no_answer(self, request: httpx.Request, error: Exception) -> NoReturn:
        where = f"{request.url.scheme}://{request.url.netloc.decode()}"  # without what stands before an @
        # httpx quotes the header it refuses to send, and that may be our token (promise 10).
        quotes = isinstance(error, httpx.LocalProtocolError)
        reason = type(error).__name__ if quotes else str(error) or type(error).__name__
        raise ApiError(
            0,
            "no-answer",
            f"{self._side.label} at {where} gave no answer: {reason}",
            "Check the url, the network and the service's own status page; it is tried again.",
        ) from (None if quotes else error)


def _give_time(request: httpx.Request, seconds: float) -> None:
    """At least so many seconds for the answer to begin."""
    chosen = request.extensions.get("timeout", {})
    longest = max(chosen.get("read") or seconds, seconds)
    if seconds:
        request.extensions = {**request.extensions, "timeout": {**chosen, "read": longest}}


def _operation(request: httpx.Request) -> str:
    if "operation" in request.extensions:
        return str(request.extensions["operation"])
    if request.method == "GET":
        return "read"
    return "batch" if request.url.path.endswith("/$batch") else "write"
