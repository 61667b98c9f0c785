"""Creating, updating, deleting (wire-protocols D4 77–83, 86–91, 93–94, 111, 120)."""

from typing import Any

import pytest

from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox.dataverse_support import HOST, ID, REPRESENTATION, ROOT, accounts, code, org

_FIRST = f"accounts({ID.format(0)})"
_BASE = f"{HOST}/api/data/v9.2"
_KEYED = DataverseSettings(alternate_keys={"accounts": (("accountnumber",),)})


async def test_d_077_post_is_204_with_an_absolute_entity_id() -> None:
    async with org() as dataverse:
        answer = await dataverse.send("POST", "accounts", {"name": "x"})
        assert (answer.status_code, answer.content) == (204, b"")
        url = answer.headers["OData-EntityId"]
        assert url.startswith(f"{_BASE}/accounts(")
        assert (await dataverse.get(url)).json()["name"] == "x"


async def test_d_078_post_with_representation() -> None:
    async with org() as dataverse:
        answer = await dataverse.send("POST", "accounts?$select=name", {"name": "x", "fax": "1"}, **REPRESENTATION)
        assert answer.status_code == 201
        assert answer.headers["Preference-Applied"] == "return=representation"
        assert "OData-EntityId" not in answer.headers
        body = answer.json()
        assert set(body) == {"@odata.context", "@odata.etag", "name", "accountid"}
        assert body["@odata.context"] == f"{_BASE}/$metadata#accounts(name)/$entity"


@pytest.mark.parametrize("missing_code", ["0x80040203", "0x80048d19"])
async def test_d_079_application_required_is_not_enforced_system_required_is(missing_code: str) -> None:
    async with org(DataverseSettings(required_missing_code=missing_code)) as dataverse:
        assert (await dataverse.send("POST", "accounts", {})).status_code == 204
        assert (await dataverse.send("POST", "contacts", {})).status_code == 204
        assert code(await dataverse.send("POST", "uoms", {"name": "x"})) == (400, missing_code)
        assert code(await dataverse.send("POST", "products", {"name": "x"})) == (400, missing_code)


async def test_d_080_post_with_an_existing_id() -> None:
    async with org() as dataverse:
        made = await dataverse.create("accounts", accountid=ID.format(5), name="x")
        assert made["accountid"] == ID.format(5)
        again = await dataverse.send("POST", "accounts", {"accountid": ID.format(5)})
        assert code(again) == (412, "0x80040237")
        assert again.json()["error"]["message"] == "A record with matching key values already exists."


async def test_d_081_patch_upserts_and_conditions() -> None:
    async with org() as dataverse:
        assert code(await dataverse.send("PATCH", _FIRST, {"name": "x"}, If_Match="*")) == (404, "0x80040217")
        assert code(await dataverse.send("PATCH", _FIRST, {"name": "x"}, If_Match='W/"1"')) == (404, "0x80040217")
        made = await dataverse.send("PATCH", _FIRST, {"name": "x"}, If_None_Match="*")
        assert made.status_code == 204
        assert made.headers["OData-EntityId"] == f"{_BASE}/{_FIRST}"
        assert code(await dataverse.send("PATCH", _FIRST, {"name": "y"}, If_None_Match="*")) == (412, "0x80040237")
        assert (await dataverse.get(_FIRST)).json()["name"] == "x"


async def test_d_082_representation_tells_created_from_updated() -> None:
    async with org() as dataverse:
        assert (await dataverse.send("PATCH", _FIRST, {"name": "x"}, **REPRESENTATION)).status_code == 201
        again = await dataverse.send("PATCH", f"{_FIRST}?$select=name", {"name": "y"}, **REPRESENTATION)
        assert (again.status_code, again.json()["name"]) == (200, "y")


async def test_d_083_stale_if_match() -> None:
    async with org(accounts=accounts(1)) as dataverse:
        old = (await dataverse.get(_FIRST)).json()["@odata.etag"]
        assert (await dataverse.send("PATCH", _FIRST, {"name": "y"}, If_Match=old)).status_code == 204
        for method in ("PATCH", "DELETE"):
            assert code(await dataverse.send(method, _FIRST, {"name": "z"}, If_Match=old)) == (412, "0x80060882")
        new = (await dataverse.get(_FIRST)).json()["@odata.etag"]
        assert (await dataverse.send("DELETE", _FIRST, If_Match=new)).status_code == 204


async def test_unchanged_values_still_move_version_and_modifiedon() -> None:
    async with org(accounts=accounts(1)) as dataverse:
        before = (await dataverse.get(_FIRST)).json()
        dataverse.clock.advance(seconds=5)
        await dataverse.send("PATCH", _FIRST, {"name": before["name"]})
        after = (await dataverse.get(_FIRST)).json()
        assert after["versionnumber"] > before["versionnumber"]
        assert after["modifiedon"] > before["modifiedon"]
        assert after["createdon"] == before["createdon"]


async def test_d_086_upsert_by_alternate_key() -> None:
    async with org(_KEYED) as dataverse:
        for name in ("first", "second"):
            body = {"name": name, "accountnumber": "ignored on update"} if name == "second" else {"name": name}
            answer = await dataverse.send("PATCH", "accounts(accountnumber='A''1')", body)
            assert answer.status_code == 204
            assert answer.headers["OData-EntityId"] == f"{_BASE}/accounts(accountnumber='A''1')"
        rows = (await dataverse.get("accounts?$select=name,accountnumber")).json()["value"]
        assert [(row["name"], row["accountnumber"]) for row in rows] == [("second", "A'1")]
        umlaut = await dataverse.send("PATCH", "accounts(accountnumber='%C3%84 1')", {"name": "third"})
        assert umlaut.headers["OData-EntityId"] == f"{_BASE}/accounts(accountnumber='%C3%84%201')"
        assert (await dataverse.get(umlaut.headers["OData-EntityId"])).json()["name"] == "third"
        undeclared = await dataverse.send("PATCH", "accounts(name='x')", {"fax": "1"})
        assert undeclared.status_code == 400
        assert "The key in the request URI is not valid for resource" in undeclared.text


async def test_d_086_no_alternate_key_exists_by_default() -> None:
    async with org() as dataverse:
        assert (await dataverse.get("accounts(accountnumber='A1')")).status_code == 400


@pytest.mark.parametrize("value", ["A%2F1", "A/1", "A%261", "A%231", "A%2B1", "A%3A1"])
async def test_d_087_key_values_with_unusable_characters(value: str) -> None:
    async with org(_KEYED) as dataverse:
        answer = await dataverse.send("PATCH", f"accounts(accountnumber='{value}')", {"name": "x"})
        assert answer.status_code in {400, 404}


async def test_d_088_two_records_with_the_same_key() -> None:
    async with org(_KEYED) as dataverse:
        await dataverse.create("accounts", accountnumber="A1")
        other = await dataverse.create("accounts", accountnumber="A2")
        assert code(await dataverse.send("POST", "accounts", {"accountnumber": "a1"})) == (412, "0x80060892")
        patch = await dataverse.send("PATCH", f"accounts({other['accountid']})", {"accountnumber": "A1"})
        assert code(patch) == (412, "0x80060892")


async def test_d_089_missing_by_key_and_by_id() -> None:
    async with org(_KEYED) as dataverse:
        assert code(await dataverse.get("accounts(accountnumber='A1')")) == (404, "0x80060891")
        assert code(await dataverse.get(_FIRST)) == (404, "0x80040217")
        assert (await dataverse.get("accounts(nonsense)")).status_code == 400


@pytest.mark.parametrize(("empty_is_null", "shown"), [(True, None), (False, "")])
async def test_d_090_empty_text_and_null(empty_is_null: bool, shown: str | None) -> None:
    async with org(DataverseSettings(empty_text_is_null=empty_is_null), accounts=accounts(1)) as dataverse:
        await dataverse.send("PATCH", _FIRST, {"fax": ""})
        assert (await dataverse.get(_FIRST)).json()["fax"] == shown
        await dataverse.send("PATCH", _FIRST, {"name": None})
        assert (await dataverse.get(_FIRST)).json()["name"] is None


@pytest.mark.parametrize("status", [404, 400])
async def test_d_091_lookups_are_written_by_binding_only(status: int) -> None:
    async with org(DataverseSettings(missing_bind_status=status), accounts=accounts(2)) as dataverse:
        direct = await dataverse.send("POST", "accounts", {"_parentaccountid_value": ID.format(1)})
        assert direct.status_code == 400
        bind = "parentaccountid@odata.bind"
        for url in (f"/{_FIRST}", _FIRST, f"{_BASE}/{_FIRST}"):
            made = await dataverse.create("accounts", **{bind: url})
            assert made["_parentaccountid_value"] == ID.format(0)
        missing = await dataverse.send("POST", "accounts", {bind: f"/accounts({ID.format(77)})"})
        assert code(missing) == (status, "0x80040217")
        assert missing.json()["error"]["message"] == f"account With Id = {ID.format(77)} Does Not Exist"
        cleared = await dataverse.send("PATCH", f"accounts({made['accountid']})", {bind: None}, **REPRESENTATION)
        assert cleared.json()["_parentaccountid_value"] is None
        wrong_type = await dataverse.send("POST", "accounts", {"primarycontactid@odata.bind": f"/{_FIRST}"})
        assert wrong_type.status_code == 400


async def test_d_091_wrong_navigation_name() -> None:
    async with org(accounts=accounts(1)) as dataverse:
        for name in ("parentcustomerid", "ParentCustomerId_account", "transactionCurrencyId"):
            answer = await dataverse.send("POST", "contacts", {f"{name}@odata.bind": f"/{_FIRST}"})
            assert code(answer) == (400, "0x80048d19")
            assert f"An undeclared property '{name}' which only has property annotations" in answer.text


async def test_d_091_references_and_single_properties() -> None:
    async with org(accounts=accounts(2)) as dataverse:
        path = f"{_FIRST}/parentaccountid/$ref"
        put = await dataverse.send("PUT", path, {"@odata.id": f"{_BASE}/accounts({ID.format(1)})"})
        assert put.status_code == 204
        assert (await dataverse.get(_FIRST)).json()["_parentaccountid_value"] == ID.format(1)
        assert (await dataverse.send("DELETE", path)).status_code == 204
        assert (await dataverse.get(_FIRST)).json()["_parentaccountid_value"] is None
        assert (await dataverse.send("PUT", f"{_FIRST}/fax", {"value": "77"})).status_code == 204
        assert (await dataverse.get(f"{_FIRST}/fax")).json()["value"] == "77"
        assert (await dataverse.send("DELETE", f"{_FIRST}/fax")).status_code == 204
        assert (await dataverse.get(_FIRST)).json()["fax"] is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"customertypecode": 13}, "0x8004431a"),
        ({"customertypecode": "Customer"}, "0x80048d19"),
        ({"name": "x" * 161}, "0x80044331"),
        ({"name": 5}, "0x80048d19"),
        ({"creditonhold": "yes"}, "0x80048d19"),
        ({"creditlimit": "5"}, "0x80048d19"),
        ({"numberofemployees": -1}, "0x80044330"),
        ({"creditlimit": 1e16}, "0x80044330"),
        ({"statuscode": 2}, "0x80048408"),
        ({"accountid": "x"}, "0x80048d19"),
    ],
)
async def test_d_094_values_that_do_not_fit(body: dict[str, Any], expected: str) -> None:
    async with org() as dataverse:
        assert code(await dataverse.send("POST", "accounts", body)) == (400, expected)
        assert (await dataverse.get("accounts")).json()["value"] == []


async def test_d_094_text_too_long_says_so() -> None:
    async with org() as dataverse:
        answer = await dataverse.send("POST", "accounts", {"name": "x" * 161})
        assert answer.json()["error"]["message"] == (
            "A validation error occurred. The length of the 'name' attribute of the 'account' entity exceeded the "
            "maximum allowed length of '160'."
        )


@pytest.mark.parametrize(("rule", "status"), [("ignore", 204), ("refuse", 400)])
async def test_read_only_columns_in_a_body(rule: str, status: int) -> None:
    async with org(DataverseSettings(read_only_in_body=rule)) as dataverse:
        answer = await dataverse.send("POST", "contacts", {"lastname": "x", "fullname": "y"})
        assert answer.status_code == status


async def test_malformed_bodies() -> None:
    async with org() as dataverse:
        for content in (b"{", b"[]", b'"x"', b""):
            headers = {"Content-Type": "application/json"}
            answer = await dataverse.http.post("/api/data/v9.2/accounts", content=content, headers=headers)
            assert answer.status_code == 400


async def test_d_111_delete_once_then_404_and_restrictions() -> None:
    seeds: dict[str, Any] = {"uomschedules": [{"uomscheduleid": ID.format(1), "name": "S", "baseuomname": "B"}]}
    async with org(accounts=accounts(1), **seeds) as dataverse:
        assert (await dataverse.send("DELETE", _FIRST)).status_code == 204
        assert code(await dataverse.send("DELETE", _FIRST)) == (404, "0x80040217")
        assert (await dataverse.send("DELETE", "accounts")).status_code == 405
        currency = (await dataverse.get("transactioncurrencies")).json()["value"][0]["transactioncurrencyid"]
        blocked = await dataverse.send("DELETE", f"transactioncurrencies({currency})")
        assert code(blocked) == (405, "0x80040227")
        user = (await dataverse.get("WhoAmI")).json()["UserId"]
        assert (await dataverse.send("DELETE", f"systemusers({user})")).status_code == 405
        uom = (await dataverse.get("uoms")).json()["value"][0]["uomid"]
        await dataverse.create(
            "products",
            name="P",
            productnumber="P",
            **{"defaultuomid@odata.bind": f"/uoms({uom})",
               "defaultuomscheduleid@odata.bind": f"/uomschedules({ID.format(1)})"},
        )  # fmt: skip
        assert code(await dataverse.send("DELETE", f"uomschedules({ID.format(1)})")) == (405, "0x80040227")
        assert len((await dataverse.get("uoms")).json()["value"]) == 1


async def test_d_111_deleting_unlinks_and_cascades() -> None:
    contact = {"contactid": ID.format(9), "_parentcustomerid_value": ID.format(0), "lastname": "C"}
    child = {"accountid": ID.format(1), "_parentaccountid_value": ID.format(0), "name": "child"}
    async with org(accounts=[*accounts(1), child], contacts=[contact]) as dataverse:
        assert (await dataverse.send("DELETE", _FIRST)).status_code == 204
        assert (await dataverse.get(f"contacts({ID.format(9)})")).status_code == 404
        assert (await dataverse.get(f"accounts({ID.format(1)})")).json()["_parentaccountid_value"] is None


@pytest.mark.parametrize("status", [412, 500])
async def test_d_120_duplicate_detection_only_on_request(status: int) -> None:
    async with org(DataverseSettings(duplicate_detected_status=status)) as dataverse:
        body = {"name": "x", "emailaddress1": "a@b.de"}
        assert (await dataverse.send("POST", "accounts", body)).status_code == 204
        assert (await dataverse.send("POST", "accounts", body)).status_code == 204
        found = await dataverse.send("POST", "accounts", body, MSCRM_SuppressDuplicateDetection="false")
        assert found.status_code == 204
        name = {"MSCRM.SuppressDuplicateDetection": "false"}
        found = await dataverse.http.post("/api/data/v9.2/accounts", json=body, headers=name)
        assert code(found) == (status, "0x80040333")


async def test_impersonation_names_the_modifier() -> None:
    user = {"systemuserid": ID.format(3), "azureactivedirectoryobjectid": ID.format(4), "lastname": "U"}
    async with org(systemusers=[user]) as dataverse:
        made = await dataverse.send("POST", "accounts", {}, CallerObjectId=ID.format(4), **REPRESENTATION)
        assert made.json()["_createdby_value"] == ID.format(3)
        assert (await dataverse.get("accounts", CallerObjectId=ID.format(5))).status_code == 403


@pytest.mark.parametrize("status", [400, 415])
async def test_b1_a_body_without_a_content_type_is_refused(status: int) -> None:
    async with org(DataverseSettings(untyped_body_status=status), accounts=accounts(1)) as dataverse:
        made = await dataverse.http.post(ROOT + "accounts", content=b'{"name": "A"}')
        changed = await dataverse.http.patch(f"{ROOT}accounts({ID.format(0)})", content=b'{"name": "A"}')
        assert [made.status_code, changed.status_code] == [status] * 2
        assert "content type" in made.json()["error"]["message"]
        batch = "--b\r\nContent-Type: application/http\r\n\r\nPOST accounts HTTP/1.1\r\n\r\n{}\r\n--b--\r\n"
        kind = {"Content-Type": "multipart/mixed;boundary=b"}
        inside = await dataverse.http.post(f"{ROOT}$batch", content=batch, headers=kind)
        assert f"HTTP/1.1 {status} " in inside.text
        assert [row["name"] for row in (await dataverse.get("accounts")).json()["value"]] == ["Account 00000"]
