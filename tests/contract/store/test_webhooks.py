"""Subscriptions and notices, on both databases."""

from __future__ import annotations

from daemon.store.engine import Store
from schemas.webhooks import Kept, Notice, Told, notices
from tests.contract.store.conftest import Another

CHANGED = Notice("customers", Told.CHANGED)
GONE = Notice("customers", Told.DELETED, "c1")


async def test_one_subscription_is_kept_for_each_table(store: Store) -> None:
    await store.webhooks.keep(Kept("customers", "https://a", "first"))
    await store.webhooks.keep(Kept("items", "https://a", "other", "s2"))
    await store.webhooks.keep(Kept("customers", "https://b", "second", "s1"))

    assert await store.webhooks.subscriptions() == {
        "customers": Kept("customers", "https://b", "second", "s1"),
        "items": Kept("items", "https://a", "other", "s2"),
    }


async def test_a_notice_is_there_once_until_it_is_done(store: Store) -> None:
    await store.webhooks.note([CHANGED, GONE, CHANGED])
    await store.webhooks.note([CHANGED])
    noted = await store.webhooks.noted()

    assert [notice for notice, _ in noted] == [CHANGED, GONE]
    await store.webhooks.done(noted)
    assert await store.webhooks.noted() == []


async def test_what_is_told_again_while_it_is_looked_into_is_not_forgotten(store: Store) -> None:
    await store.webhooks.note([CHANGED, GONE])
    noted = await store.webhooks.noted()
    await store.webhooks.note([GONE])
    await store.webhooks.done(noted)

    assert [notice for notice, _ in await store.webhooks.noted()] == [GONE]


async def test_what_one_worker_is_told_the_leader_finds(store: Store, another: Another) -> None:
    await store.webhooks.keep(Kept("customers", "https://a", "our-secret", "s1"))
    worker = await another()
    body = b'{"value": [{"clientState": "our-secret", "changeType": "updated", "resource": "api/customers(x)"}]}'
    await worker.webhooks.note(notices(body, (await worker.webhooks.subscriptions()).values()))

    assert [notice for notice, _ in await store.webhooks.noted()] == [CHANGED]


async def test_those_that_have_to_wait_hide_no_others_however_many_they_are(store: Store) -> None:
    many = [Notice("customers", Told.DELETED, f"c{number}") for number in range(5)]
    later = Notice("items", Told.ALL)
    await store.webhooks.note([*many, CHANGED, later])

    assert len(await store.webhooks.noted(limit=5)) == 5
    found = await store.webhooks.noted([("customers", Told.DELETED), ("items", Told.CHANGED)], limit=5)
    assert [notice for notice, _ in found] == [CHANGED, later]
