"""Whether a side is up, as the console says it: a read that hangs is no error, and no sign that all is well."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon import health as health_module
from daemon.health import Health
from daemon.reachable import Reachable
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


async def status(health: Health, time: Time, side: Side = Side.BC, seconds: float = 5) -> Any:
    reachable = Reachable(URLS, health, dict.fromkeys(Side, seconds), lambda: "Webhooks for 2 of 2 tables.", time.now)
    return next(one for one in await reachable.sides() if one.side is side)


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
    assert "another worker leads" in found.detail


async def test_why_a_read_failed_is_said(health: Health, time: Time) -> None:
    health.tried(CUSTOMERS)
    health.down("live:bc:customers", "It refuses.")
    found = await status(health, time)
    assert (found.up, found.detail) == (False, "It refuses.")
    assert found.checked
