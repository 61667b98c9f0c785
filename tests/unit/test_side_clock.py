"""How a side's clock stands to ours, by the `Date` of its answers, and what is made of it."""

from __future__ import annotations

import httpx
import pytest

from producers.clocks import Ahead, SideClock

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z


async def heard(date: str, *, host: str = "side.example", took_ms: int = 0, ours: int = NOON) -> Ahead | None:
    now = ours

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal now
        now += took_ms
        return httpx.Response(200, headers={"Date": date} if date else {})

    async with httpx.AsyncClient(base_url="https://side.example", transport=httpx.MockTransport(answer)) as client:
        clock = SideClock(client, lambda: now)
        await client.get(f"https://{host}/x")
        return clock.ahead


async def test_it_is_known_to_a_second_and_to_how_long_the_answer_took() -> None:
    assert await heard("Mon, 05 Jan 2026 13:00:00 GMT") == Ahead(3_600_000, 3_600_999)
    assert await heard("Mon, 05 Jan 2026 12:00:00 GMT", took_ms=40_000) == Ahead(-40_000, 999)


@pytest.mark.parametrize(
    ("date", "host"),
    [("", "side.example"), ("noon", "side.example"), ("Mon, 05 Jan 2026 13:00:00 GMT", "login.example")],
)
async def test_who_does_not_tell_or_is_not_the_side_says_nothing(date: str, host: str) -> None:
    assert await heard(date, host=host) is None


def test_only_what_is_surely_a_step_back_counts() -> None:
    assert Ahead(-3_600_000, -3_599_000).back_since(0) == 3_599_000
    assert Ahead(-40_000, 999).back_since(0) == 0, "a slow answer"
    assert Ahead(3_600_000, 3_600_999).back_since(0) == 0, "it was set forward"


def test_what_is_remembered_holds_until_the_clock_is_set() -> None:
    assert Ahead(300, 1_299).since(None) == 300
    assert Ahead(-40_000, 999).since(300) == 300
    assert Ahead(3_600_000, 3_600_999).since(300) == 3_600_000
    assert Ahead(-3_600_000, -3_599_000).since(300) == -3_600_000
