"""Our subscriptions against the simulator, over days of its clock (wire-protocols A4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from daemon.sandbox.business_central import BcSettings
from producers.subscriptions import State, Subscriptions
from schemas.errors import ApiError, Unreachable
from schemas.mapping import Table
from schemas.side import Side
from schemas.webhooks import Kept, Notice, Told
from tests.contract.clients.client_support import COMPANY, MAPPINGS, Ticker, bc, json, scripted
from tests.support.receiver import Receiver

URL = "https://hook.contoso.com/webhooks/bc"
TABLES = [MAPPINGS[name].table(Side.BC) for name in ("CUSTOMER", "UNITOFMEASURE", "RESOURCE-PRODUCT")]
NAMES = [table.name for table in TABLES]
ROOTS = ("api/v2.0/subscriptions", "api/coupled/sync/v1.0/subscriptions")
DAY = 86_400


class Kepts:
    """Remembers, and tells what it was told."""

    def __init__(self) -> None:
        self.rows: dict[str, Kept] = {}
        self.notices: list[Notice] = []
        self.away = False

    async def subscriptions(self) -> Mapping[str, Kept]:
        return dict(self.rows)

    async def note(self, notices: Sequence[Notice]) -> None:
        self.notices += notices

    def looked_through(self) -> list[str]:
        """The tables that were to be, since last asked."""
        found = [one.table for one in self.notices if one.told is Told.ALL]
        self.notices.clear()
        return found

    async def keep(self, kept: Kept) -> None:
        if self.away and kept.id:
            raise Unreachable("store", "the store is away")
        self.rows[kept.table] = kept


class Place:
    """A simulator, its clock, and what looks after our subscriptions in it."""

    def __init__(self, **settings: Any) -> None:
        self.ticker, self.receiver, self.kept = Ticker(), Receiver(), Kepts()
        self.client = bc(self.ticker, BcSettings(**settings), self.receiver)
        self._numbers = count(1)
        self.subscriptions = self.at(URL)

    def at(self, url: str, tables: Sequence[Table] = tuple(TABLES)) -> Subscriptions:
        return Subscriptions(
            self.client,
            COMPANY,
            tables,
            self.kept,
            url,
            now=self.ticker.moment,
            new_secret=lambda: f"secret-{next(self._numbers)}",
        )

    async def there(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for root in ROOTS:
            found += (await self.client.get(root)).raise_for_status().json()["value"]
        return found

    async def fault(self, **fault: Any) -> None:
        (await self.client.post("http://localhost:8099/_sandbox/faults", json=fault)).raise_for_status()

    async def no_faults(self) -> None:
        (await self.client.delete("http://localhost:8099/_sandbox/faults")).raise_for_status()

    async def end(self, row: Mapping[str, Any], root: str = ROOTS[0]) -> None:
        path = f"{root}('{row['subscriptionId']}')"
        (await self.client.delete(path, headers={"If-Match": "*"})).raise_for_status()

    async def alter(self, row: Mapping[str, Any], **values: str) -> None:
        path = f"{ROOTS[0]}('{row['subscriptionId']}')"
        (await self.client.patch(path, json=values, headers={"If-Match": "*"})).raise_for_status()


async def test_each_table_is_subscribed_to_once_standard_and_custom() -> None:
    place = Place()
    assert await place.subscriptions.once() == NAMES
    assert await place.subscriptions.once() == []
    rows = await place.there()
    assert [row["resource"].rpartition("/")[2] for row in rows] == NAMES
    assert {row["notificationUrl"] for row in rows} == {URL}
    assert {row["subscriptionId"]: row["clientState"] for row in rows} == {
        kept.id: kept.secret for kept in place.kept.rows.values()
    }
    assert len({kept.secret for kept in place.kept.rows.values()}) == len(NAMES)
    assert place.subscriptions.states == dict.fromkeys(NAMES, State.ACTIVE)


async def test_it_is_renewed_at_half_life_and_lives_on_for_weeks() -> None:
    place = Place()
    await place.subscriptions.once()
    first = await place.there()
    place.ticker.seconds += 1.4 * DAY
    await place.subscriptions.once()
    assert await place.there() == first, "not before half of it is over"
    for _ in range(20):
        place.ticker.seconds += DAY
        assert await place.subscriptions.once() == []
    renewed = await place.there()
    assert [row["subscriptionId"] for row in renewed] == [row["subscriptionId"] for row in first]
    assert all(row["expirationDateTime"] > "2026-01-26" for row in renewed)


async def test_a_restart_takes_over_what_is_there() -> None:
    place = Place()
    await place.subscriptions.once()
    assert await place.at(URL).once() == []
    assert len(await place.there()) == len(NAMES)


async def test_one_that_is_lost_is_made_again_and_told() -> None:
    place = Place()
    await place.subscriptions.once()
    await place.end((await place.there())[0])
    with capture_logs() as logs:
        assert await place.subscriptions.once() == ["customers"]
    assert {"webhook_subscription_lost"} < {line["event"] for line in logs}
    assert len(await place.there()) == len(NAMES)


async def test_an_expired_one_is_made_again() -> None:
    place = Place()
    await place.subscriptions.once()
    place.ticker.seconds += 3 * DAY
    assert await place.subscriptions.once() == NAMES


async def test_one_with_another_secret_is_replaced() -> None:
    place = Place()
    await place.subscriptions.once()
    before = (await place.there())[0]
    await place.alter(before, clientState="somebody else's")
    assert await place.subscriptions.once() == ["customers"]
    rows = await place.there()
    assert len(rows) == len(NAMES)
    assert before["subscriptionId"] not in {row["subscriptionId"] for row in rows}


async def test_another_address_ends_the_subscriptions_of_the_old_one_and_touches_no_others() -> None:
    place = Place()
    body = {"notificationUrl": "https://fabrikam.example/x", "resource": f"/api/v2.0/companies({COMPANY})/customers"}
    foreign = (await place.client.post(ROOTS[0], json=body)).raise_for_status().json()
    await place.subscriptions.once()
    moved = "https://new.contoso.com/webhooks/bc"
    assert await place.at(moved).once() == NAMES
    urls = [row["notificationUrl"] for row in await place.there()]
    assert sorted(urls) == sorted([foreign["notificationUrl"], *[moved] * len(NAMES)])


async def test_those_of_a_lost_store_are_ended() -> None:
    place = Place()
    await place.subscriptions.once()
    place.kept.rows.clear()
    assert await place.subscriptions.once() == NAMES
    assert len(await place.there()) == len(NAMES)


async def test_a_lost_answer_makes_no_second_subscription() -> None:
    place = Place()
    await place.fault(status=504, method="POST", path="/api/v2.0/subscriptions", after_commit=True)
    assert await place.subscriptions.once() == NAMES[1:]
    assert place.subscriptions.states["customers"] is State.MISSING
    assert place.kept.looked_through() == NAMES[1:]
    assert await place.subscriptions.once() == ["customers"]
    assert place.kept.looked_through() == ["customers"], "nobody tells what happened before it was there"
    assert await place.subscriptions.once() == []
    assert place.subscriptions.states["customers"] is State.ACTIVE
    assert len(await place.there()) == len(NAMES)
    assert all(kept.id for kept in place.kept.rows.values())


async def test_what_happened_before_is_read_also_when_the_process_ended_as_one_was_made() -> None:
    place = Place()
    place.kept.away = True
    with pytest.raises(Unreachable):
        await place.subscriptions.once()
    place.kept.away = False
    place.kept.notices.clear()
    assert await place.at(URL).once() == NAMES
    assert place.kept.looked_through() == NAMES


async def test_one_that_is_gone_when_it_is_to_be_renewed_is_made_again() -> None:
    place = Place()
    await place.subscriptions.once()
    place.kept.looked_through()
    place.ticker.seconds += 2 * DAY
    await place.fault(status=404, method="PATCH", path="/api/v2.0/subscriptions")
    await place.fault(status=400, method="POST", path="/api/v2.0/subscriptions")
    assert await place.subscriptions.once() == []
    assert place.subscriptions.states["customers"] is State.MISSING
    assert await place.subscriptions.once() == ["customers"]
    assert place.kept.looked_through() == ["customers"]
    await place.subscriptions.once()
    assert len(await place.there()) == len(NAMES)


@pytest.mark.parametrize(
    ("status", "method", "state"),
    [
        (403, "GET", State.REFUSED),
        (404, "GET", State.REFUSED),
        (403, "POST", State.REFUSED),
        (404, "POST", State.REFUSED),
        (400, "POST", State.MISSING),
        (500, "GET", State.MISSING),
    ],
)
async def test_an_api_that_has_no_webhooks_leaves_its_tables_to_polling_and_keeps_no_others_from_theirs(
    status: int, method: str, state: State
) -> None:
    place = Place()
    await place.fault(status=status, count=100, method=method, path=f"/{ROOTS[1]}")
    with capture_logs() as logs:
        assert await place.subscriptions.once() == NAMES[:2]
        assert await place.subscriptions.once() == []
    assert place.kept.looked_through() == NAMES[:2]
    assert place.subscriptions.states == {NAMES[0]: State.ACTIVE, NAMES[1]: State.ACTIVE, NAMES[2]: state}
    told = [(line["table"], line["state"]) for line in logs if line["event"] == "webhook_not_subscribed"]
    assert told == [("resources", state.value)], "once"
    await place.no_faults()
    assert await place.subscriptions.once() == NAMES[2:]
    assert set(place.subscriptions.states.values()) == {State.ACTIVE}


async def test_a_receiver_that_cannot_be_reached_leaves_all_to_polling_until_it_can() -> None:
    place = Place()
    place.receiver.handshake = lambda token: httpx.Response(502)
    assert await place.subscriptions.once() == []
    assert set(place.subscriptions.states.values()) == {State.MISSING}
    place.receiver.handshake = lambda token: httpx.Response(200, text=token)
    assert await place.subscriptions.once() == NAMES


async def test_a_failed_renewal_is_tried_until_it_works() -> None:
    place = Place()
    await place.subscriptions.once()
    place.ticker.seconds += 2 * DAY
    place.receiver.handshake = lambda token: httpx.Response(502)
    assert await place.subscriptions.once() == []
    assert place.subscriptions.states == dict.fromkeys(NAMES, State.ACTIVE)
    place.receiver.handshake = lambda token: httpx.Response(200, text=token)
    await place.subscriptions.once()
    assert all(row["expirationDateTime"] > "2026-01-10" for row in await place.there())


async def test_a_table_that_is_not_offered_is_not_asked_for() -> None:
    place = Place(webhooks_left_out=frozenset({"customers"}))
    assert await place.subscriptions.once() == NAMES[1:]
    assert place.subscriptions.states["customers"] is State.REFUSED


async def test_a_service_that_does_not_say_what_it_offers_is_asked_for_all() -> None:
    place = Place()
    fault = {"status": 404, "path": "webhookSupportedResources"}
    (await place.client.post("http://localhost:8099/_sandbox/faults", json=fault)).raise_for_status()
    assert await place.subscriptions.once() == NAMES


async def test_no_log_and_no_error_shows_a_secret() -> None:
    kept = Kepts()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return json(200, {"access_token": "token", "expires_in": 3599})
        if request.method == "GET":
            return json(404 if "runtime" in request.url.path else 200, {"value": []})
        quoted = request.content.decode()
        return json(400, {"error": {"code": "BadRequest", "message": f"This cannot be: {quoted}"}})

    subscriptions = Subscriptions(
        scripted(Side.BC, answer), COMPANY, TABLES, kept, URL, now=Ticker().moment, new_secret=lambda: "very-secret"
    )
    subscriptions.states.update(dict.fromkeys(NAMES, State.ACTIVE))
    with capture_logs() as logs:
        await subscriptions.once()
    assert "very-secret" not in str(logs)
    assert "***" in str(logs)


async def test_a_side_that_is_away_is_told() -> None:
    place = Place()
    fault = {"status": 503, "count": 100, "retry_after": 0.1}
    (await place.client.post("http://localhost:8099/_sandbox/faults", json=fault)).raise_for_status()
    with pytest.raises(ApiError) as caught:
        await place.subscriptions.once()
    assert caught.value.transient
