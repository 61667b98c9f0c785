"""Numbers are drawn for good, by whichever worker (promise 2)."""

import asyncio

import pytest

from daemon.store.engine import Store

from .conftest import Another


async def test_numbers_start_at_one_and_go_on(store: Store) -> None:
    assert await store.memory.numbers("SP NO.", 3) == 1
    assert await store.memory.numbers("SP NO.", 1) == 4
    assert await store.memory.numbers("OTHER", 1) == 1


async def test_no_number_is_drawn_twice_by_workers_at_once(store: Store, another: Another) -> None:
    workers = [store, await another(), await another()]

    firsts = await asyncio.gather(*(workers[n % 3].memory.numbers("SP NO.", 2) for n in range(60)))

    assert sorted(firsts) == list(range(1, 121, 2))


async def test_drawing_nothing_is_a_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await store.memory.numbers("SP NO.", 0)
