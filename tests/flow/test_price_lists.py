"""A default price list for each product, by docs/examples/price-lists.yaml (business-central-sync 1.3, row 91)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import forms
from tests.support.examples import DOCS
from tests.support.waiting import wait_until
from tests.support.world import World

EXAMPLE = DOCS / "examples" / "price-lists.yaml"
TABLES = frozenset({"bc:currencies", "bc:unitsOfMeasure", "bc:items", "sales:products"})
Price = tuple[Any, ...]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("prices")
    with World(folder, customers=12) as world:
        world.configure(mappings=EXAMPLE)
        with world.daemon():
            assert found_prices(world) == []
            outcome = world.full_sync("keep")
            assert outcome["state"] == "done", outcome["error"]
            assert [job["failed"] + job["conflict"] for job in outcome["jobs"]] == [0] * len(outcome["jobs"])
            yield world


def wanted_prices(world: World) -> list[Price]:
    """Of every item that is not blocked: its list and price."""
    items = [row for row in world.bc.rows("items") if not row["blocked"]]
    return sorted(
        (
            row["number"],
            f"{row['displayName'][:81].strip()} Default Price List",
            "EUR",
            row["baseUnitOfMeasureCode"],
            forms.number(row["unitPrice"]),
        )
        for row in items
    )


def found_prices(world: World) -> list[Price]:
    """Of every price in Sales, by what it names."""
    lists = {row["pricelevelid"]: row for row in world.sales.rows("pricelevels")}
    products = {row["productid"]: row for row in world.sales.rows("products")}
    units = {row["uomid"]: row for row in world.sales.rows("uoms")}
    codes = {row["transactioncurrencyid"]: row["isocurrencycode"] for row in world.sales.rows("transactioncurrencies")}
    return sorted(
        (
            products[row["_productid_value"]]["productnumber"],
            lists[row["_pricelevelid_value"]]["name"],
            codes[lists[row["_pricelevelid_value"]]["_transactioncurrencyid_value"]],
            units[row["_uomid_value"]]["name"],
            forms.number(row["amount"]),
        )
        for row in world.sales.rows("productpricelevels")
    )


def test_every_product_has_its_default_price_list_with_one_price(synced: World) -> None:
    assert len(wanted_prices(synced)) > 3
    assert found_prices(synced) == wanted_prices(synced)
    assert len(synced.sales.rows("pricelevels")) == len(wanted_prices(synced))
    there = {row["id"] for row in synced.bc.rows("items")}
    products = [row for row in synced.sales.rows("products") if row["productid"] in there]
    assert {row["statecode"] for row in products} == {0}
    assert all(row["_pricelevelid_value"] == row["productid"] for row in products)


def test_a_changed_unit_price_reaches_the_price_and_the_product(synced: World) -> None:
    there = {row["productid"] for row in synced.sales.rows("products")}  # an item born in BC has its product's id
    item = next(row for row in synced.bc.rows("items") if row["id"] in there)
    synced.bc.edit(f"items({item['id']})", unitPrice=-3)
    synced.shows(synced.sales, f"productpricelevels({item['id']})", amount=0)
    synced.bc.edit(f"items({item['id']})", unitPrice=12.5, displayName="N" * 100)
    synced.shows(synced.sales, f"productpricelevels({item['id']})", amount=12.5)
    synced.shows(synced.sales, f"products({item['id']})", price=12.5)
    synced.shows(synced.sales, f"pricelevels({item['id']})", name="N" * 81 + " Default Price List")


def test_a_new_item_gets_its_product_list_and_price_by_itself(synced: World) -> None:
    made = synced.bc.create("items", displayName="Teekanne", unitPrice=19.9, baseUnitOfMeasureCode="PCS")
    wait_until(lambda: any(row[0] == made["number"] for row in found_prices(synced)), 30, "the price of a new item")
    synced.quiet(tables=TABLES)
    assert found_prices(synced) == wanted_prices(synced)


def test_the_documentation_shows_the_two_mappings_as_they_are() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = text[text.index("  - name: ITEM-PRICELIST") :]
    assert f"```yaml\n{shown}```" in (DOCS / "mappings.md").read_text(encoding="utf-8")
