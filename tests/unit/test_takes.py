"""Takes become batches: a burst stays whole, a trickle is not held up, and nothing taken is let go unheld."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from consumers.synchronise import Message
from daemon.takes import portions, whole

# Long enough that only what never comes is waited for; short enough for a test to wait for it.
QUIET = 0.05


class Takes:
    """What a stream hands over when asked; `asked` counts how often it was."""

    def __init__(self, *takes: Sequence[int]) -> None:
        self.waiting: asyncio.Queue[Sequence[int] | None] = asyncio.Queue()
        for one in takes:
            self.waiting.put_nowait(one)
        self.held: list[int] = []
        self.second = asyncio.Event()
        self.asked = 0

    async def __aiter__(self) -> AsyncIterator[Sequence[int]]:
        while True:
            self.asked += 1
            found = await self.waiting.get()
            if found is None:
                return
            yield found

    def batches(self, most: int = 100, quiet: float = QUIET) -> AsyncIterator[list[int]]:
        return whole(aiter(self), most, quiet, self._hold)

    def _hold(self, item: int) -> None:
        self.held.append(item)
        if len(self.held) == 2:
            self.second.set()


async def test_what_comes_in_one_burst_is_one_batch() -> None:
    takes = Takes([1, 2], [3], [4, 5, 6])
    assert await anext(takes.batches()) == [1, 2, 3, 4, 5, 6]


async def test_a_full_batch_waits_for_nothing_more() -> None:
    takes = Takes([1, 2], [3, 4], [5])
    assert await anext(takes.batches(most=4, quiet=3600)) == [1, 2, 3, 4]


async def test_a_trickle_that_never_pauses_is_handed_over_after_a_while() -> None:
    takes = Takes([0])
    batches = takes.batches(quiet=0.01)
    drip = asyncio.ensure_future(_drip(takes))
    first = await anext(batches)
    drip.cancel()
    assert first == list(range(len(first)))


async def _drip(takes: Takes) -> None:
    number = 1
    while True:
        takes.waiting.put_nowait([number])
        number += 1
        await asyncio.sleep(0)


async def test_every_item_is_held_before_the_take_it_came_in_is_given_back() -> None:
    takes = Takes([1], [2])
    assert await anext(takes.batches()) == [1, 2]
    assert (takes.held, takes.asked) == ([1, 2], 3)


async def test_no_more_than_one_take_is_asked_for_while_a_batch_is_worked_on() -> None:
    takes = Takes([1])
    batches = takes.batches()
    assert await anext(batches) == [1]
    for number in (2, 3, 4):
        takes.waiting.put_nowait([number])
    await takes.second.wait()
    assert takes.held == [1, 2]
    assert await anext(batches) == [2, 3, 4]


async def test_the_end_of_the_stream_is_the_end_of_the_batches() -> None:
    takes = Takes([1])
    takes.waiting.put_nowait(None)
    assert [batch async for batch in takes.batches()] == [[1]]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], []), ([3], [[3]]), ([3, 3, 3], [[3, 3], [3]]), ([9, 1], [[9], [1]]), ([1, 9, 1], [[1], [9], [1]])],
)
def test_portions_are_in_order_and_small_unless_one_message_is_large(
    sizes: list[int], expected: list[list[int]]
) -> None:
    messages = [Message(0, offset, None, b"x" * size) for offset, size in enumerate(sizes)]
    found = list(portions(messages, 6))
    assert [[len(one.value or b"") for one in portion] for portion in found] == expected
    assert [one for portion in found for one in portion] == messages
