"""Live capture of a table, round by round: when it looks, and who is told how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from daemon.capturing import Capturing
from daemon.health import Health
from daemon.rounds import Place, Rounds
from schemas.errors import ApiError, Unreachable
from schemas.side import Side

CUSTOMERS: Place = (Side.BC, "customers")
POLL, SELDOM = 5.0, 300.0


class Hand(Rounds):
    """Rests until the test lets it go on; `rested` is for how long it would have."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(POLL, SELDOM, clock)
        self.telling([CUSTOMERS])
        self.rested: asyncio.Queue[float] = asyncio.Queue()
        self.going_on: asyncio.Queue[bool] = asyncio.Queue()

    async def rest(self, place: Place, seconds: float) -> bool:
        self.rested.put_nowait(seconds)
        return await self.going_on.get()


class Captures:
    name = "live:bc:customers"

    def __init__(self) -> None:
        self.looks, self.found, self.rests = 0, 0, 0
        self.error: Exception | None = None

    async def once(self) -> int:
        self.looks += 1
        if self.error:
            raise self.error
        return self.found

    def rest(self) -> None:
        self.rests += 1


class Bench:
    """A table that tells of its changes, captured at hand."""

    def __init__(self, error: Exception | None = None) -> None:
        self.captures, self.health, self.hand = Captures(), Health(), Hand(lambda: self.now)
        self.captures.error = error
        self.paused, self.leads, self.now = False, True, 0.0
        self.away: Exception | None = None
        work = Capturing(
            self.captures,
            CUSTOMERS,
            self.hand,
            self.health,
            leads=lambda: self.leads,
            paused=self._paused,
            seconds=POLL,
        )
        self.task = asyncio.create_task(work.forever())

    async def _paused(self) -> bool:
        if self.away:
            raise self.away
        return self.paused

    async def rests(self) -> float:
        return await asyncio.wait_for(self.hand.rested.get(), 5)

    async def goes_on(self, *, woken: bool = False) -> float:
        self.hand.going_on.put_nowait(woken)
        return await self.rests()


@pytest.fixture
async def place() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.task.cancel()


async def test_a_change_that_is_told_during_a_pause_is_read_soon_after_it(place: Bench) -> None:
    assert await place.rests() == SELDOM
    place.paused = True
    assert await place.goes_on(woken=True) == POLL, "nobody tells again, so it looks soon whether the pause is over"
    assert place.captures.looks == 1
    place.paused = False
    assert await place.goes_on() == SELDOM
    assert place.captures.looks == 2


async def test_what_is_found_after_a_pause_may_have_been_told_meanwhile(place: Bench) -> None:
    await place.rests()
    place.paused = True
    await place.goes_on(woken=True)
    place.paused, place.captures.found = False, 1
    await place.goes_on()
    place.now = 1000
    assert not place.hand.silent(CUSTOMERS)
    await place.goes_on()
    place.now = 2000
    assert place.hand.silent(CUSTOMERS), "this time nobody had told"


async def test_failures_are_told_and_put_off_the_next_look_further_each_time(place: Bench) -> None:
    await place.rests()
    place.captures.error = ApiError(503, "", "away")
    assert [await place.goes_on() for _ in range(6)] == [10, 20, 40, 60, 60, 60]
    assert await place.health.unready() == ["daemon: starting", "live:bc:customers: away"]
    place.captures.error = None
    assert await place.goes_on() == SELDOM
    assert await place.health.unready() == ["daemon: starting"]
    place.captures.error = ApiError(503, "", "away")
    assert await place.goes_on() == 10


async def test_who_does_not_lead_looks_at_nothing_and_begins_anew_later(place: Bench) -> None:
    await place.rests()
    assert CUSTOMERS in place.health.ages()
    place.leads = False
    assert await place.goes_on() == POLL
    assert (place.captures.looks, place.captures.rests, place.health.ages()) == (1, 1, {})


async def test_the_age_of_a_table_that_was_never_read_counts_from_the_first_try() -> None:
    """Else nobody is alarmed when it cannot be read from the start on, as after a restart."""
    made = Bench(ApiError(403, "", "not for you"))
    try:
        await made.rests()
        assert CUSTOMERS in made.health.ages()
        before = made.health.seen[CUSTOMERS]
        await made.goes_on()
        assert made.health.seen[CUSTOMERS] == before, "it grows from failure to failure"
    finally:
        made.task.cancel()


async def test_the_age_of_a_table_whose_first_read_does_not_end_grows() -> None:
    """Else nobody is alarmed, since it neither succeeds nor fails."""
    made = Bench()
    reading = asyncio.Event()

    async def hangs() -> int:
        reading.set()
        await asyncio.Event().wait()
        return 0

    made.captures.once = hangs  # type: ignore[method-assign]
    try:
        await asyncio.wait_for(reading.wait(), 5)
        assert CUSTOMERS in made.health.ages()
    finally:
        made.task.cancel()


async def test_a_table_that_is_paused_grows_no_older(place: Bench) -> None:
    await place.rests()
    place.paused = True
    await place.goes_on(woken=True)
    assert place.health.ages() == {}


async def test_a_store_that_cannot_say_whether_a_pause_is_on_is_told_and_asked_again_later(place: Bench) -> None:
    await place.rests()
    place.away = Unreachable("store-unreachable", "The store is away.", "Start it.")
    assert await place.goes_on() == 2 * POLL
    assert "live:bc:customers: The store is away. Start it." in await place.health.unready()
    place.away = None
    assert await place.goes_on() == SELDOM
    assert not any("live" in reason for reason in await place.health.unready())
