"""How many writes go in one batch: fewer once a batch has failed as a whole, and more again by and by (A5, A6, B5)."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import httpx

from schemas.errors import ApiError, Unreachable

# Refused before anything of it was done: too long a body, address or header.
NOTHING_DONE = frozenset({413, 414, 431})
# Not let in, throttled, or too busy: a smaller batch fares no better.
_WHATEVER_ITS_SIZE = frozenset({401, 429, 503})
# The connection, or the gateway's patience, ended before the operation did; any other answer comes after its end (A6).
STILL_AT_WORK = frozenset({0, 502, 504})
_NEVER_ARRIVED = (Unreachable, httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# So many batches in a row must go through before a larger one is tried; twice as many each time that fails.
_PROOF, _MOST_PROOF = 8, 512
T = TypeVar("T")


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def for_its_size(error: ApiError) -> bool:
    """May a smaller batch succeed where this one has failed as a whole?"""
    return error.status not in _WHATEVER_ITS_SIZE and not never_arrived(error)


def never_arrived(error: ApiError) -> bool:
    """Did the request not even reach the side?"""
    return isinstance(error.__cause__, _NEVER_ARRIVED)


class Size:
    """Writes per batch of one table: halved when a batch fails, down to single writes, and doubled after a row of
    batches that went through.

    A write that fails alone as its batches did was the cause, and not their size: then the size is as before.

    `blind` writes, which cannot be sent again before what was lost can no longer come, go alone at once after a loss.
    """

    def __init__(self, most: int, *, blind: bool = False) -> None:
        self.now = self._most = self._before = most
        self._blind = blind
        self._status: int | None = None
        self._in_a_row, self._proof, self._on_trial = 0, _PROOF, False

    def failed(self, count: int, status: int) -> None:
        """A batch of `count` failed as a whole. One that was under way at a size already given up tells nothing new."""
        if count > self.now:
            return
        if self._on_trial:
            self._proof = min(2 * self._proof, _MOST_PROOF)
        if self._status is None:
            self._before = self.now
        alone = self._blind and status in STILL_AT_WORK
        self.now, self._status = 1 if alone else max(1, count // 2), status
        self._in_a_row, self._on_trial = 0, False

    def went(self, count: int) -> None:
        """A batch of `count` was answered part by part, or a single write was taken."""
        if self.now == self._most or count < self.now:
            return
        self._in_a_row += 1
        if self._in_a_row >= self._proof:
            self.now, self._status = min(2 * self.now, self._most), None
            self._in_a_row, self._on_trial = 0, True

    def failed_alone(self, status: int) -> None:
        """A single write failed."""
        if self.now == 1 and status == self._status:
            self.now, self._status = self._before, None
            self._in_a_row, self._on_trial = 0, False
