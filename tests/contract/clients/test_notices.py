"""What the simulator tells, as we read it (wire-protocols A4.1, D64, D66, D67)."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.webhooks import Notice, Told, notices
from tests.contract.clients.client_support import COMPANY, state
from tests.contract.clients.test_subscriptions import Place

CUSTOMERS = f"api/v2.0/companies({COMPANY})/customers"


async def made(place: Place, name: str) -> str:
    answer = await place.client.post(CUSTOMERS, json={"displayName": name})
    return str(answer.raise_for_status().json()["id"])


async def removed(place: Place, key: str) -> None:
    (await place.client.delete(f"{CUSTOMERS}({key})", headers={"If-Match": "*"})).raise_for_status()


async def told(place: Place) -> list[Notice]:
    """What comes half a minute later."""
    before = len(place.receiver.posts)
    place.ticker.seconds += 30
    await state(place.client).webhooks.deliver()
    found = [notices(post.content, place.kept.rows.values()) for post in place.receiver.posts[before:]]
    return [notice for one in found for notice in one]


@pytest.mark.parametrize(
    "switches", [{}, {"notification_slash": True}, {"notifications_twice": True, "notifications_reversed": True}]
)
async def test_changes_and_deletions(switches: dict[str, Any]) -> None:
    place = Place(**switches)
    await place.subscriptions.once()
    key = await made(place, "Hinz")
    assert set(await told(place)) == {Notice("customers", Told.CHANGED)}
    await made(place, "Kunz")
    await removed(place, key)
    assert set(await told(place)) == {Notice("customers", Told.CHANGED), Notice("customers", Told.DELETED, key)}


async def test_very_many_changes_and_very_many_with_a_deletion_among_them() -> None:
    place = Place(notification_collection_above=2)
    await place.subscriptions.once()
    keys = [await made(place, name) for name in ("Hinz", "Kunz", "Jedermann")]
    assert await told(place) == [Notice("customers", Told.CHANGED)]
    for key in keys:
        await removed(place, key)
    assert await told(place) == [Notice("customers", Told.ALL)], "nobody says which"


async def test_a_subscription_with_another_secret_says_nothing() -> None:
    place = Place()
    await place.subscriptions.once()
    await place.alter((await place.there())[0], clientState="somebody else's")
    await made(place, "Hinz")
    assert await told(place) == []


async def test_a_renewed_one_goes_on_telling() -> None:
    place = Place()
    await place.subscriptions.once()
    for _ in range(5):
        place.ticker.seconds += 86_400
        await place.subscriptions.once()
    await made(place, "Hinz")
    assert await told(place) == [Notice("customers", Told.CHANGED)]
