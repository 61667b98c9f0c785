"""Who is told what, on channels that fail, over restarts and changes of the leader."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

import pytest
import structlog

from daemon.alerts.channels import Channel, Undelivered
from daemon.alerts.notifier import Notifier
from schemas.alert_causes import Cause, Sight
from schemas.alerts import CALM, News
from schemas.errors import Unreachable
from schemas.holding import Looked

T0 = 1_000_000.0
BAD = Sight(T0, failing={"CUSTOMER": 3})
WELL = Sight(T0)


class Kept:
    """A store that outlives the notifier."""

    def __init__(self) -> None:
        self.told: dict[str, list[Cause]] = {}
        self.away = False
        self.writes = 0

    async def all(self) -> Mapping[str, list[Cause]]:
        self.here()
        return dict(self.told)

    async def keep(self, channel: str, causes: Collection[Cause], at: datetime) -> None:
        self.here()
        self.told[channel] = list(causes)
        self.writes += 1

    def here(self) -> None:
        if self.away:
            raise Unreachable("store-away", "The store is away.", "")


class Looks:
    """What the consoles are shown, which outlives the notifier too."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.looked: Looked | None = None

    async def keep(self, looked: Looked) -> None:
        self._kept.here()
        self.looked = looked

    async def last(self) -> Looked | None:
        self._kept.here()
        return self.looked

    def shown(self) -> list[str]:
        return [one.alert for one in self.looked.alerts] if self.looked else []


class Heard:
    """A channel that keeps what it is sent, unless it is broken."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.tries = 0
        self.broken: Exception | None = None

    async def send(self, news: News) -> None:
        self.tries += 1
        if self.broken:
            raise self.broken
        self.news.append(news)

    async def connect(self) -> str:
        return ""

    def said(self) -> list[str]:
        return [f"{'over' if one.over else 'raised'} {len([*one.raised, *one.over])}" for one in self.news]


class World:
    """One leader with two channels, or none, in a time of its own."""

    def __init__(self, channels: bool = True) -> None:
        self.kept, self.mail, self.hook = Kept(), Heard(), Heard()
        self.looks, self.channels = Looks(self.kept), channels
        self.now, self.sight = T0, WELL
        self.restart()

    def restart(self) -> None:
        async def sight() -> Sight:
            return replace(self.sight, now=self.now)

        ways: dict[str, Channel] = {"email": self.mail, "webhook": self.hook} if self.channels else {}
        self.notifier = Notifier(ways, sight, self.kept, self.looks, lambda: True)

    async def goes_on(self, seconds: float, sight: Sight) -> None:
        self.sight = sight
        for _ in range(int(seconds / 15)):
            self.now += 15
            await self.notifier.once()


async def test_everybody_is_told_once_and_once_when_it_is_over() -> None:
    world = World()
    await world.goes_on(4000, BAD)
    assert world.mail.said() == world.hook.said() == ["raised 1"]
    await world.goes_on(CALM + 60, WELL)
    assert world.mail.said() == world.hook.said() == ["raised 1", "over 1"]
    assert world.kept.told == {"email": [], "webhook": []}
    assert world.kept.writes == 4
    await world.goes_on(1000, BAD)
    assert world.mail.said() == ["raised 1", "over 1", "raised 1"]


async def test_several_at_once_come_in_one_message() -> None:
    world = World()
    await world.goes_on(1000, Sight(T0, failing={"CUSTOMER": 3, "CONTACTS": 1}))
    assert world.mail.said() == ["raised 2"]


async def test_a_restart_repeats_nothing_and_tells_what_was_over_meanwhile() -> None:
    world = World()
    await world.goes_on(1000, BAD)
    world.restart()
    await world.goes_on(3000, BAD)
    assert world.mail.said() == ["raised 1"]
    world.restart()
    await world.goes_on(CALM + 60, WELL)
    assert world.mail.said() == ["raised 1", "over 1"]


async def test_a_channel_that_fails_is_tried_less_and_less_often_told_in_the_log_once_and_keeps_no_other_back() -> None:
    world = World()
    world.mail.broken = Undelivered("mail.example.com:587: no answer in time")
    with structlog.testing.capture_logs() as logs:
        await world.goes_on(900 + 3600, BAD)
        assert world.hook.said() == ["raised 1"]
        assert 5 <= world.mail.tries <= 9  # after 30, 60, 120 … 1800 s
        world.mail.broken = None
        await world.goes_on(1800 + 60, BAD)
    assert world.mail.said() == ["raised 1"]
    assert [one["event"] for one in logs] == ["notification_not_sent", "notifications_sent_again"]
    assert logs[0]["error"] == "mail.example.com:587: no answer in time"


async def test_what_nobody_could_be_told_of_and_is_over_is_not_told() -> None:
    world = World()
    world.mail.broken = Undelivered("away")
    await world.goes_on(1000, BAD)
    await world.goes_on(CALM + 60, WELL)
    world.mail.broken = None
    await world.goes_on(3600, WELL)
    assert world.mail.said() == []


async def test_a_mistake_in_a_channel_harms_nobody_and_its_words_stay_out_of_the_log() -> None:
    world = World()
    world.mail.broken = RuntimeError("very-secret")
    with structlog.testing.capture_logs() as logs:
        await world.goes_on(1000, BAD)
    assert world.hook.said() == ["raised 1"]
    assert "very-secret" not in repr(logs)


async def test_with_the_store_away_people_are_told_all_the_same_and_it_is_noted_later() -> None:
    world = World()
    await world.goes_on(15, WELL)
    world.kept.away = True
    await world.goes_on(2000, Sight(T0, stored=False, reasons={"store": "away"}))
    assert world.mail.said() == ["raised 1"]
    assert world.kept.told == {}
    world.kept.away = False
    await world.goes_on(30, Sight(T0, reasons={"store": "away"}))
    assert [cause.about for cause in world.kept.told["email"]] == ["leader"]
    assert world.mail.said() == ["raised 1"]


@pytest.mark.parametrize("channels", [True, False])
async def test_the_consoles_are_shown_what_holds_whether_or_not_anybody_is_told(channels: bool) -> None:
    world = World(channels)
    await world.goes_on(900, BAD)
    assert world.looks.shown() == []
    await world.goes_on(15, BAD)
    assert world.looks.shown() == ["CoupledFailuresGrowing"]
    await world.goes_on(15, WELL)
    assert world.looks.shown() == [], "a channel is told of its end when it has stayed away for a while"
    assert world.looks.looked
    assert world.looks.looked.at.timestamp() == world.now


async def test_a_restart_takes_nothing_from_the_consoles() -> None:
    world = World(channels=False)
    await world.goes_on(1000, BAD)
    before = world.looks.looked
    world.restart()
    await world.goes_on(15, BAD)
    assert before
    assert world.looks.looked
    assert world.looks.looked.alerts == before.alerts


async def test_after_a_long_time_it_is_judged_anew() -> None:
    world = World(channels=False)
    await world.goes_on(1000, BAD)
    world.restart()
    world.now += CALM
    await world.goes_on(15, BAD)
    assert world.looks.shown() == []


async def test_with_the_store_away_it_looks_on_and_shows_it_later() -> None:
    world = World(channels=False)
    await world.goes_on(15, WELL)
    world.kept.away = True
    await world.goes_on(900, Sight(T0, stored=False, reasons={"kafka": "away"}))
    world.kept.away = False
    await world.goes_on(15, Sight(T0, reasons={"kafka": "away"}))
    assert world.looks.shown() == ["CoupledNotReady"]
