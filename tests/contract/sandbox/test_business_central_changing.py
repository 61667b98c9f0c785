"""Changing and deleting in Business Central (wire-protocols A5, D2 38–51)."""

from typing import Any

import pytest

from tests.contract.sandbox.business_central_support import (
    COMPANY,
    CUSTOM,
    ID,
    NOBODY,
    ROOT,
    customers,
    error,
    message,
    part,
    tenant,
)

TABLES: dict[str, list[dict[str, Any]]] = {
    "currencies": [{"code": "USD"}, {"code": "GBP"}],
    "salespeoplePurchasers": [{"code": "AH"}],
    "unitsOfMeasure": [{"code": "PCS"}, {"code": "BOX"}],
}


async def test_d_038_patch_without_if_match() -> None:
    async with tenant(customers(1)) as bc:
        path = f"customers({ID.format(0)})"
        assert error(await bc.send("PATCH", path, {"city": "X"})) == (400, "BadRequest_InvalidToken")
        for garbage in ("", "abc", '"abc"', 'W/"???"'):
            answer = await bc.send("PATCH", path, {"city": "X"}, If_Match=garbage)
            assert error(answer) == (400, "BadRequest_InvalidToken")
        assert (await bc.get(path)).json()["city"] == ""


async def test_d_039_patch_with_current_etag() -> None:
    async with tenant(customers(1)) as bc:
        before = (await bc.get(f"customers({ID.format(0)})")).json()
        bc.clock.advance(seconds=1)
        answer = await bc.patch("customers", ID.format(0), before["@odata.etag"], city="Köln")
        after = answer.json()
        assert answer.status_code == 200
        assert after["city"] == "Köln"
        assert after["@odata.etag"] != before["@odata.etag"]
        assert after["lastModifiedDateTime"] == "2026-01-05T12:00:01.123Z"
        assert after.keys() == before.keys()


@pytest.mark.parametrize("status", [409, 412])
async def test_d_040_patch_with_stale_etag(status: int) -> None:
    async with tenant(customers(1), stale_status=status) as bc:
        stale = (await bc.get(f"customers({ID.format(0)})")).json()["@odata.etag"]
        await bc.patch("customers", ID.format(0), city="first")
        answer = await bc.patch("customers", ID.format(0), stale, city="second")
        assert error(answer) == (status, "Request_EntityChanged")
        assert message(answer) == "Another user has already changed the record."
        assert (await bc.get(f"customers({ID.format(0)})")).json()["city"] == "first"


async def test_d_041_patch_with_star_and_of_an_unknown_id() -> None:
    async with tenant(customers(1)) as bc:
        assert (await bc.patch("customers", ID.format(0), city="X")).status_code == 200
        assert (await bc.patch("customers", NOBODY, displayName="X")).status_code == 404
        assert len(await bc.rows("customers")) == 1


@pytest.mark.parametrize("mode", ["reject", "ignore"])
@pytest.mark.parametrize("field", ["lastModifiedDateTime", "balanceDue", "id"])
async def test_d_042_read_only_field(mode: str, field: str) -> None:
    async with tenant(customers(1), read_only_fields=mode) as bc:
        before = (await bc.get(f"customers({ID.format(0)})")).json()
        answer = await bc.patch("customers", ID.format(0), **{field: before[field], "city": "X"})
        if mode == "reject":
            assert error(answer) == (400, "BadRequest_InvalidOperation")
            assert message(answer) == f"Control '{field}' is read-only."
        else:
            assert (answer.status_code, answer.json()["city"]) == (200, "X")


@pytest.mark.parametrize("touches", [False, True])
async def test_d_043_patch_that_changes_nothing(touches: bool) -> None:
    async with tenant(customers(1), null_update_touches=touches) as bc:
        before = (await bc.get(f"customers({ID.format(0)})")).json()
        after = (await bc.patch("customers", ID.format(0), displayName=before["displayName"])).json()
        assert (after["@odata.etag"] != before["@odata.etag"]) == touches
        assert (after["lastModifiedDateTime"] != before["lastModifiedDateTime"]) == touches


async def test_d_044_rename_keeps_the_id_and_reaches_what_named_it() -> None:
    seeds = {**TABLES, "customers": [{"displayName": "A", "salespersonCode": "AH", "currencyCode": "USD"}]}
    async with tenant(seeds) as bc:
        (person,) = await bc.rows("salespeoplePurchasers")
        renamed = (await bc.patch("salespeoplePurchasers", person["id"], code="bh")).json()
        assert (renamed["id"], renamed["code"]) == (person["id"], "BH")
        assert await bc.rows("salespeoplePurchasers?$filter=code eq 'AH'") == []
        (customer,) = await bc.rows("customers")
        assert customer["salespersonCode"] == "BH"


@pytest.mark.parametrize("status", [405, 400, 501])
async def test_d_045_verbs_that_do_not_fit(status: int) -> None:
    async with tenant(customers(1), method_not_allowed_status=status) as bc:
        answer = await bc.send("PATCH", "customers", {"city": "X"}, If_Match="*")
        assert error(answer) == (status, "BadRequest_MethodNotAllowed")
        assert message(answer).startswith("'PATCH' requests for 'customers' of EdmType 'Collection' are not allowed")
        for verb, path in (
            ("POST", f"customers({ID.format(0)})"),
            ("DELETE", "customers"),
            ("POST", "companyInformation"),
            ("POST", f"{ROOT}/companies"),
            ("MERGE", "customers"),
        ):
            assert (await bc.send(verb, path, {})).status_code == status


@pytest.mark.parametrize("needed", [False, True])
async def test_d_046_delete(needed: bool) -> None:
    async with tenant(customers(3), delete_needs_if_match=needed) as bc:
        path = f"customers({ID.format(0)})"
        stale = (await bc.get(path)).json()["@odata.etag"]
        current = (await bc.patch("customers", ID.format(0), city="X")).json()["@odata.etag"]
        assert error(await bc.send("DELETE", path, If_Match=stale)) == (409, "Request_EntityChanged")
        assert (await bc.send("DELETE", path, If_Match=current)).status_code == 204
        assert (await bc.send("DELETE", path, If_Match="*")).status_code == 404
        answer = await bc.send("DELETE", f"customers({ID.format(1)})")
        assert answer.status_code == (400 if needed else 204)


async def test_d_047_delete_of_a_customer_with_ledger_entries() -> None:
    seeds = [{"id": ID.format(1), "displayName": "A", "balanceDue": 5}, {"displayName": "B", "_ledgerEntries": True}]
    async with tenant({"customers": seeds}) as bc:
        for row in await bc.rows("customers"):
            answer = await bc.send("DELETE", f"customers({row['id']})", If_Match="*")
            assert error(answer) == (400, "Application_DialogException")
            assert "because it has ledger entries" in message(answer)


async def test_d_048_parts_need_their_parent() -> None:
    async with tenant() as bc:
        answer = await bc.get("contactsInformation")
        assert error(answer)[0] == 400
        assert message(answer).startswith("You must specify a parent ID")


async def test_d_049_inventory() -> None:
    async with tenant() as bc:
        answer = await bc.send("POST", "items", {"inventory": 5})
        assert message(answer) == "Inventory cannot be changed during on insert."
        item = await bc.create("items", inventory=0)
        assert (await bc.patch("items", item["id"], inventory=5.5)).json()["inventory"] == 5.5


async def test_d_050_enums() -> None:
    async with tenant() as bc:
        assert (await bc.create("customers", displayName="A"))["blocked"] == "_x0020_"
        assert (await bc.create("customers", displayName="A", blocked="Ship"))["blocked"] == "Ship"
        item = await bc.create("items", type="Non_x002D_Inventory")
        assert item["type"] == "Non_x002D_Inventory"
        for body in ({"type": "Non-Inventory"}, {"type": "Nonsense"}, {"type": 1}):
            assert error(await bc.send("POST", "items", body)) == (400, "BadRequest")


async def test_d_050_a_filter_names_a_member_with_or_without_its_type() -> None:
    async with tenant() as bc:
        await bc.create("customers", displayName="A", type="Person")
        await bc.create("customers", displayName="B")
        for literal in ("'Person'", "Microsoft.NAV.customerType'Person'"):
            assert [row["displayName"] for row in await bc.rows(f"customers?$filter=type eq {literal}")] == ["A"]
        for literal in (
            "Microsoft.NAV.itemType'Service'",
            "customerType'Person'",
            "Microsoft.NAV.customerType 'Person'",
        ):
            assert error(await bc.get(f"customers?$filter=type eq {literal}")) == (400, "BadRequest")


async def test_d_051_resources_only_on_the_custom_page() -> None:
    seeds = {**TABLES, "resources": [{"displayName": "Lina", "type": "Person", "baseUnitOfMeasureCode": "PCS"}]}
    async with tenant(seeds) as bc:
        assert error(await bc.get("resources")) == (404, "BadRequest_ResourceNotFound")
        custom = f"{CUSTOM}/{COMPANY}"
        (row,) = await bc.rows(f"{custom}/resources")
        assert (row["number"], row["displayName"], row["capacity"]) == ("R0010", "Lina", 0)
        assert (await bc.get(f"{custom}/customers")).status_code == 404
        assert len(await bc.rows(f"{CUSTOM}/companies")) == 1
        answer = await bc.send(
            "PATCH", f"{custom}/resources({row['id']})", {"unitPrice": 9.5}, If_Match=row["@odata.etag"]
        )
        assert answer.json()["unitPrice"] == 9.5


async def test_a5_body_must_be_a_json_object() -> None:
    async with tenant() as bc:
        assert (await bc.send("POST", "customers", ["x"])).status_code == 400
        answer = await bc.http.post(
            f"{ROOT}/{COMPANY}/customers", content=b"{", headers={"Content-Type": "application/json"}
        )
        assert error(answer) == (400, "BadRequest")
        answer = await bc.http.post(f"{ROOT}/{COMPANY}/customers", content=b"x", headers={"Content-Type": "text/plain"})
        assert answer.status_code == 415


@pytest.mark.parametrize("status", [400, 415])
async def test_a1_a_body_without_a_content_type_is_refused(status: int) -> None:
    async with tenant(customers(1), untyped_body_status=status) as bc:
        url, match = f"{ROOT}/{COMPANY}/customers", {"If-Match": "*"}
        made = await bc.http.post(url, content=b'{"displayName": "A"}')
        changed = await bc.http.patch(f"{url}({ID.format(0)})", content=b'{"city": "X"}', headers=match)
        assert [error(made), error(changed)] == [(status, "BadRequest")] * 2
        assert "content type" in message(made)
        assert [row["city"] for row in await bc.rows("customers")] == [""]
        in_batch = await bc.batch(part("POST", "customers", {"displayName": "A"}))
        assert in_batch.json()["responses"][0]["status"] == 201, "a JSON batch says what its bodies are"
