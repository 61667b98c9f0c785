"""The web server of a running daemon."""

import contextlib
from collections.abc import AsyncIterator

from daemon.service import Daemon


@contextlib.asynccontextmanager
async def web_server(daemon: Daemon) -> AsyncIterator[str]:
    yield "http://127.0.0.1"
