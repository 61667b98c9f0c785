"""Creating in Business Central (wire-protocols A2, A5, D2 28–37)."""

from typing import Any

import pytest

from tests.contract.sandbox.business_central_support import (
    COMPANY,
    HOST,
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
