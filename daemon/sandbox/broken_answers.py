"""True answers that reach the client broken: cut off, twice, or late (wire-protocols D5 123)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Message, Receive, Scope, Send

from daemon.sandbox.faults import Fault
from daemon.sandbox.serving import connection, reset

_CUT = "a fault armed at /_sandbox/faults cut this connection"


def collected(into: list[Message]) -> Send:
    """Keeps an answer instead of sending it."""

    async def collect(message: Message) -> None:
        into.append(message)

    return collect


def _body(truth: Sequence[Message]) -> bytes:
    return b"".join(one.get("body", b"") for one in truth if one["type"] == "http.response.body")


def _start(truth: Sequence[Message], length: int) -> Message:
    """The head of the answer, announcing a body of `length`."""
    start = next((one for one in truth if one["type"] == "http.response.start"), None)
    kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"] if start else []
    headers = [*(kept or [(b"content-type", b"application/json")]), (b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": start["status"] if start else 200, "headers": headers}


async def die(scope: Scope, receive: Receive) -> None:
    """Let the connection die by a TCP reset. Where there is none, the caller of the application gets the error."""
    transport = connection(scope)
    if transport is None:
        raise ConnectionResetError(_CUT)
    reset(transport)
    await _left(receive)


async def break_off(truth: Sequence[Message], exchange: tuple[Scope, Receive, Send]) -> None:
    """Send the first half of the true answer, or of nothing, then close the connection."""
    scope, receive, send = exchange
    body = _body(truth)
    await send(_start(truth, max(2, len(body))))
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    transport = connection(scope)
    if transport is None:
        raise ConnectionResetError(_CUT)
    transport.close()
    await _left(receive)


async def spoilt(truth: Sequence[Message], fault: Fault, send: Send) -> None:
    """Send a complete message with a wrong body."""
    body = fault.spoilt(_body(truth))
    await send(_start(truth, len(body)))
    await send({"type": "http.response.body", "body": body})


async def slowly(truth: Sequence[Message], seconds: float, receive: Receive, send: Send) -> None:
    """Send the second half of the true answer after `seconds`, or never if the client leaves before."""
    body = _body(truth)
    await send(_start(truth, len(body)))
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    try:
        await asyncio.wait_for(_left(receive), seconds)
    except TimeoutError:
        await send({"type": "http.response.body", "body": body[len(body) // 2 :]})


async def _left(receive: Receive) -> None:
    """Until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
