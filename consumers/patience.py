"""How long, and how often, a push goes on with what has not ended yet (promise 7). Pure."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consumers.answered import Item
from schemas.errors import ApiError, BatchError

# What a create that is already there, or a change that meets one edit of the other side, may take.
_IMMEDIATE_ROUNDS = 3
# A batch of 100 is down to single writes after 7 rounds.
_SMALLER_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How long transient errors are waited out before a record counts as failed (promise 7). Seconds.

    Only `brief` times, if it looks as if the record were the trouble and not the side, or if the record keeps changing:
    its topic is not to wait for it.
    """

    delays: Sequence[float] = (0.5, 1, 2, 4, 8, 15, 30, 60)
    brief: int = 4
    jitter: Callable[[], float] = random.random


class Rounds:
    """The rounds of one push so far. A batch that fails as a whole says nothing of its records, and its next round is
    smaller: it costs no patience. `delay`: seconds until the next one.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._delays = iter(patience.delays)
        self._immediate = self._fruitless = self._smaller = 0
        self._others_went = False
        self.is_doubtful = self.are_over = False
        self.delay = 0.0

    def after(self, settled: bool, waiting: Sequence[Item], errors: Sequence[ApiError]) -> None:
        """A round ended so: did anything settle, what waits on, and which transient errors there were."""
        if settled:
            self._delays = iter(self._patience.delays)
            self._others_went, self._fruitless, self._smaller = True, 0, 0
        smaller = any(isinstance(error, BatchError) for error in errors) and self._smaller < _SMALLER_ROUNDS
        self._smaller += smaller
        self._fruitless += not settled and not smaller
        self._immediate = 0 if errors or settled else self._immediate + 1
        self.is_doubtful = (
            bool(errors)
            and self._fruitless >= self._patience.brief
            and (self._others_went or _suspect(waiting, errors))
        )
        delay = self._patience.delays[0] if smaller else next(self._delays, None) if errors else self._unhurried()
        self.are_over = delay is None
        self.delay = (delay or 0.0) * (0.5 + self._patience.jitter())

    def _unhurried(self) -> float | None:
        """Nothing is amiss, and nothing settles: the more seldom we look, the likelier we meet a quiet moment."""
        late = self._immediate - _IMMEDIATE_ROUNDS
        pauses = (0.0, *self._patience.delays[: self._patience.brief])
        return pauses[max(late, 0)] if late < len(pauses) else None


def _suspect(waiting: Sequence[Item], errors: Sequence[ApiError]) -> bool:
    """Do all these fail with the server's own error, which says nothing of the side, or have they failed before?"""
    return all(error.status == 500 for error in errors) or all(item.change.retry for item in waiting)
