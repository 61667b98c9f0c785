"""Whether the store can be used, asked every few seconds: most of what runs needs it, and only a batch at hand or a
table that has just changed would tell."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from daemon.health import Told
from daemon.supervision import every
from schemas.errors import CoupledError, Unreachable

_log = structlog.get_logger(__name__)
_SECONDS, _PATIENCE = 2.0, 10.0
NAME = "store"


class StoreWatch:
    """`ask` raises CoupledError while the store cannot be used; no answer within `patience` seconds is as bad."""

    def __init__(self, ask: Callable[[], Awaitable[None]], told: Told, patience: float = _PATIENCE) -> None:
        self._ask, self._told, self._patience = ask, told, patience
        self._away = False

    async def forever(self) -> None:
        await every(_SECONDS, self.once)

    async def once(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._ask()
        except CoupledError as error:
            self._went_away(str(error))
        except TimeoutError:
            self._went_away(str(_silent(self._patience)))
        else:
            if self._away:
                _log.info("store_back")
            self._away = False
            self._told.up(NAME)

    def _went_away(self, why: str) -> None:
        if not self._away:
            _log.warning("store_away", error=why)
        self._away = True
        self._told.down(NAME, why)


def _silent(seconds: float) -> Unreachable:
    return Unreachable(
        "store-silent",
        f"The store has not answered for {seconds:g} s.",
        "Look whether its machine, its disk and the network to it are well. The daemon goes on by itself.",
    )
