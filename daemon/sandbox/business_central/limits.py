"""The operational limits of one user: requests per sliding window, running and queued requests (A6, D56, D57)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from daemon.sandbox.business_central.errors import ApiError, for_status
from daemon.sandbox.business_central.settings import BcSettings


class Limits:
    """Counts per client; `now` is the simulated clock, waiting in the queue and `latency` (seconds) are real time."""

    def __init__(self, settings: BcSettings, now: Callable[[], datetime], latency: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._latency = latency
        self._seen: dict[str, deque[datetime]] = {}
        self._running: dict[str, asyncio.Semaphore] = {}
        self._connections: dict[str, set[asyncio.Transport]] = {}
        self._queued: dict[str, int] = {}

    def count(self, client: str) -> ApiError | None:
        """Count a request, or answer the 429 it gets; a refused one is not counted (D56)."""
        limit = self._settings.rate_limit
        if limit is None:
            return None
        now = self._now()
        seen = self._seen.setdefault(client, deque())
        window = timedelta(seconds=self._settings.rate_window_seconds)
        while seen and seen[0] <= now - window:
            seen.popleft()
        if len(seen) < limit:
            seen.append(now)
            return None
        free_in = max(1, round((seen[0] + window - now).total_seconds()))
        return self._too_many(f" Actual ({limit + 1}). Maximum ({limit}).", free_in)

    def _too_many(self, detail: str, retry_after: int) -> ApiError:
        headers = {"Retry-After": str(retry_after)} if self._settings.retry_after_on_429 else {}
        error = for_status(429, headers)
        return ApiError(429, error.code, error.message + detail, headers)

    def connected(self, client: str, connection: asyncio.Transport | None) -> None:
        """Note that a connection is the client's, until it closes; one more than may be open is 429 (D57)."""
        if connection is None:
            return
        there = {one for one in self._connections.get(client, ()) if not one.is_closing()} | {connection}
        if len(there) > self._settings.connections_limit:
            raise self._too_many(" Too many connections are open.", 1)
        self._connections[client] = there

    @asynccontextmanager
    async def slot(self, client: str) -> AsyncIterator[None]:
        """Run as one of the client's few at a time; a full queue is 429, too long a wait 503 (D57)."""
        running = self._running.setdefault(client, asyncio.Semaphore(self._settings.concurrent_requests))
        if running.locked():
            await self._wait(client, running)
        else:
            await running.acquire()
        try:
            await self._take_time()
            yield
        finally:
            running.release()

    async def _take_time(self) -> None:
        """What an operation takes; one that takes too long is given up before it has changed anything (D57)."""
        latency, longest = self._latency(), self._settings.operation_seconds
        if latency:
            await asyncio.sleep(min(latency, longest))
        if latency > longest:
            raise for_status(408)

    async def _wait(self, client: str, running: asyncio.Semaphore) -> None:
        if self._queued.get(client, 0) >= self._settings.queued_requests:
            raise self._too_many(" The request queue is full.", 1)
        self._queued[client] = self._queued.get(client, 0) + 1
        try:
            await asyncio.wait_for(running.acquire(), self._settings.queue_seconds)
        except TimeoutError:
            raise for_status(503, {"Retry-After": "1"}) from None
        finally:
            self._queued[client] -= 1
