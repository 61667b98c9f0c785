"""Figures that take long to count, counted once for all who look at them.

The console's pages, `/api` and the metrics ask for the same numbers every few seconds, each for itself. With a million
couplings to count, counting would be most of what the store does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
# Up to so much is counted for whoever asks: that takes a moment, and shows what was written a moment ago.
FEW = 5_000
# What took so long to count is told for so many times as long: counting takes a twentieth of a processor at most.
_RESTS = 20.0
# After so many seconds it is counted anew whatever it takes; and after so many what was counted is told no more.
_AGEING, _TOO_OLD = 15.0, 30.0


@dataclass(frozen=True, slots=True)
class _Counted(Generic[T]):
    """What was counted from `begun` on, and when it is to be counted anew."""

    value: T
    few: bool
    begun: float
    again: float


class Shared(Generic[T]):
    """One figure. `size` tells how much was counted; `now` are seconds that only grow.

    Nobody is told what was counted before he asked unless there is more than a few of it. Not for decisions: what must
    be true at this moment asks the store's views.
    """

    def __init__(self, count: Callable[[], Awaitable[T]], size: Callable[[T], int], now: Callable[[], float]) -> None:
        self._ask, self._size, self._now = count, size, now
        self._last: _Counted[T] | None = None
        self._counting: asyncio.Task[_Counted[T]] | None = None

    async def __call__(self) -> T:
        last, now = self._last, self._now()
        if last is not None and last.few:
            return (await self._count()).value
        if last is not None and now - last.begun < _TOO_OLD:
            if now >= last.again:
                self._begin()
            return last.value
        joined = self._counting is not None
        # Who asked first may have gone meanwhile; the others still wait for it.
        counted = await asyncio.shield(self._begin())
        return (await self._count()).value if joined and counted.few else counted.value

    async def close(self) -> None:
        """Ends what is being counted for nobody any more."""
        if task := self._counting:
            task.cancel()
            await asyncio.wait([task])

    def _begin(self) -> "asyncio.Task[_Counted[T]]":
        """Begun by whoever asks first; one that is at work is another's answer too."""
        if self._counting is None:
            self._counting = asyncio.create_task(self._count())
            self._counting.add_done_callback(self._ended)
        return self._counting

    def _ended(self, task: "asyncio.Task[_Counted[T]]") -> None:
        self._counting = None
        if not task.cancelled():
            task.exception()  # told to who waits for it; if nobody does, whoever asks next tries again

    async def _count(self) -> _Counted[T]:
        begun = self._now()
        value = await self._ask()
        again = begun + min(_RESTS * (self._now() - begun), _AGEING)
        counted = _Counted(value, self._size(value) <= FEW, begun, again)
        if self._last is None or self._last.begun <= begun:
            self._last = counted
        return counted
