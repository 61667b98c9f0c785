"""True answers that reach the client broken: cut off, twice, or late (wire-protocols D5 123)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Message, Receive, Send


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


async def break_off(truth: Sequence[Message], send: Send) -> None:
    """Send the first half of the true answer, or of nothing, then let the connection die."""
    body = _body(truth)
    await send(_start(truth, max(2, len(body))))
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    raise ConnectionResetError("a fault armed at /_sandbox/faults cut this connection")


async def repeated(truth: Sequence[Message], send: Send) -> None:
    """Send the true answer with its body twice."""
    body = _body(truth) * 2
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
