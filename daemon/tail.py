"""What has just ended on this worker, for who is looking now: a live view without a history.

Nothing is kept while nobody asks, so that it costs nothing then.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from schemas.outcome import Settled
from schemas.told import Told, Wanted, told

# How many are kept for who asks again, and for how many seconds after somebody has asked.
KEPT, LISTENING = 5_000, 30.0
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Heard:
    """`next` is what to ask with the next time, at once if there is `more`. `missed`: how many of what ended since then
    are no longer there, whether they were wanted or not. `worker` changes when the daemon starts: numbers begin anew
    then."""

    worker: str
    next: int
    missed: int
    more: bool
    outcomes: Sequence[Told]


class Tail:
    """The last outcomes of one worker, numbered in the order in which they were stored."""

    def __init__(self, worker: str, clock: Callable[[], float] = time.monotonic, kept: int = KEPT) -> None:
        self._worker, self._clock = worker, clock
        self._kept: deque[tuple[Settled, int]] = deque(maxlen=kept)
        self._ended, self._asked = 0, float("-inf")

    def add(self, settled: Sequence[Settled], now_ms: int) -> None:
        """These have ended, and their outcomes are stored."""
        self._ended += len(settled)
        if self._clock() - self._asked > LISTENING:
            self._kept.clear()
        else:
            self._kept.extend((one, now_ms) for one in settled)

    def since(self, number: int | None, wanted: Wanted, worker: str = "") -> Heard:
        """What has ended since that number, the oldest first, at most `MOST` looked at; None, or the number of another
        worker: from now on."""
        self._asked = self._clock()
        if number is None or number > self._ended or worker not in ("", self._worker):
            return Heard(self._worker, self._ended, 0, False, ())
        first = self._ended - len(self._kept)
        missed = max(0, first - number)
        start = max(number, first)
        looked = list(islice(self._kept, start - first, start - first + MOST))
        shown = [told(one, at) for one, at in looked if wanted.has(one)]
        reached = start + len(looked)
        return Heard(self._worker, reached, missed, reached < self._ended, shown)
