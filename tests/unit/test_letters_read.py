"""Dead letters are read to their end, and nobody waits there for more: brokers that tell the end rightly, and one that
tells it low by up to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from kafka import TopicPartition

from daemon.letters import _all_of

PLACE = TopicPartition("coupled.dead-letters", 0)


@dataclass(frozen=True)
class Record:
    offset: int


@dataclass
class Consumer:
    """Of batches, which come one with each answer; every answer takes some polls, each a fiftieth of a second."""

    batches: Sequence[int]
    low: bool
    late: int = 0
    polls: int = 0
    at: int = 0
    seen: int | None = None
    waited: int = field(default=0, init=False)

    @property
    def end(self) -> int:
        return sum(self.batches)

    def now(self) -> float:
        return self.polls / 50

    def assign(self, places: Sequence[TopicPartition]) -> None:
        assert places == [PLACE]

    def end_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {PLACE: self.end - (self.batches[-1] - 1 if self.low and self.batches else 0)}

    def beginning_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {PLACE: 0}

    def seek(self, _: object, offset: int) -> None:
        self.at = offset

    def position(self, _: object) -> int:
        return self.at

    def highwater(self, _: object) -> int | None:
        return self.seen

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        self.polls += 1
        if self.waited < self.late:
            self.waited += 1
            return {}
        self.waited, self.seen, end = 0, self.end, 0
        for size in self.batches:
            end += size
            if self.at < end:
                found = [Record(number) for number in range(self.at, end)]
                self.at = end
                return {PLACE: found}
        return {}


def read(consumer: Consumer, newest: int | None = None, before: int | None = None) -> list[int]:
    found = _all_of(consumer, PLACE, newest, before, low=consumer.low, clock=consumer.now)
    return [one.offset for one in found]


@pytest.mark.parametrize("late", [0, 7, 400])
@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("batches", [[], [1], [5], [3, 4, 2], [1] * 6], ids=str)
def test_all_are_read_whatever_the_broker_says_of_the_end_and_however_late_it_answers(
    batches: list[int], low: bool, late: int
) -> None:
    assert read(Consumer(batches, low, late)) == list(range(sum(batches)))


def test_at_an_end_that_is_told_rightly_nobody_asks_for_more() -> None:
    nothing, some = Consumer([], False), Consumer([3, 4], False)
    assert (read(nothing), read(some)) == ([], list(range(7)))
    assert (nothing.polls, some.polls) == (0, 2)


@pytest.mark.parametrize("low", [False, True])
def test_a_broker_that_does_not_answer_is_given_up(low: bool) -> None:
    consumer = Consumer([3], low, late=10**9)
    with pytest.raises(TimeoutError):
        read(consumer)
    assert 20 < consumer.now() < 21


@pytest.mark.parametrize(("batches", "polls"), [([], 1), ([4], 1), ([3, 4], 2)])
def test_where_it_is_told_low_the_first_answer_tells_it_rightly(batches: list[int], polls: int) -> None:
    consumer = Consumer(batches, True)
    assert len(read(consumer)) == sum(batches)
    assert consumer.polls == polls


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize(("newest", "before", "found"), [
    (2, None, [7, 8]), (None, 3, [0, 1, 2]), (2, 4, [2, 3]), (None, 8, list(range(8))), (3, 0, [])])  # fmt: skip
def test_only_the_newest_before_one(low: bool, newest: int | None, before: int | None, found: list[int]) -> None:
    """Where the end is told low, some more than asked for may come before them."""
    told = read(Consumer([3, 4, 2], low), newest, before)
    assert told[len(told) - len(found) :] == found
    assert len(told) <= len(found) + (2 if low else 0)
