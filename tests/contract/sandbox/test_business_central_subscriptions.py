"""Subscriptions to webhooks, and the handshake (wire-protocols A4.1, D3 59–62, 70)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from daemon.sandbox.business_central import BcSettings
from tests.contract.sandbox.business_central_support import COMPANY, CUSTOM, ROOT, Tenant, error, tenant
from tests.support.receiver import Receiver

URL = "https://recv.example/hook"
SUBSCRIPTIONS = f"{ROOT}/subscriptions"
RUNTIME = "/v2.0/sandbox/api/microsoft/runtime/beta"


def wanted(entity_set: str = "customers", **more: Any) -> dict[str, Any]:
    return {"notificationUrl": URL, "resource": f"/api/v2.0/{COMPANY}/{entity_set}", "clientState": "s3cret", **more}


@asynccontextmanager
async def subscribed(**settings: Any) -> AsyncIterator[tuple[Tenant, Receiver, dict[str, Any]]]:
    """A tenant with one subscription to customers."""
    receiver = Receiver()
    async with tenant(wire=receiver, token_seconds=10_000_000, **settings) as bc:
        answer = await bc.send("POST", SUBSCRIPTIONS, wanted())
        assert answer.status_code == 201, answer.text
        yield bc, receiver, answer.json()


def path(subscription: dict[str, Any]) -> str:
    return f"{SUBSCRIPTIONS}('{subscription['subscriptionId']}')"


@pytest.mark.parametrize("verb", ["POST", "GET"])
async def test_d_059_the_token_is_asked_for_first(verb: str) -> None:
    async with subscribed(handshake_verb=verb) as (_, receiver, made):
        (handshake,) = receiver.requests
        assert handshake.method == verb
        assert str(handshake.url).startswith(f"{URL}?validationToken=")
        assert made["expirationDateTime"] == "2026-01-08T12:00:00.123Z", "three days after 2026-01-05"


def _slow(receiver: Receiver) -> None:
    receiver.hangs = True


def _wrong_body(receiver: Receiver) -> None:
    receiver.handshake = lambda token: httpx.Response(200, text=f'"{token}"')


def _accepted(receiver: Receiver) -> None:
    receiver.handshake = lambda token: httpx.Response(202, text=token)


def _redirect(receiver: Receiver) -> None:
    receiver.handshake = lambda token: httpx.Response(302, headers={"Location": f"{URL}/there"})


def _away(receiver: Receiver) -> None:
    receiver.failure = httpx.ConnectError("nobody listens there")


@pytest.mark.parametrize("failure", ["BadRequest", "Application_DialogException"])
@pytest.mark.parametrize("spoil", [_slow, _wrong_body, _accepted, _redirect, _away])
async def test_d_060_a_failed_handshake_leaves_no_subscription(spoil: Any, failure: str) -> None:
    receiver = Receiver()
    spoil(receiver)
    async with tenant(wire=receiver, handshake_timeout_seconds=0.05, handshake_failure_code=failure) as bc:
        answer = await bc.send("POST", SUBSCRIPTIONS, wanted())
        assert error(answer) == (400, failure)
        assert URL in answer.json()["error"]["message"]
        assert len(receiver.requests) == 1, "asked once, and no redirect followed"
        assert await bc.rows(SUBSCRIPTIONS) == []
        receiver.hangs, receiver.failure, receiver.handshake = False, None, Receiver().handshake
        assert (await bc.send("POST", SUBSCRIPTIONS, wanted())).status_code == 201, "nothing of the first is left"


async def test_d_059_060_the_defaults_of_the_handshake() -> None:
    settings = BcSettings()
    assert (settings.handshake_verb, settings.handshake_timeout_seconds) == ("POST", 5)
    assert settings.subscription_seconds == 3 * 24 * 3600
    async with subscribed() as (_, receiver, made):
        (handshake,) = receiver.requests
        assert (handshake.method, handshake.content) == ("POST", b"")
        assert made["expirationDateTime"] == "2026-01-08T12:00:00.123Z"


async def test_d_061_reading_one_and_all() -> None:
    async with subscribed() as (bc, _, made):
        assert set(made) == {
            *("@odata.etag", "subscriptionId", "notificationUrl", "resource", "timestamp", "userId"),
            *("lastModifiedDateTime", "clientState", "expirationDateTime"),
            *("systemCreatedAt", "systemCreatedBy", "systemModifiedAt", "systemModifiedBy"),
        }
        assert await bc.rows(SUBSCRIPTIONS) == [made]
        assert (await bc.get(path(made))).json() == made
        assert (await bc.get(f"{SUBSCRIPTIONS}('nothing')")).status_code == 404


async def test_d_061_renewing_asks_for_the_token_again() -> None:
    async with subscribed() as (bc, receiver, made):
        bc.clock.advance(days=2)
        answer = await bc.send("PATCH", path(made), {}, If_Match=made["@odata.etag"])
        assert answer.status_code == 200
        assert len(receiver.requests) == 2
        assert answer.json()["expirationDateTime"] == "2026-01-10T12:00:00.123Z"
        assert answer.json()["@odata.etag"] != made["@odata.etag"]
        stale = await bc.send("PATCH", path(made), {}, If_Match=made["@odata.etag"])
        assert error(stale) == (409, "Request_EntityChanged")


async def test_d_061_a_failed_handshake_renews_nothing() -> None:
    async with subscribed() as (bc, receiver, made):
        _wrong_body(receiver)
        bc.clock.advance(days=2)
        assert (await bc.send("PATCH", path(made), {}, If_Match="*")).status_code == 400
        assert (await bc.get(path(made))).json() == made


async def test_d_061_deleting() -> None:
    async with subscribed() as (bc, _, made):
        assert error(await bc.send("PATCH", path(made), {})) == (400, "BadRequest_InvalidToken")
        assert (await bc.send("DELETE", path(made))).status_code == 400
        assert (await bc.send("DELETE", path(made), If_Match="*")).status_code == 204
        assert (await bc.get(path(made))).status_code == 404


@pytest.mark.parametrize(
    "resource",
    [
        f"/api/v2.0/{COMPANY}/currencyExchangeRates",  # two key fields
        f"/api/v2.0/{COMPANY}/contactsInformation",  # a temporary table
        f"/api/v2.0/{COMPANY}/wishes",
        f"/api/coupled/sync/v1.0/{COMPANY}/resources",  # of another API
        "/api/v2.0/companies(11111111-0000-0000-0000-000000000001)/customers",
        "customers",
    ],
)
async def test_d_062_unsupported_resources(resource: str) -> None:
    async with tenant(wire=Receiver()) as bc:
        answer = await bc.send("POST", SUBSCRIPTIONS, wanted() | {"resource": resource})
        assert error(answer) == (400, "BadRequest")
        assert "does not support webhooks" in answer.json()["error"]["message"]
        assert await bc.rows(SUBSCRIPTIONS) == []


async def test_d_062_the_list_of_supported_resources() -> None:
    async with tenant(wire=Receiver(), webhooks_left_out=frozenset({"contacts"})) as bc:
        found = await bc.rows(f"{RUNTIME}/{COMPANY}/webhookSupportedResources?$filter=resource eq 'v2.0*'")
        names = [row["resource"] for row in found]
        document = (await bc.get(ROOT)).json()["value"]
        taken = []
        for entity_set in (one["name"] for one in document):
            answer = await bc.send("POST", SUBSCRIPTIONS, wanted(entity_set))
            assert answer.status_code in {201, 400}, entity_set
            taken += [f"v2.0/{entity_set}"] if answer.status_code == 201 else []
        assert names == sorted(taken), "exactly those that can be subscribed to"
        assert {"v2.0/customers", "v2.0/items"} <= set(names)
        assert not {"v2.0/contacts", "v2.0/companies", "v2.0/currencyExchangeRates"} & set(names)
        everything = await bc.rows(f"{RUNTIME}/{COMPANY}/webhookSupportedResources")
        custom = await bc.rows(f"{RUNTIME}/{COMPANY}/webhookSupportedResources?$filter=resource eq 'coupled*'")
        ours = ["coupled/sync/v1.0/coupledCustomers", "coupled/sync/v1.0/resources"]
        assert [row["resource"] for row in custom] == ours
        assert sorted(row["resource"] for row in everything) == sorted([*names, *ours])


async def test_a41_resources_are_relative_or_absolute_and_custom_apis_have_their_own() -> None:
    async with tenant(wire=Receiver()) as bc:
        absolute = wanted(resource=f"https://api.example/v2.0/sandbox/api/v2.0/{COMPANY}/items")
        assert (await bc.send("POST", SUBSCRIPTIONS, absolute)).status_code == 201
        custom = wanted(resource=f"api/coupled/sync/v1.0/{COMPANY}/resources")
        assert (await bc.send("POST", f"{CUSTOM}/subscriptions", custom)).status_code == 201
        assert len(await bc.rows(SUBSCRIPTIONS)) == len(await bc.rows(f"{CUSTOM}/subscriptions")) == 1


async def test_a41_limits() -> None:
    async with tenant(wire=Receiver(), subscription_limit=2, same_subscription="reject") as bc:
        assert (await bc.send("POST", SUBSCRIPTIONS, wanted(clientState="s" * 2049))).status_code == 400
        assert (await bc.send("POST", SUBSCRIPTIONS, wanted(clientState="s" * 2048))).status_code == 201
        assert (await bc.send("POST", SUBSCRIPTIONS, wanted())).status_code == 400, "the same once more"
        assert (await bc.send("POST", SUBSCRIPTIONS, wanted("items"))).status_code == 201
        assert (await bc.send("POST", SUBSCRIPTIONS, wanted("contacts"))).status_code == 400, "a third"


async def test_d_070_what_happens_after_expiry_is_never_told() -> None:
    async with subscribed() as (bc, receiver, made):
        await bc.create("customers", displayName="Told too late")
        bc.clock.advance(days=3)
        await bc.webhooks.deliver()
        assert (await bc.get(path(made))).status_code == 404
        await bc.create("customers", displayName="In the gap")
        assert (await bc.send("POST", SUBSCRIPTIONS, wanted())).status_code == 201
        bc.clock.advance(days=1)
        await bc.webhooks.deliver()
        assert receiver.posts == []
