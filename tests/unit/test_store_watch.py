"""A store that goes away is told of at once, and what needs it waits without a word a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from daemon import supervision
from daemon.health import Health
from daemon.store_watch import StoreWatch
from schemas.errors import Unreachable

AWAY = Unreachable("store-unreachable", "The store db cannot be used: it is away.", "Start it.")


class Store:
    def __init__(self) -> None:
        self.error: Exception | None = None
        self.silent = False

    async def usable(self) -> None:
        if self.silent:
            await asyncio.Event().wait()
        if self.error:
            raise self.error


async def _ready(health: Health) -> list[str]:
    health.up("daemon")
    return await health.unready()


async def test_readyz_says_that_the_store_is_away_and_no_longer_when_it_is_back() -> None:
    store, health = Store(), Health()
    watch = StoreWatch(store.usable, health)
    store.error = AWAY
    with capture_logs() as told:
        await watch.once()
        await watch.once()
        assert await _ready(health) == ["store: The store db cannot be used: it is away. Start it."]
        store.error = None
        await watch.once()

    assert await _ready(health) == []
    assert [line["event"] for line in told] == ["store_away", "store_back"]


async def test_a_store_that_says_nothing_is_away_too() -> None:
    store, health = Store(), Health()
    store.silent = True
    await StoreWatch(store.usable, health, patience=0.01).once()

    assert [line.partition(".")[0] for line in await _ready(health)] == ["store: The store has not answered for 0"]


@pytest.mark.parametrize(("error", "said"), [(AWAY, ["work_waits"]), (KeyError("ours"), ["work_failed"] * 3)])
async def test_work_that_meets_an_outage_says_so_once_and_a_mistake_of_ours_each_time(
    error: Exception, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "_PAUSE_SECONDS", 0)
    with capture_logs() as told, pytest.raises(asyncio.CancelledError):
        await supervision.supervised("runner", _failing(error, 3))

    assert [line["event"] for line in told] == said


def _failing(error: Exception, times: int) -> Callable[[], Awaitable[None]]:
    left = [error] * times

    async def work() -> None:
        if not left:
            raise asyncio.CancelledError
        raise left.pop()

    return work


async def test_what_is_done_every_so_often_goes_on_until_it_fails() -> None:
    left = [1, 2, 3]

    async def once() -> int:
        return left.pop()

    with pytest.raises(IndexError):
        await supervision.every(0, once)

    assert left == []
