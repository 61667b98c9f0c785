"""What stands in front of both simulators: request log, movable clock, fault injection (wire-protocols D5 123).

`ControlMiddleware` wraps a simulator; everything under `/_sandbox/` and the front page need no token and are not
logged. A simulator that runs `$batch` parts calls `Control.log.record(…, part=True)` and `Control.faults.take(…)` for
each part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.sandbox.broken_answers import break_off, collected, die, slowly, spoilt
from daemon.sandbox.faults import PAGE, Dropped, Fault, Faults, fault_problem
from daemon.sandbox.late import Late, replayed

# What an injected error carries, by the request and the status of the answer.
ErrorHeaders = Callable[[Request, int], Mapping[str, str]]
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Clock:
    """The simulator's time: the injected clock plus an offset that tests move."""

    def __init__(self, base: Callable[[], datetime]) -> None:
        self._base = base
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """The simulated moment, in UTC."""
        return (self._base() + self.offset).astimezone(UTC)


@dataclass(frozen=True)
class Entry:
    """One HTTP exchange, or one part of a `$batch`; `write` says that its verb changes data."""

    n: int
    time: str
    method: str
    path: str
    status: int
    part: bool
    write: bool


class RequestLog:
    """The last `keep` exchanges, numbered from 1; `total` counts also those that fell out."""

    def __init__(self, now: Callable[[], datetime], keep: int = 100_000) -> None:
        self._now = now
        self._entries: deque[Entry] = deque(maxlen=keep)
        self.total = 0

    def record(self, method: str, path: str, status: int, *, part: bool = False) -> None:
        """Note one exchange; a `$batch` envelope and a token request are no writes themselves."""
        self.total += 1
        target = path.partition("?")[0]
        write = method in _WRITES and not target.endswith(("/$batch", "/oauth2/v2.0/token"))
        stamp = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._entries.append(Entry(self.total, stamp, method, path, status, part, write))

    def entries(self, since: int = 0, *, writes: bool = False) -> list[Entry]:
        """Entries numbered above `since`, oldest first; with `writes` only those."""
        newer = max(0, min(len(self._entries), self.total - since))
        found = islice(reversed(self._entries), newer)
        return [entry for entry in found if entry.write or not writes][::-1]


class Control:
    """Clock, log and faults of one simulator, and their routes under `/_sandbox`.

    `error_body` makes the service's own error document for a status; `latency_seconds` is what a request takes.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        error_body: Callable[[int], bytes],
        keep: int = 100_000,
        latency_seconds: float = 0,
    ) -> None:
        self.clock = Clock(now)
        self.log = RequestLog(self.clock.now, keep)
        self.faults = Faults()
        self.error_body = error_body
        self.error_headers: ErrorHeaders = lambda request, status: {"OData-Version": "4.0"}
        self.latency_seconds = latency_seconds
        self.late = Late(self.clock.now)

    def routes(self) -> list[Route]:
        """`/_sandbox/requests`, `/_sandbox/clock`, `/_sandbox/latency` and `/_sandbox/faults`."""
        return [
            Route("/_sandbox/requests", self._requests, methods=["GET"]),
            Route("/_sandbox/clock", self._clock, methods=["GET", "POST"]),
            Route("/_sandbox/latency", self._latency, methods=["GET", "POST"]),
            Route("/_sandbox/faults", self._faults, methods=["GET", "POST", "DELETE"]),
        ]

    async def _requests(self, request: Request) -> Response:
        query = request.query_params
        try:
            since = int(query.get("since", "0"))
        except ValueError:
            return _complaint("since must be a number")
        entries = self.log.entries(since, writes=query.get("writes", "").lower() in {"1", "true"})
        return Response(orjson.dumps({"total": self.log.total, "entries": entries}), media_type="application/json")

    async def _clock(self, request: Request) -> Response:
        if request.method == "POST":
            body = await json_object(request)
            if body is None or len(body) != 1 or not body.keys() <= {"advance_seconds", "offset_seconds"}:
                return _complaint("give one of advance_seconds and offset_seconds")
            ((name, value),) = body.items()
            if isinstance(value, bool) or not isinstance(value, int | float):
                return _complaint(f"{name} must be a number")
            self.clock.offset = timedelta(seconds=value) + (
                self.clock.offset if name == "advance_seconds" else timedelta(0)
            )
            await self.late.settle()
        seconds = self.clock.offset.total_seconds()
        return JSONResponse({"now": self.clock.now().isoformat(), "offset_seconds": seconds})

    async def _latency(self, request: Request) -> Response:
        if request.method == "POST":
            body = await json_object(request)
            seconds = body.get("seconds") if body is not None and len(body) == 1 else None
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
                return _complaint("send seconds, at least 0")
            self.latency_seconds = seconds
        return JSONResponse({"seconds": self.latency_seconds})

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "POST":
            body = await json_object(request)
            if body is None or (problem := fault_problem(body)):
                return _complaint("send a JSON object" if body is None else problem)
            self.faults.arm(Fault(**body))
        return JSONResponse({"armed": [asdict(fault) for fault in self.faults.armed]})


async def json_object(request: Request) -> dict[str, Any] | None:
    """The body, if it is a JSON object."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _complaint(text: str) -> JSONResponse:
    return JSONResponse({"error": text}, 400)


class ControlMiddleware:
    """Logs every exchange, dates it by the simulated clock and answers with armed faults; pure ASGI, so that it costs
    little per request. The server that runs it adds no `Date` of its own.
    """

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/" or scope["path"].startswith("/_sandbox/"):
            await self._app(scope, receive, send)
            return
        await self._control.late.settle()
        fault = self._control.faults.take(scope["method"], scope["path"])
        if fault is not None and fault.kind == "late":
            await self._later(fault, scope, receive)
        else:
            await self._logged(fault, (scope, receive, send))

    async def _logged(self, fault: Fault | None, exchange: tuple[Scope, Receive, Send]) -> None:
        scope, receive, send = exchange
        query = scope["query_string"].decode("latin-1")
        method, path = scope["method"], scope["path"] + (f"?{query}" if query else "")
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                date = format_datetime(self._control.clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
            await send(message)

        try:
            if fault is None:
                await self._app(scope, receive, noting)
            else:
                await self._faulty(fault, (scope, receive, noting))
        except Dropped:
            await die(scope, receive)
        finally:
            self._control.log.record(method, path, status)

    async def _later(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        """The request takes effect, and is logged, when nobody waits for its answer any more."""
        request = await replayed(receive)
        self._control.late.add(fault.seconds, lambda: self._logged(None, (scope, request, collected([]))))
        await die(scope, receive)

    async def _faulty(self, fault: Fault, exchange: tuple[Scope, Receive, Send]) -> None:
        scope, receive, send = exchange
        truth: list[Message] = []
        if fault.after_commit or fault.truthful:
            await self._app(scope, receive, collected(truth))
        if fault.kind == "drop":
            raise Dropped
        if fault.kind == "truncate":
            await break_off(truth, exchange)
            return
        if fault.truthful:
            slow = fault.kind == "slow"
            await (slowly(truth, fault.seconds, receive, send) if slow else spoilt(truth, fault, send))
            return
        html = fault.kind == "html"
        body = PAGE if html else self._control.error_body(fault.status)
        headers = [(b"content-type", b"text/html" if html else b"application/json")]
        if not html:
            given = self._control.error_headers(Request(scope), fault.status)
            headers += [(name.lower().encode(), value.encode()) for name, value in given.items()]
        headers.append((b"content-length", str(len(body)).encode()))
        if fault.retry_after is not None:
            headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
        await send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
