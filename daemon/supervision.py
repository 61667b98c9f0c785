"""What runs for ever beside the agents, and goes on whatever it meets."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from schemas.errors import CoupledError

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS, _AGAIN_SECONDS = 1.0, 60.0
# What runs for ever, by its name.
Works = dict[str, Callable[[], Awaitable[None]]]


async def every(seconds: float, once: Callable[[], Awaitable[object]]) -> None:
    """Again and again, with so long a rest in between; what it raises ends it."""
    while True:
        await once()
        await asyncio.sleep(seconds)


async def supervised(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Begins the work again, after a moment, whenever it fails: what is away is waited for, and told when it goes away
    (`/readyz` tells of it all the while); a mistake of ours is told each time, with its trace."""
    last, failed_at = "", 0.0
    while True:
        try:
            await work()
        except CoupledError as error:
            if str(error) != last or time.monotonic() - failed_at > _AGAIN_SECONDS:
                _log.warning("work_waits", work=name, error=str(error))
            last, failed_at = str(error), time.monotonic()
        except Exception:
            _log.exception("work_failed", work=name)
        await asyncio.sleep(_PAUSE_SECONDS)
