"""What subscribers are told, and when (wire-protocols A4.1, D2 43, 44, D3 63–69, 71–73)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sandbox.business_central_support import COMPANY, CUSTOM, Tenant, part, tenant
from tests.contract.sandbox.test_business_central_subscriptions import SUBSCRIPTIONS, URL, path, subscribed, wanted
from tests.support.receiver import Receiver


async def later(bc: Tenant, seconds: float) -> None:
    bc.clock.advance(seconds=seconds)
    await bc.webhooks.deliver()


async def make(bc: Tenant, name: str = "A") -> dict[str, Any]:
    return await bc.create("customers", displayName=name)


async def edit(bc: Tenant, row: dict[str, Any], text: str) -> None:
    assert (await bc.patch("customers", row["id"], city=text)).status_code == 200


async def remove(bc: Tenant, row: dict[str, Any]) -> None:
    assert (await bc.send("DELETE", f"customers({row['id']})", If_Match="*")).status_code == 204


async def test_d_063_071_one_post_after_thirty_seconds_also_for_our_own_writes() -> None:
    async with subscribed() as (bc, receiver, made):
        row = await make(bc)
        await later(bc, 29.9)
        assert receiver.posts == []
        await later(bc, 0.1)
        (post,) = receiver.posts
        assert (post.method, str(post.url), post.headers["Content-Type"]) == ("POST", URL, "application/json")
        assert "Authorization" not in post.headers
        assert {"clientRequestId", "x-ms-correlation-id"} <= {name.decode() for name, _ in post.headers.raw}
        assert receiver.told == [
            [
                {
                    "subscriptionId": made["subscriptionId"],
                    "clientState": "s3cret",
                    "expirationDateTime": made["expirationDateTime"],
                    "resource": f"api/v2.0/{COMPANY}/customers({row['id']})",
                    "changeType": "created",
                    "lastModifiedDateTime": "2026-01-05T12:00:00.123Z",
                }
            ]
        ]
        await later(bc, 3600)
        assert len(receiver.posts) == 1


async def test_d_064_what_is_told_once() -> None:
    async with subscribed() as (bc, receiver, _):
        row = await make(bc)
        await later(bc, 30)
        for text in ("a", "b", "c"):
            await edit(bc, row, text)
        await later(bc, 30)
        other = await make(bc, "B")
        await edit(bc, other, "x")
        gone = await make(bc, "C")
        await remove(bc, gone)
        await later(bc, 30)
        assert receiver.kinds == [["created"], ["updated"], ["created", "updated", "created", "deleted"]]


async def test_d_065_one_post_for_two_subscriptions() -> None:
    async with subscribed() as (bc, receiver, _):
        await bc.send("POST", SUBSCRIPTIONS, wanted("items"))
        await make(bc)
        await bc.create("items", displayName="Wheel")
        await later(bc, 30)
        (told,) = receiver.told
        assert [entry["resource"].split("/")[-1].partition("(")[0] for entry in told] == ["customers", "items"]


async def test_d_065_a_row_that_two_pages_show_is_told_on_both() -> None:
    async with subscribed() as (bc, receiver, _):
        shown = f"api/coupled/sync/v1.0/{COMPANY}/coupledCustomers"
        await bc.send("POST", f"{CUSTOM}/subscriptions", wanted(resource=shown))
        row = await make(bc)
        await later(bc, 30)
        (told,) = receiver.told
        assert [entry["resource"] for entry in told] == [
            f"api/v2.0/{COMPANY}/customers({row['id']})",
            f"{shown}({row['id']})",
        ]


@pytest.mark.parametrize("deletes", [False, True])
async def test_d_066_067_very_many_changes(deletes: bool) -> None:
    async with subscribed(notification_collection_above=5) as (bc, receiver, _):
        rows = [await make(bc, str(number)) for number in range(5)]
        await later(bc, 30)
        assert len(receiver.told[0]) == 5
        for row in rows:
            await edit(bc, row, "x")
        await (remove(bc, rows[0]) if deletes else make(bc, "one more"))
        await later(bc, 30)
        (entry,) = receiver.told[1]
        plain = f"api/v2.0/{COMPANY}/customers"
        since = "?$filter=lastModifiedDateTime%20gt%202026-01-05T12:00:30.073Z"
        assert (entry["changeType"], entry["resource"]) == ("collection", plain + ("" if deletes else since))


async def test_d_066_the_limit_is_a_thousand() -> None:
    async with subscribed(rate_limit=None) as (bc, receiver, _):
        for count in (1000, 1001):
            for start in range(0, count, 100):
                parts = [part("POST", "customers", {"displayName": "A"})] * min(100, count - start)
                assert (await bc.batch(*parts)).status_code == 200
            await later(bc, 30)
        assert [len(told) for told in receiver.told] == [1000, 1]


async def test_d_068_an_address_that_is_away_is_tried_five_times_more() -> None:
    async with subscribed() as (bc, receiver, made):
        receiver.status = 503
        row = await make(bc)
        await later(bc, 30)
        for wait in (60, 60, 600, 6_000):
            before = len(receiver.posts)
            await later(bc, wait - 1)
            assert len(receiver.posts) == before
            await later(bc, 1)
            assert len(receiver.posts) == before + 1
        await edit(bc, row, "x")
        assert (await bc.get(path(made))).status_code == 200
        await later(bc, 60_000)
        assert receiver.kinds[-1] == ["created", "updated"], "with what came since"
        assert (await bc.get(path(made))).status_code == 404


@pytest.mark.parametrize("status", [500, 502, 408, 429])
async def test_d_068_told_again_when_it_is_back(status: int) -> None:
    async with subscribed() as (bc, receiver, _):
        receiver.status = status
        await make(bc)
        await later(bc, 30)
        receiver.status = 202
        await later(bc, 60)
        assert receiver.kinds == [["created"], ["created"]]
        await later(bc, 100_000)
        assert len(receiver.posts) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 302])
async def test_d_069_an_address_that_refuses_loses_all_its_subscriptions(status: int) -> None:
    async with subscribed() as (bc, receiver, made):
        items = (await bc.send("POST", SUBSCRIPTIONS, wanted("items"))).json()
        elsewhere = (await bc.send("POST", SUBSCRIPTIONS, wanted(notificationUrl=f"{URL}/other"))).json()
        receiver.status = status
        await bc.create("items", displayName="Wheel")
        await later(bc, 30)
        for lost in (made, items):
            assert (await bc.get(path(lost))).status_code == 404
        assert await bc.rows(SUBSCRIPTIONS) == [elsewhere]
        await later(bc, 100_000)
        assert len(receiver.posts) == 1


async def test_d_072_twice_and_out_of_order() -> None:
    async with subscribed(notifications_twice=True, notifications_reversed=True) as (bc, receiver, _):
        row = await make(bc)
        await remove(bc, row)
        await later(bc, 30)
        assert receiver.kinds == [["deleted", "created"]] * 2
        assert (await bc.get(f"customers({row['id']})")).status_code == 404


@pytest.mark.parametrize("overtaken", [False, True])
async def test_d_072_a_later_message_overtakes_an_earlier_one(overtaken: bool) -> None:
    async with subscribed(notifications_overtaken=overtaken) as (bc, receiver, _):
        row = await make(bc)
        await later(bc, 30)
        await edit(bc, row, "x")
        await later(bc, 30)
        order = [["updated"], ["created"]]
        assert receiver.kinds == (order if overtaken else order[::-1])
        await edit(bc, row, "y")
        await later(bc, 30)
        await later(bc, 30)
        assert receiver.kinds[2:] == [["updated"]], "one that nothing overtakes is only late"
        await later(bc, 3600)
        assert len(receiver.posts) == 3


async def test_d_072_an_overtaken_message_that_is_not_taken_is_told_again() -> None:
    async with subscribed(notifications_overtaken=True) as (bc, receiver, _):
        receiver.status = 503
        await make(bc)
        await later(bc, 30)
        await later(bc, 30)
        receiver.status = 200
        await later(bc, 60)
        assert receiver.kinds == [["created"], ["created"]]


async def test_d_073_what_a_delegated_user_changes_waits_for_another() -> None:
    clients = {"coupled": "sandbox-secret", "delegated": "sandbox-secret"}
    async with subscribed(clients=clients, delegated_clients=frozenset({"delegated"})) as (bc, receiver, _):
        await bc.send("POST", SUBSCRIPTIONS, wanted("items"))
        await bc.sign_in("delegated")
        row = await make(bc)
        await later(bc, 3600)
        await bc.sign_in()
        await bc.create("items", displayName="of another table")
        await later(bc, 30)
        assert receiver.kinds == [["created"]]
        assert "/items(" in receiver.told[0][0]["resource"]
        await edit(bc, row, "x")
        await later(bc, 30)
        assert receiver.kinds[1:] == [["created", "updated"]]


@pytest.mark.parametrize("touches", [False, True])
async def test_d_043_an_update_that_changes_nothing_is_not_told(touches: bool) -> None:
    async with subscribed(null_update_touches=touches) as (bc, receiver, _):
        row = await make(bc)
        await later(bc, 30)
        await edit(bc, row, row["city"])
        await later(bc, 3600)
        assert receiver.kinds == [["created"]]
        await edit(bc, row, "x")
        changed = await bc.get(f"customers({row['id']})")
        bc.clock.advance(seconds=10)
        await edit(bc, row, "x")
        await later(bc, 19)
        assert len(receiver.posts) == 1
        await later(bc, 1)
        ((told,),) = receiver.told[1:]
        when = changed.json()["lastModifiedDateTime"]
        assert (told["changeType"], told["lastModifiedDateTime"]) == ("updated", when), "not when nothing was changed"


async def test_d_044_a_rename_is_an_update() -> None:
    async with subscribed() as (bc, receiver, _):
        row = await make(bc)
        await later(bc, 30)
        assert (await bc.patch("customers", row["id"], number="C77777")).status_code == 200
        await later(bc, 30)
        assert receiver.kinds[1:] == [["updated"]]


async def test_d_053_what_is_rolled_back_is_not_told() -> None:
    async with subscribed() as (bc, receiver, _):
        parts = [part("POST", "customers", {"displayName": "A"}), part("POST", "customers", {})]
        await bc.batch(*parts, Isolation="snapshot")
        await later(bc, 30)
        assert receiver.posts == []


async def test_a41_a_resource_with_a_slash() -> None:
    async with subscribed(notification_slash=True) as (bc, receiver, _):
        await make(bc)
        await later(bc, 30)
        assert receiver.told[0][0]["resource"].startswith("/api/v2.0/")


async def test_a41_more_than_a_million_entries_are_dropped() -> None:
    async with tenant(wire=(receiver := Receiver()), notification_rows_limit=2) as bc:
        await bc.send("POST", SUBSCRIPTIONS, wanted())
        for name in ("A", "B", "C"):
            await make(bc, name)
        await later(bc, 30)
        assert [len(told) for told in receiver.told] == [2]


@pytest.mark.parametrize("modifies", [False, True])
@pytest.mark.parametrize("entity_set", ["customers", "vendors", "contacts", "items", "currencies"])
async def test_d_064_one_post_is_one_creation_unless_the_page_inserts_and_then_modifies(
    entity_set: str, modifies: bool
) -> None:
    receiver, pages = Receiver(), frozenset({entity_set} if modifies else ())
    async with tenant(wire=receiver, pages_that_modify=pages) as bc:
        await bc.send("POST", SUBSCRIPTIONS, wanted(entity_set))
        await bc.create(entity_set, displayName="A", **({"code": "XYZ"} if entity_set == "currencies" else {}))
        await later(bc, 30)
        assert receiver.kinds == [["created", "updated"] if modifies else ["created"]]
