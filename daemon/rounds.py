"""When capture of a table looks again: after its interval, or as soon as it is woken."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from schemas.side import Side

Place = tuple[Side, str]
# A change is told after half a minute; after so many seconds it will not be.
_PATIENCE = 120.0


class Rounds:
    """Tables that tell of their changes are looked at more seldom, as a safety net: the service may fall silent without
    our knowing (wire-protocols C1, C2), and then changes turn up that nobody has told.
    """

    def __init__(self, seconds: float, seldom: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._seldom, self._clock = seconds, max(seconds, seldom), clock
        self._untold: dict[Place, float] = {}
        self._telling: frozenset[Place] = frozenset()
        self._woken: defaultdict[Place, asyncio.Event] = defaultdict(asyncio.Event)

    def telling(self, places: Iterable[Place]) -> None:
        """These tell of their changes, and no others; who no longer does is looked at now."""
        before, self._telling = self._telling, frozenset(places)
        for place in before - self._telling:
            self.wake(place)

    def seconds(self, place: Place) -> float:
        """How long to rest after a look that went well."""
        return self._seldom if place in self._telling and not self.silent(place) else self._seconds

    def untold(self, place: Place) -> None:
        """A look that nobody had asked for has found changes."""
        self._untold.setdefault(place, self._clock())

    def silent(self, place: Place) -> bool:
        """Changes were found, and not told in time; so until it tells of one again."""
        return self._clock() - self._untold.get(place, float("inf")) >= _PATIENCE

    def wake(self, place: Place) -> None:
        self._untold.pop(place, None)
        self._woken[place].set()

    async def rest(self, place: Place, seconds: float) -> bool:
        """So many seconds, or (True) until woken; what woke it while it was looking counts."""
        woken = self._woken[place]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await woken.wait()
        found = woken.is_set()
        woken.clear()
        return found
