"""The simulators without sockets, and a time that passes only when somebody says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
from aiosqlite import Connection
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from daemon.store import engine
from daemon.store.connections import engine_of

T = TypeVar("T")
_FREE: defaultdict[tuple[URL, bool], list[tuple[AsyncEngine, list[str]]]] = defaultdict(list)


class Clock:
    """Stands still until somebody ticks it or sleeps."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._start, self._passed = start, 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def timestamp(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        """As exact as the waits that are made from it: those shorter than a datetime can tell pass too."""
        return self._passed

    def tick(self, seconds: float = 1.0, **more: float) -> None:
        """Lets time pass: seconds, or any other measure of a timedelta besides."""
        self._passed += seconds + timedelta(**more).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.tick(seconds)


def without_threads() -> AbstractContextManager[object]:
    """SQLite is asked in the caller's own thread, at half the cost; its address says `check_same_thread=false`."""

    async def here(_: Connection, function: Callable[..., T], *given: Any, **named: Any) -> T:
        return function(*given, **named)

    return patch.object(Connection, "_execute", here)


def quick_engines() -> AbstractContextManager[object]:
    """Engines for SQLite that do not wait for the disk, since no test cuts the power, and that are used again when
    their store is closed, with the statements they have compiled: that costs as much as all else a short test does."""
    return patch.object(engine, "engine_of", _again)


def _again(target: URL, readonly: bool) -> AsyncEngine:
    kind = (target.set(database=""), readonly)
    made, file = _FREE[kind].pop() if _FREE[kind] else _movable(target, readonly)
    file[0] = str(target.database)
    return made


def _movable(target: URL, readonly: bool) -> tuple[AsyncEngine, list[str]]:
    made, file = engine_of(target, readonly), [""]
    free, ours = _FREE[target.set(database=""), readonly], (made, file)

    @event.listens_for(made.sync_engine, "do_connect")
    def _connecting(_dialect: object, _record: object, given: list[object], _named: object) -> None:
        given[0] = file[0]

    @event.listens_for(made.sync_engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    @event.listens_for(made.sync_engine, "engine_disposed")
    def _disposed(_engine: object) -> None:
        if ours not in free:
            free.append(ours)

    return ours


@dataclass(frozen=True)
class Systems:
    """How both simulators are set."""

    bc: BcSettings = field(default_factory=BcSettings)
    sales: DataverseSettings = field(default_factory=DataverseSettings)


class Traffic:
    """How much may have changed on a side: every request counts that is more than a question."""

    def __init__(self) -> None:
        self.written = 0

    def note(self, request: httpx.Request) -> bool:
        asks = request.method == "GET"
        self.written += not asks
        return asks


class Daemons(httpx.AsyncBaseTransport):
    """Where the daemon's requests go; each takes a hundredth of a second.

    `too_slow` are the numbers, counted from the next, of requests that take effect but are not answered in time;
    `ahead` is told of each before it arrives, so that somebody may be quicker.
    """

    def __init__(self, app: ASGIApp, clock: Clock, traffic: Traffic) -> None:
        self._inner, self._clock, self._traffic = httpx.ASGITransport(app), clock, traffic
        self.too_slow: set[int] = set()
        self.ahead: Callable[[httpx.Request], None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._clock.tick(0.01)
        self._traffic.note(request)
        if self.ahead:
            self.ahead(request)
        answer = await self._inner.handle_async_request(request)
        slow, self.too_slow = 0 in self.too_slow, {number - 1 for number in self.too_slow if number}
        if slow:
            self._clock.tick(request.extensions["timeout"]["read"])
            raise httpx.ReadTimeout("the answer came too slowly")
        return answer


class Strangers(httpx.BaseTransport):
    """Where a third party's requests go, answered at once, also from inside a running event loop: a simulator waits for
    nothing but its clients. Writes come a second apart, so that no two records were changed at the same time."""

    def __init__(self, app: ASGIApp, clock: Clock, traffic: Traffic) -> None:
        self._inner, self._clock, self._traffic = httpx.ASGITransport(app), clock, traffic

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self._traffic.note(request) and not request.url.path.startswith("/_sandbox"):
            self._clock.tick()
        return _at_once(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


def _at_once(work: Callable[..., Coroutine[Any, Any, T]], *given: Any) -> T:
    running = work(*given)
    try:
        running.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    running.close()
    raise AssertionError("a simulator waited for something")
