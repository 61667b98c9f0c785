"""Price lists and their items (wire-protocols B2; the platform's own error codes)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.sandbox.dataverse_support import ID, Org, code, org

_SCHEDULES = [{"uomscheduleid": ID.format(n), "name": f"NAV {n}", "baseuomname": f"U{n}"} for n in (1, 2)]


@pytest.fixture
async def dataverse() -> AsyncIterator[Org]:
    async with org(uomschedules=_SCHEDULES) as made:
        unit = await _unit(made, 1)
        for number in (1, 2):
            await made.create(
                "products",
                productid=ID.format(number),
                name="Chair",
                productnumber=f"100{number}",
                **{"defaultuomid@odata.bind": f"/uoms({unit})"},
                **{"defaultuomscheduleid@odata.bind": f"/uomschedules({ID.format(1)})"},
            )
        for number in (1, 2):
            await made.create("pricelevels", pricelevelid=ID.format(number), name="Retail")
        yield made


async def _unit(dataverse: Org, schedule: int) -> str:
    query = f"uoms?$filter=_uomscheduleid_value eq {ID.format(schedule)}"
    return str((await dataverse.get(query)).json()["value"][0]["uomid"])


async def _item(dataverse: Org, schedule: int = 1, product: int = 1, level: int = 1) -> dict[str, Any]:
    return {
        "amount": 12.5,
        "pricelevelid@odata.bind": f"/pricelevels({ID.format(level)})",
        "productid@odata.bind": f"/products({ID.format(product)})",
        "uomid@odata.bind": f"/uoms({await _unit(dataverse, schedule)})",
    }


async def test_a_price_list_is_active_and_in_the_base_currency(dataverse: Org) -> None:
    made = await dataverse.create("pricelevels", name="Wholesale", begindate="2026-01-01")
    base = (await dataverse.get("transactioncurrencies")).json()["value"][0]["transactioncurrencyid"]
    assert (made["statecode"], made["statuscode"], made["begindate"]) == (0, 100001, "2026-01-01")
    assert made["_transactioncurrencyid_value"] == base
    assert code(await dataverse.send("POST", "pricelevels", {"description": "no name"})) == (400, "0x80043b0e")


async def test_an_item_takes_what_its_list_and_product_have(dataverse: Org) -> None:
    made = await dataverse.create("productpricelevels", **await _item(dataverse))
    assert (made["amount"], made["productnumber"], made["pricingmethodcode"]) == (12.5, "1001", 1)
    assert made["_uomscheduleid_value"] == ID.format(1)
    assert made["_transactioncurrencyid_value"]


async def test_the_list_of_the_first_price_becomes_the_products_default(dataverse: Org) -> None:
    for level in (2, 1):
        await dataverse.create("productpricelevels", **await _item(dataverse, level=level))
    products = (await dataverse.get("products?$orderby=productnumber")).json()["value"]
    assert [row["_pricelevelid_value"] for row in products] == [ID.format(2), None]


@pytest.mark.parametrize(
    ("left_out", "error"),
    [("pricelevelid", "0x80043b12"), ("productid", "0x80043b11"), ("uomid", "0x80043b0d")],
)
async def test_an_item_names_list_product_and_unit(dataverse: Org, left_out: str, error: str) -> None:
    body = await _item(dataverse)
    del body[f"{left_out}@odata.bind"]
    assert code(await dataverse.send("POST", "productpricelevels", body)) == (400, error)


async def test_a_unit_of_another_schedule_and_a_second_price_are_refused(dataverse: Org) -> None:
    other = await _item(dataverse, schedule=2)
    assert code(await dataverse.send("POST", "productpricelevels", other)) == (400, "0x80043b14")
    made = await dataverse.create("productpricelevels", **await _item(dataverse))
    await dataverse.create("productpricelevels", **await _item(dataverse, product=2))
    twice = await _item(dataverse)
    assert code(await dataverse.send("POST", "productpricelevels", twice)) == (400, "0x80043b08")
    path = f"productpricelevels({made['productpricelevelid']})"
    assert (await dataverse.send("PATCH", path, {"amount": 13})).status_code == 204


async def test_deleting_a_list_or_product_deletes_its_prices(dataverse: Org) -> None:
    await dataverse.create("productpricelevels", **await _item(dataverse))
    await dataverse.create("productpricelevels", **await _item(dataverse, product=2, level=2))
    assert (await dataverse.send("DELETE", f"pricelevels({ID.format(1)})")).status_code == 204
    assert (await dataverse.send("DELETE", f"products({ID.format(2)})")).status_code == 204
    assert (await dataverse.get("productpricelevels")).json()["value"] == []
