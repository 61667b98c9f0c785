"""`/webhooks/bc`: where Business Central sends its notifications (wire-protocols A4.1, C3).

It never answers 4xx, since one such answer ends every subscription of the address: what is no notification of ours is
taken and let go. 503 asks Business Central to send again in a minute. Nothing of a body is logged (promise 10).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

_log = structlog.get_logger(__name__)
# BC sends at most 1,000 entries of about 400 bytes for each subscription.
LARGEST = 16_000_000
LONGEST_TOKEN = 4_000
_PER_MINUTE = 120
# A body is held in memory while it comes: few at once, and none for long.
AT_ONCE, SECONDS = 8, 30.0
_AGAIN = {"Retry-After": "60"}
Notified = Callable[[bytes], Awaitable[None]]


class Receiver:
    """An ASGI application of its own, so that it answers every verb."""

    def __init__(self, notified: Notified | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._notified = notified
        self._clock = clock
        self._lately: deque[float] = deque(maxlen=_PER_MINUTE)
        self._coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        token = request.query_params.get("validationToken")
        if token is not None:
            return PlainTextResponse(token[:LONGEST_TOKEN])
        if self._notified is None or request.method != "POST":
            return Response(status_code=200)
        if self._too_many():
            return Response(status_code=503, headers=_AGAIN)
        self._coming += 1
        try:
            async with asyncio.timeout(SECONDS):
                body = await _body(request)
            if body is None:
                _log.warning("webhook_too_large", limit=LARGEST)
            else:
                await self._notified(body)
        except ClientDisconnect:
            pass
        except Exception as error:  # the store is away, or a mistake of ours: it is sent again
            _log.warning("webhook_not_taken", error=type(error).__name__)
            return Response(status_code=503, headers=_AGAIN)
        finally:
            self._coming -= 1
        return Response(status_code=202)

    def _too_many(self) -> bool:
        now = self._clock()
        if self._coming >= AT_ONCE:
            return True
        if len(self._lately) == _PER_MINUTE and now - self._lately[0] < 60:
            return True
        self._lately.append(now)
        return False


async def _body(request: Request) -> bytes | None:
    """None if it is too large; it is read to its end all the same, since half of it unread looks like no answer."""
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size <= LARGEST:
            parts.append(part)
        else:
            parts.clear()
    return b"".join(parts) if size <= LARGEST else None
