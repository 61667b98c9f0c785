"""Change tracking (wire-protocols D4 101–110)."""

from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox.dataverse_support import ID, TRACK, Org, accounts, code, org

_ONE = f"accounts({ID.format(1)})"


async def _start(dataverse: Org, path: str = "accounts?$select=name") -> str:
    """The delta link of an initial load."""
    body = (await dataverse.get(path, **TRACK)).json()
    while "@odata.nextLink" in body:
        body = (await dataverse.get(body["@odata.nextLink"], **TRACK)).json()
    link: str = body["@odata.deltaLink"]
    return link


async def _delta(dataverse: Org, link: str, **headers: str) -> dict[str, Any]:
    answer = await dataverse.get(link, **headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _ids(body: dict[str, Any]) -> list[str]:
    return [row.get("accountid") or "-" + row["id"] for row in body["value"]]


async def test_d_101_delta_link_on_the_last_page_only() -> None:
    async with org(accounts=accounts(3)) as dataverse:
        first = await dataverse.get("accounts?$select=name", Prefer="odata.track-changes,odata.maxpagesize=2")
        assert first.headers["Preference-Applied"] == "odata.track-changes,odata.maxpagesize=2"
        body = first.json()
        assert "@odata.deltaLink" not in body
        assert "istracking=%22True%22" in body["@odata.nextLink"]
        last = await _delta(dataverse, body["@odata.nextLink"], Prefer="odata.track-changes,odata.maxpagesize=2")
        assert len(last["value"]) == 1
        assert "@odata.nextLink" not in last
        assert "&$deltatoken=" in last["@odata.deltaLink"]
        assert "%21" in last["@odata.deltaLink"].split("$deltatoken=")[1]


@pytest.mark.parametrize("option", ["$filter=name eq 'x'", "$orderby=name", "$expand=primarycontactid", "$top=1"])
async def test_d_102_options_that_tracking_refuses(option: str) -> None:
    async with org() as dataverse:
        name = option.split("=")[0].removeprefix("$")
        answer = await dataverse.get(f"accounts?{option}", **TRACK)
        assert answer.status_code == 400
        message = answer.json()["error"]["message"]
        assert message == f'The "${{{name}}}" query parameter isn\'t supported when Change Tracking is enabled.'
        link = await _start(dataverse)
        assert (await dataverse.get(f"{link}&{option}")).status_code == 400


@pytest.mark.parametrize("status", [400, 501])
async def test_d_103_table_without_change_tracking(status: int) -> None:
    settings = DataverseSettings(change_tracking=frozenset({"contacts"}), untracked_table_status=status)
    async with org(settings) as dataverse:
        assert (await dataverse.get("accounts", **TRACK)).status_code == status
        assert (await dataverse.get("contacts", **TRACK)).status_code == 200


async def test_d_104_upserts_first_then_deletes_and_a_new_link() -> None:
    async with org(accounts=accounts(4)) as dataverse:
        link = await _start(dataverse)
        await dataverse.send("DELETE", f"accounts({ID.format(0)})")
        made = await dataverse.create("accounts", name="new")
        await dataverse.send("PATCH", _ONE, {"name": "changed"})
        body = await _delta(dataverse, link)
        assert body["@odata.context"].endswith("$metadata#accounts(name)/$delta")
        assert _ids(body) == [made["accountid"], ID.format(1), "-" + ID.format(0)]
        assert body["value"][1]["name"] == "changed"
        assert set(body["value"][1]) == {"@odata.etag", "name", "accountid"}
        gone = body["value"][2]
        assert gone["@odata.context"].endswith("$metadata#accounts/$deletedEntity")
        assert gone["reason"] == "deleted"
        assert body["@odata.deltaLink"] != link
        count = await dataverse.get(f"accounts/$count?{link.split('?')[1].split('&')[1]}")
        assert count.text.lstrip("\ufeff") == "3"


async def test_d_105_nothing_changed_and_an_old_link_used_again() -> None:
    async with org(accounts=accounts(2)) as dataverse:
        link = await _start(dataverse)
        quiet = await _delta(dataverse, link)
        assert quiet["value"] == []
        assert "@odata.deltaLink" in quiet
        await dataverse.send("PATCH", _ONE, {"name": "x"})
        assert _ids(await _delta(dataverse, link)) == _ids(await _delta(dataverse, link)) == [ID.format(1)]
        assert _ids(await _delta(dataverse, quiet["@odata.deltaLink"])) == [ID.format(1)]


async def test_d_106_created_and_deleted_in_between_is_only_a_deletion() -> None:
    async with org() as dataverse:
        link = await _start(dataverse)
        made = await dataverse.create("accounts", name="x")
        await dataverse.send("DELETE", f"accounts({made['accountid']})")
        assert _ids(await _delta(dataverse, link)) == ["-" + made["accountid"]]
        await dataverse.create("accounts", accountid=made["accountid"], name="again")
        assert _ids(await _delta(dataverse, link)) == [made["accountid"]]


@pytest.mark.parametrize("reported", [True, False])
async def test_d_107_change_of_an_unselected_column(reported: bool) -> None:
    settings = DataverseSettings(report_unselected_changes=reported)
    async with org(settings, accounts=accounts(2)) as dataverse:
        link = await _start(dataverse)
        await dataverse.send("PATCH", _ONE, {"fax": "1"})
        assert _ids(await _delta(dataverse, link)) == ([ID.format(1)] if reported else [])
        await dataverse.send("PATCH", _ONE, {"name": "x"})
        assert _ids(await _delta(dataverse, link)) == [ID.format(1)]


@pytest.mark.parametrize("status", [400, 410])
async def test_d_108_expired_and_malformed_tokens(status: int) -> None:
    async with org(DataverseSettings(expired_token_status=status), accounts=accounts(2)) as dataverse:
        link = await _start(dataverse)
        malformed = await dataverse.get("accounts?$deltatoken=abc")
        assert malformed.status_code == 400
        assert malformed.json()["error"]["code"] != "0x80044352"
        future = await dataverse.get("accounts?$deltatoken=99999999%2101%2f05%2f2026%2012%3a00%3a00")
        assert code(future) == (status, "0x80044352")
        dataverse.clock.advance(days=6)
        await dataverse.sign_in()
        assert (await dataverse.get(link)).status_code == 200
        dataverse.clock.advance(days=2)
        await dataverse.sign_in()
        assert code(await dataverse.get(link)) == (status, "0x80044352")


async def test_d_108_metadata_change_expires_tokens() -> None:
    async with org(accounts=accounts(2)) as dataverse:
        link = await _start(dataverse)
        await dataverse.http.post("/_sandbox/metadata/accounts")
        assert code(await dataverse.get(link)) == (400, "0x80044352")
        assert (await dataverse.get(await _start(dataverse))).status_code == 200


async def test_d_109_long_deltas_page_and_lose_nothing_that_arrives_meanwhile() -> None:
    async with org(accounts=accounts(10)) as dataverse:
        link = await _start(dataverse)
        for number in range(5):
            await dataverse.send("PATCH", f"accounts({ID.format(number)})", {"name": f"first {number}"})
        await dataverse.send("DELETE", f"accounts({ID.format(9)})")
        body = await _delta(dataverse, link, Prefer="odata.maxpagesize=2")
        seen = _ids(body)
        await dataverse.send("PATCH", f"accounts({ID.format(4)})", {"name": "second 4"})
        await dataverse.send("PATCH", f"accounts({ID.format(7)})", {"name": "late"})
        await dataverse.send("DELETE", f"accounts({ID.format(0)})")
        pages = 1
        while "@odata.nextLink" in body:
            assert "@odata.deltaLink" not in body
            body = await _delta(dataverse, body["@odata.nextLink"], Prefer="odata.maxpagesize=2")
            seen += _ids(body)
            pages += 1
        assert pages == 3
        assert seen == [*(ID.format(number) for number in range(4)), "-" + ID.format(9)]
        following = await _delta(dataverse, body["@odata.deltaLink"])
        assert _ids(following) == [ID.format(4), ID.format(7), "-" + ID.format(0)]
        assert [row["name"] for row in following["value"][:2]] == ["second 4", "late"]
        assert _ids(await _delta(dataverse, following["@odata.deltaLink"])) == []


async def test_d_109_a_delta_has_five_thousand_changes_to_a_page_unless_asked_for_less() -> None:
    async with org() as dataverse:
        link = await _start(dataverse)
        for start in range(0, 5001, 1000):
            count = min(1000, 5001 - start)
            targets = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": str(n)} for n in range(count)]
            made = await dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": targets})
            assert made.status_code == 200
        first = await _delta(dataverse, link)
        assert (len(first["value"]), "@odata.deltaLink" in first) == (5000, False)
        last = await _delta(dataverse, first["@odata.nextLink"])
        assert (len(last["value"]), "@odata.nextLink" in last) == (1, False)
        assert len({*_ids(first), *_ids(last)}) == 5001
        assert _ids(await _delta(dataverse, last["@odata.deltaLink"])) == []


async def test_d_109_changes_during_the_initial_load_appear_in_the_first_delta() -> None:
    async with org(accounts=accounts(4)) as dataverse:
        prefer = {"Prefer": "odata.track-changes,odata.maxpagesize=2"}
        body = (await dataverse.get("accounts?$select=name", **prefer)).json()
        await dataverse.send("PATCH", f"accounts({ID.format(0)})", {"name": "x"})
        await dataverse.send("DELETE", f"accounts({ID.format(3)})")
        while "@odata.nextLink" in body:
            body = (await dataverse.get(body["@odata.nextLink"], **prefer)).json()
        assert _ids(await _delta(dataverse, body["@odata.deltaLink"])) == [ID.format(0), "-" + ID.format(3)]


async def test_d_110_caller_without_organisation_level_read() -> None:
    async with org(DataverseSettings(without_org_read=frozenset({"accounts"}))) as dataverse:
        assert code(await dataverse.get("accounts", **TRACK)) == (403, "0x80040220")
        assert (await dataverse.get("accounts")).status_code == 200


async def test_own_writes_carry_the_callers_id_in_the_delta() -> None:
    async with org() as dataverse:
        link = await _start(dataverse, "accounts?$select=name,_modifiedby_value")
        await dataverse.create("accounts", name="x")
        user = (await dataverse.get("WhoAmI")).json()["UserId"]
        assert (await _delta(dataverse, link))["value"][0]["_modifiedby_value"] == user


async def test_every_mapped_table_is_tracked_by_default() -> None:
    async with org() as dataverse:
        for entity_set in sorted(DataverseSettings().change_tracking):
            answer: httpx.Response = await dataverse.get(entity_set, **TRACK)
            assert "@odata.deltaLink" in answer.json(), entity_set
            assert "$deltatoken" in unquote(answer.json()["@odata.deltaLink"])
