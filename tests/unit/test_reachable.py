"""Whether a side is up, as the console says it: a read that hangs is no error, and no sign that all is well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon import health as health_module
from daemon.health import Health
from daemon.reachable import Reachable
from daemon.store.sides import Seen
from daemon.web.ports import SideStatus
from schemas.side import Side

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CUSTOMERS, ITEMS, ACCOUNTS = (Side.BC, "customers"), (Side.BC, "items"), (Side.SALES, "accounts")
URLS = {Side.BC: "https://bc.example.com", Side.SALES: "https://sales.example.com"}


@dataclass
class Time:
    seconds: float = field(default=1_000.0)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(health_module, "time", clock)
    return clock


@pytest.fixture
def health() -> Health:
    return Health(reasons={})


@dataclass
class Board:
    """What workers tell each other; the store's own is held to it in `tests/contract/store/test_sides.py`."""

    time: Time
    notes: dict[Side, tuple[Seen, datetime]] = field(default_factory=dict)

    async def tell(self, found: Mapping[Side, Seen]) -> None:
        self.notes |= {side: (one, self.time.now()) for side, one in found.items()}

    async def told(self) -> Mapping[Side, tuple[Seen, datetime]]:
        return self.notes


def worker(health: Health, board: Board, seconds: float = 5) -> Reachable:
    looks = dict.fromkeys(Side, seconds)
    return Reachable(URLS, health, looks, lambda: "Webhooks for 2 of 2 tables.", board, board.time.now)


async def status(health: Health, time: Time, side: Side = Side.BC, seconds: float = 5) -> Any:
    return of(side, await worker(health, Board(time), seconds).sides())


def of(side: Side, found: Sequence[SideStatus]) -> SideStatus:
    return next(one for one in found if one.side is side)


async def test_a_side_that_is_read_is_up_since_its_last_whole_read(health: Health, time: Time) -> None:
    health.read(CUSTOMERS)
    time.seconds += 4
    health.read(ITEMS)
    time.seconds += 3
    found = await status(health, time)
    assert (found.up, found.checked, found.detail) == (
        True,
        time.now() - timedelta(seconds=3),
        "Webhooks for 2 of 2 tables.",
    )


async def test_a_side_that_hangs_is_away_though_no_read_has_failed(health: Health, time: Time) -> None:
    health.read(CUSTOMERS)
    read = time.now()
    health.tried(CUSTOMERS)
    time.seconds += 90
    found = await status(health, time)
    assert (found.up, found.checked) == (False, read)
    assert found.detail.startswith(f"No answer since {read:%H:%M:%S} UTC")
    health.read(CUSTOMERS)
    assert (await status(health, time)).up


async def test_one_that_is_looked_at_seldom_is_not_away_between_two_looks(health: Health, time: Time) -> None:
    health.read(CUSTOMERS)
    time.seconds += 299
    assert (await status(health, time, seconds=300)).up


async def test_before_the_first_read_has_ended_nobody_knows(health: Health, time: Time) -> None:
    health.tried(ACCOUNTS)
    time.seconds += 90
    found = await status(health, time, Side.SALES)
    assert (found.up, found.checked, found.detail) == (False, None, "Its first read began 90 s ago.")


async def test_a_worker_that_does_not_lead_does_not_say_that_a_side_is_up(health: Health, time: Time) -> None:
    health.read(CUSTOMERS)
    health.unread(CUSTOMERS)
    found = await status(health, time)
    assert (found.up, found.checked) == (False, None)
    assert "no worker leads" in found.detail


async def test_the_worker_that_reads_tells_the_others_and_is_believed_for_half_a_minute(
    health: Health, time: Time
) -> None:
    board, follower = Board(time), Health(reasons={})
    leader = worker(health, board)
    health.read(CUSTOMERS)
    health.down("live:sales:accounts", "It refuses.")
    await worker(follower, board).tell()
    assert board.notes == {}, "who reads nothing has nothing to tell"
    await leader.tell()
    time.seconds += 20
    read = time.now() - timedelta(seconds=20)
    found = await worker(follower, board).sides()
    assert [(one.up, one.checked) for one in found] == [(True, read), (False, read)]
    assert of(Side.SALES, found).detail == "It refuses."
    time.seconds += 11
    assert [one.up for one in await worker(follower, board).sides()] == [False, False]
    assert of(Side.BC, await leader.sides()).checked == read, "what a worker finds itself it need not be told"


async def test_why_a_read_failed_is_said(health: Health, time: Time) -> None:
    health.tried(CUSTOMERS)
    health.down("live:bc:customers", "It refuses.")
    found = await status(health, time)
    assert (found.up, found.detail) == (False, "It refuses.")
    assert found.checked
