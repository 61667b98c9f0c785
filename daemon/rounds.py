"""When capture of a table looks again: after its interval, or as soon as it is woken."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable

from schemas.side import Side

Place = tuple[Side, str]


class Rounds:
    """Tables that tell of their changes are looked at more seldom, as a safety net (wire-protocols C1)."""

    def __init__(self, seconds: float, seldom: float) -> None:
        self._seconds, self._seldom = seconds, max(seconds, seldom)
        self._telling: frozenset[Place] = frozenset()
        self._woken: defaultdict[Place, asyncio.Event] = defaultdict(asyncio.Event)

    def telling(self, places: Iterable[Place]) -> None:
        """These tell of their changes, and no others; who no longer does is looked at now."""
        before, self._telling = self._telling, frozenset(places)
        for place in before - self._telling:
            self.wake(place)

    def seconds(self, place: Place) -> float:
        """How long to rest after a look that went well."""
        return self._seldom if place in self._telling else self._seconds

    def wake(self, place: Place) -> None:
        self._woken[place].set()

    async def rest(self, place: Place, seconds: float) -> None:
        """So many seconds, or until woken; what woke it while it was looking counts."""
        woken = self._woken[place]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await woken.wait()
        woken.clear()
