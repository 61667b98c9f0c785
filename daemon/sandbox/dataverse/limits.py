"""Service protection: requests, execution time and concurrency per user (wire-protocols B6, D75, D117)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from daemon.sandbox.dataverse.errors import DataverseError
from daemon.sandbox.dataverse.settings import DataverseSettings


@dataclass
class _Usage:
    starts: deque[datetime] = field(default_factory=deque)
    running: int = 0
    blocked_until: datetime | None = None


class Limits:
    """A sliding window per user and web server, which `user` names both; a request made while blocked is refused and
    lengthens the block (D117)."""

    def __init__(self, settings: DataverseSettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._users: dict[str, _Usage] = {}
        self._next_server = 0

    def server(self, cookie: str) -> int:
        """The web server that takes a request: the one its affinity cookie names, or each in turn (B6)."""
        if cookie.isdigit() and int(cookie) < self._settings.servers:
            return int(cookie)
        self._next_server = (self._next_server + 1) % self._settings.servers
        return self._next_server

    def admit(self, user: str) -> None:
        """Count one request, or refuse it with 429 and `Retry-After`."""
        usage, now, settings = self._usage(user), self._now(), self._settings
        window = timedelta(seconds=settings.window_seconds)
        if usage.blocked_until is not None and now < usage.blocked_until:
            usage.blocked_until += timedelta(seconds=1)
            raise self._refusal(usage.blocked_until - now, *self._exceeded(usage))
        usage.blocked_until = None
        if self._remaining(usage) <= 0 or self._remaining_ms(usage) <= 0:
            usage.blocked_until = usage.starts[0] + window if usage.starts else now + window
            raise self._refusal(usage.blocked_until - now, *self._exceeded(usage))
        usage.starts.append(now)

    def enter(self, user: str) -> None:
        """Begin a request; the 53rd running at once is refused."""
        usage = self._usage(user)
        limit = self._settings.concurrent_requests
        if usage.running >= limit:
            message = f"Number of concurrent requests exceeded the limit of {limit}."
            raise self._refusal(timedelta(seconds=1), "0x80072326", message)
        usage.running += 1

    def leave(self, user: str) -> None:
        """End a request that `enter` let in."""
        self._usage(user).running -= 1

    def headers(self, user: str) -> Mapping[str, str]:
        """What remains of the window (D75)."""
        usage = self._usage(user)
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(max(0, self._remaining(usage))),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{max(0, self._remaining_ms(usage)) / 1000:,.2f}",
        }

    def _usage(self, user: str) -> _Usage:
        usage = self._users.setdefault(user, _Usage())
        horizon = self._now() - timedelta(seconds=self._settings.window_seconds)
        while usage.starts and usage.starts[0] <= horizon:
            usage.starts.popleft()
        return usage

    def _remaining(self, usage: _Usage) -> int:
        return self._settings.requests_per_window - len(usage.starts)

    def _remaining_ms(self, usage: _Usage) -> int:
        return self._settings.execution_ms_per_window - len(usage.starts) * self._settings.request_cost_ms

    def _exceeded(self, usage: _Usage) -> tuple[str, str]:
        settings = self._settings
        window = f"over time window of {settings.window_seconds} seconds."
        if self._remaining(usage) > 0 >= self._remaining_ms(usage):
            limit = settings.execution_ms_per_window
            return "0x80072321", f"Combined execution time of incoming requests exceeded limit of {limit} ms {window}"
        return "0x80072322", f"Number of requests exceeded the limit of {settings.requests_per_window} {window}"

    @staticmethod
    def _refusal(wait: timedelta, code: str, message: str) -> DataverseError:
        seconds = max(1, math.ceil(wait.total_seconds()))
        return DataverseError(429, code, message, {"Retry-After": str(seconds)})
