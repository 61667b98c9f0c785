"""A simulator behind a socket.

uvicorn adds no `Date`: the simulator dates its answers by its own clock. Each request's scope holds its connection, so
that a fault can let it die as connections die, and limits can count it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"
_CONNECTION = "coupled.connection"
_NO_LINGER = struct.pack("ii", 1, 0)


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = cast("Any", _with_connection(cast("ASGIApp", self.app), transport))


def _with_connection(app: ASGIApp, transport: asyncio.Transport) -> ASGIApp:
    async def connected(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "extensions": {**scope.get("extensions", {}), _CONNECTION: transport}}, receive, send)

    return connected


def server(app: ASGIApp, port: int, *, host: str = LOOPBACK, **config: Any) -> uvicorn.Server:
    """A server of one simulator, not yet started."""
    given = {"log_level": "warning", "access_log": False, **config}
    return uvicorn.Server(uvicorn.Config(app, host=host, port=port, http=_Protocol, date_header=False, **given))


def connection(scope: Scope) -> asyncio.Transport | None:
    """The connection a request came by; none where the application is called without a socket."""
    found: asyncio.Transport | None = scope.get("extensions", {}).get(_CONNECTION)
    return found


def reset(transport: asyncio.Transport) -> None:
    """Let a connection die at once: its peer gets a TCP reset, and nothing of what was still to be sent."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
