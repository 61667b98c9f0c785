"""What is read from notifications, and what is to be done about subscriptions (wire-protocols A4.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from schemas.webhooks import Kept, Notice, Step, Subscription, Told, notices, plan, resource_of, subscription

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
URL = "https://hook.contoso.com/webhooks/bc"
CUSTOMERS = "api/v2.0/companies(c0a6)/customers"
KEPT = Kept("customers", URL, "our-secret", "s1")
THERE = Subscription("s1", URL, CUSTOMERS, "our-secret", NOW, NOW + timedelta(days=3), 'W/"1"')
RECORD = "11111111-0000-0000-0000-00000000000a"


def steps(*there: Subscription, kept: Kept | None = KEPT, now: datetime = NOW) -> list[Step]:
    return plan({"customers": CUSTOMERS}, {"customers": kept} if kept else {}, there, URL, now)


def test_what_is_there_is_left_alone_until_half_of_its_life_is_over() -> None:
    half = timedelta(days=1.5)
    assert steps(THERE, now=NOW + half - timedelta(seconds=1)) == [Step("customers", THERE)]
    assert steps(THERE, now=NOW + half) == [Step("customers", THERE, renew=True)]


@pytest.mark.parametrize(
    "other",
    [
        replace(THERE, secret="not ours"),
        replace(THERE, url="https://old.contoso.com/webhooks/bc"),
        replace(THERE, resource="api/v2.0/companies(c0a6)/items"),
    ],
)
def test_what_is_not_as_we_left_it_is_ended_and_made_again(other: Subscription) -> None:
    assert steps(other) == [Step("customers", None, end=(other,))]


def test_an_expired_one_is_made_again_and_nothing_is_ended() -> None:
    assert steps(THERE, now=NOW + timedelta(days=3)) == [Step("customers", None)]


def test_a_second_one_of_ours_is_ended_and_those_of_others_are_not() -> None:
    twin = replace(THERE, id="s2", secret="of a store that was lost")
    foreign = replace(THERE, id="s3", url="https://fabrikam.example/hook", secret="theirs")
    assert steps(THERE, twin, foreign) == [Step("customers", THERE, end=(twin,))]


def test_after_a_change_of_address_the_old_one_is_ended() -> None:
    old = replace(THERE, url="https://old.contoso.com/webhooks/bc")
    assert steps(old, kept=replace(KEPT, url=old.url)) == [Step("customers", None, end=(old,))]


def test_one_whose_making_was_never_answered_is_known_by_its_secret() -> None:
    assert steps(THERE, kept=replace(KEPT, id="")) == [Step("customers", THERE)]


def test_where_secrets_are_not_shown_it_is_known_by_its_id() -> None:
    silent = replace(THERE, secret="")
    assert steps(silent) == [Step("customers", silent)]
    assert steps(silent, kept=replace(KEPT, id="s9")) == [Step("customers", None, end=(silent,))]


@pytest.mark.parametrize(
    "text",
    [
        "/api/v2.0/companies(C0A6)/customers",
        "api/v2.0/companies(c0a6)/customers/",
        "https://api.businesscentral.dynamics.com/v2.0/production/api/v2.0/companies(c0a6)/customers?$filter=x",
    ],
)
def test_a_resource_in_its_several_spellings(text: str) -> None:
    assert resource_of(text) == CUSTOMERS


def test_unreadable_times_are_not_told() -> None:
    row = {"subscriptionId": "s1", "expirationDateTime": "soon", "lastModifiedDateTime": "2026-01-05T12:00:00"}
    found = subscription(row)
    assert (found.expires, found.modified, found.half_over(NOW), found.over(NOW)) == (None, None, False, False)


def entry(kind: str, resource: str = f"{CUSTOMERS}({RECORD})", secret: Any = "our-secret") -> dict[str, Any]:
    return {"subscriptionId": "s1", "clientState": secret, "resource": resource, "changeType": kind}


def said(*entries: Any) -> list[Notice]:
    return notices(orjson.dumps({"value": entries}), [Kept("items", URL, "another"), KEPT])


def test_changes_ask_for_one_look_and_deletions_name_the_record() -> None:
    found = said(entry("created"), entry("updated"), entry("deleted", f"/{CUSTOMERS}({RECORD.upper()})"))
    assert found == [Notice("customers", Told.CHANGED), Notice("customers", Told.DELETED, RECORD)]


def test_a_collection_without_filter_may_hide_deletions() -> None:
    since = f"{CUSTOMERS}?$filter=lastModifiedDateTime%20gt%202026-01-05T12:00:00Z"
    assert said(entry("collection", since)) == [Notice("customers", Told.CHANGED)]
    assert said(entry("collection", CUSTOMERS)) == [Notice("customers", Told.ALL)]


def test_what_cannot_be_made_out_asks_for_a_look() -> None:
    assert said(entry("renamed")) == [Notice("customers", Told.CHANGED)]
    assert said(entry("deleted", f"{CUSTOMERS}(10000)")) == [Notice("customers", Told.ALL)]


@pytest.mark.parametrize("secret", ["", "our-secre", "our-secret ", None, 7, ["our-secret"], "\ud800"])
def test_without_our_secret_nothing_is_said(secret: Any) -> None:
    body = str({"value": [entry("deleted", secret="?")]}).replace("'", '"').replace('"?"', _json(secret))
    assert notices(body.encode(), [KEPT, Kept("items", URL, "")]) == []


def _json(value: Any) -> str:
    return '"\\ud800"' if value == "\ud800" else orjson.dumps(value).decode()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"{}", b'{"value": 7}', b'{"value": [7, null]}', b"\xff\xfe"])
def test_what_is_no_message_says_nothing(body: bytes) -> None:
    assert notices(body, [KEPT]) == []
