"""A stage whose daemon is told of Business Central's changes by webhook, and hardly looks for them by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import httpx

from daemon.rounds import Rounds
from daemon.webhooks import Webhooks, webhooks_of
from schemas.side import Side
from tests.support.stage import Stage

RECEIVER = "https://hooks.example.com/webhooks/bc"
NEVER = 10.0**9
# A notification is sent half a minute after the change.
_SENT_AFTER = 31


class ToldStage(Stage):
    """A table is looked at when it was told of, or after its time, as `daemon.service` does it; `seldom` is the time of
    those that tell. With `NEVER` nothing but webhooks tells of changes and deletions in Business Central.
    """

    def __init__(self, *given: Any, seldom: float = NEVER) -> None:
        super().__init__(*given, wire=httpx.MockTransport(self._receive))
        self.webhooks: Webhooks
        self._seldom = seldom
        # The receiver is not up yet when it is first asked.
        self._deaf = 1

    async def _receive(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params.get("validationToken")
        if asked is None:
            await self.webhooks.received(request.content)
        elif self._deaf:
            self._deaf -= 1
            return httpx.Response(503)
        return httpx.Response(200, text=asked or "")

    async def _start(self) -> None:
        await super()._start()
        self._rounds = Rounds(5, self._seldom, self.clock.monotonic)
        self._looked: dict[tuple[Side, str], float] = {}
        self.webhooks = webhooks_of(self.parts, self._rounds, RECEIVER)

    async def capture(self, sides: Collection[Side] = tuple(Side)) -> int:
        if Side.BC in sides:
            await self._safely(self._care)
            self.clock.tick(_SENT_AFTER)
            await self.tell()
            await self._safely(self._heed)
        return await super().capture(sides)

    async def _care(self) -> int:
        return await self.webhooks.care()

    async def _heed(self) -> int:
        await self.webhooks.heed()
        return 0

    async def _look(self, side: Side, table: str) -> int:
        place, now = (side, table), self.clock.monotonic()
        woken = await self._rounds.rest(place, 0)
        if not woken and now < self._looked.get(place, -NEVER) + self._rounds.seconds(place):
            return 0
        found = await super()._look(side, table)
        self._looked[place] = now
        if found and not woken:
            self._rounds.untold(place)
        return found

    async def look_for_deletions(self) -> int:
        return 0 if self._seldom == NEVER else await super().look_for_deletions()
