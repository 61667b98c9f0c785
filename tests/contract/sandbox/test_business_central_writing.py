"""Writing to Business Central (wire-protocols A2, A5, D2 28–51)."""

from typing import Any

import pytest

from tests.contract.sandbox.business_central_support import (
    COMPANY,
    CUSTOM,
    HOST,
    ID,
    NOBODY,
    ROOT,
    ZERO,
    customers,
    error,
    message,
    tenant,
)

TABLES: dict[str, list[dict[str, Any]]] = {
    "currencies": [{"code": "USD"}, {"code": "GBP"}],
    "salespeoplePurchasers": [{"code": "AH"}],
    "unitsOfMeasure": [{"code": "PCS"}, {"code": "BOX"}],
}


async def test_d_028_create() -> None:
    async with tenant() as bc:
        answer = await bc.send("POST", "customers", {"displayName": "A"})
        made = answer.json()
        assert answer.status_code == 201
        assert made["number"] == "C00010"
        assert made["lastModifiedDateTime"] == "2026-01-05T12:00:00.123Z"
        assert answer.headers["Location"] == f"{HOST}{ROOT}/{COMPANY}/customers({made['id']})"
        assert (await bc.get(answer.headers["Location"])).json() == made
        assert (await bc.create("customers", displayName="B"))["number"] == "C00020"


async def test_d_028_series_skip_numbers_in_use() -> None:
    seeds = {"items": [{"number": "1000"}, {"number": "1001"}, {}]}
    async with tenant(seeds) as bc:
        assert {row["number"] for row in await bc.rows("items")} == {"1000", "1001", "1002"}
        assert (await bc.create("items"))["number"] == "1003"


async def test_d_029_return_no_content() -> None:
    async with tenant() as bc:
        answer = await bc.send("POST", "customers", {"displayName": "A"}, Prefer="return-no-content")
        assert (answer.status_code, answer.content) == (204, b"")
        assert len(await bc.rows("customers")) == 1


@pytest.mark.parametrize(
    ("entity_set", "body", "text"),
    [
        ("customers", {}, 'A "displayName" must be provided.'),
        ("customers", {"displayName": ""}, 'The blank "displayName" is not allowed.'),
        ("contacts", {}, 'A "displayName" must be provided.'),
        ("salespeoplePurchasers", {"displayName": "X"}, 'A "code" must be provided.'),
        ("unitsOfMeasure", {}, 'A "code" must be provided.'),
        ("currencies", {"code": " "}, 'The blank "code" is not allowed.'),
        ("customers", {"displayName": "A", "email": "nonsense"}, 'The email address "nonsense" is not valid.'),
    ],
)
async def test_d_030_missing_or_bad_values(entity_set: str, body: dict[str, Any], text: str) -> None:
    async with tenant() as bc:
        answer = await bc.send("POST", entity_set, body)
        assert (*error(answer), message(answer)) == (400, "Application_DialogException", text)
        assert await bc.rows(entity_set) == []


@pytest.mark.parametrize("status", [400, 409])
async def test_d_031_number_in_use(status: int) -> None:
    async with tenant(customers(1), duplicate_status=status) as bc:
        for number in ("K00000", " k00000 "):
            answer = await bc.send("POST", "customers", {"displayName": "A", "number": number})
            assert error(answer) == (status, "Internal_EntityWithSameKeyExists")
        rename = await bc.patch("customers", (await bc.create("customers", displayName="B"))["id"], number="K00000")
        assert error(rename) == (status, "Internal_EntityWithSameKeyExists")


async def test_d_031_an_exchange_rate_is_known_by_currency_and_date() -> None:
    async with tenant(TABLES) as bc:
        rate = {"currencyCode": "USD", "startingDate": "2026-01-01", "exchangeRateAmount": 1.1}
        await bc.create("currencyExchangeRates", **rate)
        await bc.create("currencyExchangeRates", **{**rate, "startingDate": "2026-02-01"})
        assert error(await bc.send("POST", "currencyExchangeRates", rate))[1] == "Internal_EntityWithSameKeyExists"


async def test_d_032_codes_are_trimmed_and_upper_case() -> None:
    async with tenant() as bc:
        made = await bc.create("customers", displayName=" Straße ", number=" ab1 ", country="de", postalCode="w1a 1aa")
        assert (made["number"], made["country"], made["postalCode"]) == ("AB1", "DE", "W1A 1AA")
        assert made["displayName"] == " Straße "


@pytest.mark.parametrize("manual", [True, False])
async def test_a5_manual_numbers(manual: bool) -> None:
    async with tenant(manual_numbers=manual) as bc:
        answer = await bc.send("POST", "items", {"number": "X1"})
        assert answer.status_code == (201 if manual else 400)


@pytest.mark.parametrize(("field", "length"), [("displayName", 100), ("city", 30), ("number", 20), ("email", 80)])
async def test_d_033_too_long_text(field: str, length: int) -> None:
    async with tenant(validate_email=False) as bc:
        fits = await bc.send("POST", "customers", {"displayName": "A", field: "x" * length})
        assert fits.status_code == 201
        answer = await bc.send("POST", "customers", {"displayName": "A", field: "y" * (length + 1)})
        assert error(answer) == (400, "Application_StringExceededLength")


async def test_d_034_unknown_field() -> None:
    async with tenant() as bc:
        answer = await bc.send("POST", "customers", {"displayName": "A", "fax": "1"})
        assert error(answer) == (400, "BadRequest")
        assert message(answer) == (
            "The property 'fax' does not exist on type 'Microsoft.NAV.customer'. Make sure to only use property names "
            "that are defined by the type."
        )


@pytest.mark.parametrize(
    "body",
    [
        {"creditLimit": "12"},
        {"creditLimit": True},
        {"taxLiable": "true"},
        {"displayName": 5},
        {"currencyId": "x"},
        {"city": ["x"]},
    ],
)
async def test_d_034_wrong_json_type(body: dict[str, Any]) -> None:
    async with tenant() as bc:
        assert error(await bc.send("POST", "customers", {"displayName": "A", **body})) == (400, "BadRequest")


async def test_d_035_currency() -> None:
    async with tenant(TABLES) as bc:
        ids = {row["code"]: row["id"] for row in await bc.rows("currencies")}
        answer = await bc.send("POST", "customers", {"displayName": "A", "currencyCode": "XXX"})
        assert error(answer)[0] == 400
        assert message(answer) == 'The "currencyCode" does not match to a Currency.'
        both = {"displayName": "A", "currencyCode": "USD", "currencyId": ids["GBP"]}
        answer = await bc.send("POST", "customers", both)
        assert message(answer) == "The currency values do not match to a specific Currency."
        made = await bc.create("customers", displayName="A", currencyCode="usd")
        assert (made["currencyCode"], made["currencyId"]) == ("USD", ids["USD"])
        changed = (await bc.patch("customers", made["id"], currencyId=ids["GBP"])).json()
        assert changed["currencyCode"] == "GBP"


async def test_d_035_local_currency_is_stored_blank_and_shown_as_its_code() -> None:
    async with tenant(TABLES) as bc:
        (information,) = await bc.rows("companyInformation")
        assert information["currencyCode"] == "EUR"
        made = await bc.create("customers", displayName="A")
        assert (made["currencyCode"], made["currencyId"]) == ("EUR", ZERO)
        for value in ("EUR", ""):
            await bc.patch("customers", made["id"], currencyCode="USD")
            answer = (await bc.patch("customers", made["id"], currencyCode=value)).json()
            assert (answer["currencyCode"], answer["currencyId"]) == ("EUR", ZERO)


@pytest.mark.parametrize(
    ("entity_set", "body"),
    [
        ("customers", {"displayName": "A", "salespersonCode": "ZZ"}),
        ("items", {"baseUnitOfMeasureCode": "ZZ"}),
        ("contacts", {"displayName": "A", "type": "Person", "companyNumber": "ZZ"}),
    ],
)
async def test_a2_code_of_no_row(entity_set: str, body: dict[str, Any]) -> None:
    async with tenant(TABLES) as bc:
        answer = await bc.send("POST", entity_set, body)
        assert error(answer) == (400, "Internal_InvalidTableRelation")
        assert "(ZZ) that cannot be found in the related table" in message(answer)


async def test_a2_unit_of_measure_code_and_id_go_together() -> None:
    async with tenant(TABLES) as bc:
        ids = {row["code"]: row["id"] for row in await bc.rows("unitsOfMeasure")}
        item = await bc.create("items", baseUnitOfMeasureCode="pcs")
        assert item["baseUnitOfMeasureId"] == ids["PCS"]
        item = (await bc.patch("items", item["id"], baseUnitOfMeasureId=ids["BOX"])).json()
        assert item["baseUnitOfMeasureCode"] == "BOX"
        answer = await bc.patch("items", item["id"], baseUnitOfMeasureId=NOBODY)
        assert message(answer) == 'The "baseUnitOfMeasureId" does not match to a Unit of Measure.'


@pytest.mark.parametrize("mode", ["ignore", "honour", "reject"])
async def test_d_036_id_chosen_by_the_client(mode: str) -> None:
    async with tenant(client_ids=mode) as bc:
        answer = await bc.send("POST", "customers", {"displayName": "A", "id": NOBODY.upper()})
        if mode == "reject":
            assert error(answer) == (400, "BadRequest_InvalidOperation")
        else:
            assert answer.status_code == 201
            assert (answer.json()["id"] == NOBODY) == (mode == "honour")
            again = await bc.send("POST", "customers", {"displayName": "A", "id": NOBODY})
            assert again.status_code == (400 if mode == "honour" else 201)


@pytest.mark.parametrize("mode", ["blank", "reject"])
async def test_d_037_null(mode: str) -> None:
    async with tenant(nulls=mode) as bc:
        answer = await bc.send("POST", "customers", {"displayName": "A", "city": None, "creditLimit": None})
        assert answer.status_code == (201 if mode == "blank" else 400)
        if mode == "blank":
            assert (answer.json()["city"], answer.json()["creditLimit"]) == ("", 0)


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
