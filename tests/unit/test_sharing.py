"""A figure that takes long is counted once for all who ask; a small one for each of them, and never late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from daemon.store.sharing import FEW, Shared
from schemas.errors import Unreachable

MANY = FEW + 1
AWAY = Unreachable("store-unreachable", "The store is away.", "Start it.")
# Of one count, in seconds.
TOOK = 0.5


@dataclass
class Store:
    """Counts what there is when it is asked, as slowly as it is let."""

    there: int
    now: float = 1000.0
    asked: int = 0
    error: Exception | None = None
    held: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def count(self) -> int:
        self.asked += 1
        seen = self.there
        self.begun.set()
        if self.held:
            await self.go_on.wait()
        self.now += TOOK
        if self.error:
            raise self.error
        return seen

    def figure(self) -> Shared[int]:
        return Shared(self.count, lambda number: number, lambda: self.now)

    async def settled(self) -> None:
        """Once all that was begun has ended: nothing here waits for anything but its turn."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize("there", [0, FEW])
async def test_few_are_counted_for_whoever_asks(there: int) -> None:
    store = Store(there)
    figure = store.figure()
    told = [await figure()]
    store.there = 1
    told.append(await figure())
    assert (told, store.asked) == ([there, 1], 2)


async def test_few_are_counted_again_for_who_asked_while_another_was_answered() -> None:
    """Who writes and then asks is told of what he wrote."""
    store = Store(1, held=True)
    figure = store.figure()
    first = asyncio.create_task(figure())
    await store.begun.wait()
    store.there = 2
    second = asyncio.create_task(figure())
    await store.settled()
    store.go_on.set()
    assert (await first, await second) == (1, 2)


async def test_many_are_counted_once_for_all_who_ask_meanwhile() -> None:
    store = Store(MANY, held=True)
    figure = store.figure()
    asking = [asyncio.create_task(figure()) for _ in range(5)]
    await store.settled()
    store.go_on.set()
    assert await asyncio.gather(*asking) == [MANY] * 5
    assert store.asked == 1


async def test_a_count_is_told_for_twenty_times_as_long_as_it_took_and_then_renewed_behind_who_asks() -> None:
    store = Store(MANY)
    figure = store.figure()
    assert await figure() == MANY
    begun = store.now - TOOK
    store.there = MANY + 1
    store.now = begun + 20 * TOOK - 0.01
    assert await figure() == MANY
    await store.settled()
    assert store.asked == 1
    store.now = begun + 20 * TOOK
    assert await figure() == MANY, "nobody waits for a figure that is a little old"
    await store.settled()
    assert store.asked == 2
    assert await figure() == MANY + 1


async def test_counting_takes_a_twentieth_of_the_time_however_often_it_is_asked_for() -> None:
    store = Store(MANY)
    figure = store.figure()
    for _ in range(1000):
        await figure()
        await store.settled()
        store.now += 0.1
    assert 5 <= store.asked <= 100 / (20 * TOOK) + 2


async def test_what_is_too_old_is_told_to_nobody() -> None:
    store = Store(MANY)
    figure = store.figure()
    await figure()
    store.there = MANY + 1
    store.now += 30
    assert await figure() == MANY + 1


async def test_what_has_become_few_is_counted_for_whoever_asks_from_then_on() -> None:
    store = Store(MANY)
    figure = store.figure()
    await figure()
    store.there, store.now = 3, store.now + 20
    assert await figure() == MANY
    await store.settled()
    store.there = 2
    assert await figure() == 2


async def test_a_failure_is_told_to_who_waits_and_the_next_one_is_answered() -> None:
    store = Store(MANY, error=AWAY)
    figure = store.figure()
    with pytest.raises(Unreachable):
        await figure()
    store.error = None
    assert await figure() == MANY


async def test_while_the_store_is_away_the_last_count_is_told_until_it_is_too_old() -> None:
    store = Store(MANY)
    figure = store.figure()
    await figure()
    store.error, store.now = AWAY, store.now + 20
    for _ in range(3):
        assert await figure() == MANY
        await store.settled()
    store.now += 10
    with pytest.raises(Unreachable):
        await figure()


async def test_who_goes_away_does_not_end_what_others_wait_for() -> None:
    store = Store(MANY, held=True)
    figure = store.figure()
    first, second = asyncio.create_task(figure()), asyncio.create_task(figure())
    await store.begun.wait()
    first.cancel()
    await store.settled()
    store.go_on.set()
    assert await second == MANY
    assert first.cancelled()
    assert store.asked == 1


async def test_what_is_counted_for_nobody_ends_with_the_store() -> None:
    store = Store(MANY)
    figure = store.figure()
    await figure()
    store.held, store.now = True, store.now + 20
    await figure()
    store.begun.clear()
    await store.begun.wait()
    await asyncio.wait_for(figure.close(), 5)
    await figure.close()
    assert len(asyncio.all_tasks()) == 1


async def test_an_older_count_that_ends_late_does_not_replace_a_newer_one() -> None:
    store = Store(1)
    figure = store.figure()
    await figure()
    store.held = True
    late = asyncio.create_task(figure())
    store.begun.clear()
    await store.begun.wait()
    store.held, store.there, store.now = False, MANY, store.now + 1
    assert await figure() == MANY
    store.go_on.set()
    assert await late == 1
    assert await figure() == MANY
    assert store.asked == 3
