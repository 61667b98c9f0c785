"""What does not go now is left alone for a while, longer each time, and does not keep the others from going."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

What = TypeVar("What", bound=Hashable)


class Rests(Generic[What]):
    """By what is left alone: until when, and for how long the next time."""

    def __init__(self, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._until: dict[What, float] = {}
        self._seconds: dict[What, float] = {}

    def resting(self) -> list[What]:
        """What is still to be left alone."""
        now = self._clock()
        return [what for what, until in self._until.items() if until > now]

    def failed(self, what: What, seconds: float) -> bool:
        """Leaves it alone for so many seconds, then for twice as many each time. True if it had gone well before."""
        first = what not in self._seconds
        rest = self._seconds.get(what, seconds)
        self._until[what] = self._clock() + rest
        self._seconds[what] = min(rest * 2, self._most)
        return first

    def went(self, what: What) -> None:
        self._until.pop(what, None)
        self._seconds.pop(what, None)
