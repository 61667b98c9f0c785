"""Price lists and their items: columns by the reference pages, and what the platform itself does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.sandbox.dataverse.body import TARGET
from daemon.sandbox.dataverse.context import Service
from daemon.sandbox.dataverse.errors import bad_request
from daemon.sandbox.dataverse.tables import Column, Kind, OnDelete, choice, decimal, lookup, memo, money, plain, state
from daemon.sandbox.dataverse.tables import text as text_column

_STATES = {0: "Active", 1: "Inactive"}
_REASONS = {100001: (0, "Active"), 100002: (1, "Inactive")}
_PRICING = (
    "Currency Amount|Percent of List|Percent Markup - Current Cost|Percent Margin - Current Cost|"
    "Percent Markup - Standard Cost|Percent Margin - Standard Cost"
)
_SELLING = {1: "No Control", 2: "Whole", 3: "Whole and Fractional"}
_ROUNDING = {1: "None", 2: "Up", 3: "Down", 4: "To Nearest"}
_CURRENCY = lookup(
    "transactioncurrencyid", ("transactioncurrencies", "transactioncurrencyid"), on_delete=OnDelete.RESTRICT
)
# What an item must name, and how the platform says that it does not.
_NAMES = {
    "_pricelevelid_value": ("The price level id is missing.", "0x80043b12"),
    "_productid_value": ("The product id is missing.", "0x80043b11"),
    "_uomid_value": ("The unit id is missing.", "0x80043b0d"),
}


def list_columns() -> list[Column]:
    """pricelevel."""
    return [
        text_column("name", 100, form_required=True),
        memo("description"),
        plain("begindate", Kind.DATE),
        plain("enddate", Kind.DATE),
        _CURRENCY,
        *state(_STATES, _REASONS, (0, 100001)),
    ]


def item_columns() -> list[Column]:
    """productpricelevel."""
    return [
        lookup("pricelevelid", ("pricelevels", "pricelevelid"), on_delete=OnDelete.CASCADE),
        lookup("productid", ("products", "productid"), on_delete=OnDelete.CASCADE),
        lookup("uomid", ("uoms", "uomid"), on_delete=OnDelete.RESTRICT),
        lookup("uomscheduleid", ("uomschedules", "uomscheduleid"), on_delete=OnDelete.RESTRICT),
        _CURRENCY,
        money("amount"),
        decimal("percentage", 5, 0, 100_000),
        choice("pricingmethodcode", dict(enumerate(_PRICING.split("|"), start=1)), default=1),
        choice("quantitysellingcode", _SELLING, default=1),
        choice("roundingpolicycode", _ROUNDING, default=1),
        choice("roundingoptioncode", {1: "Ends in", 2: "Multiple of"}),
        money("roundingoptionamount"),
        text_column("productnumber", 100, read_only=True),
    ]


def fill_list(service: Service, row: dict[str, Any]) -> None:
    """A price list is in the organisation's base currency unless it names another."""
    if row.get("_transactioncurrencyid_value") is None:
        row["_transactioncurrencyid_value"] = service.settings.base_currency_id


def fill_item(service: Service, row: dict[str, Any]) -> None:
    """An item has the currency of its list, and the number and unit schedule of its product."""
    found = service.store.data["pricelevels"].rows.get(row.get("_pricelevelid_value") or "", {})
    product = service.store.data["products"].rows.get(row.get("_productid_value") or "", {})
    if row.get("_transactioncurrencyid_value") is None:
        row["_transactioncurrencyid_value"] = found.get("_transactioncurrencyid_value")
    if row.get("_uomscheduleid_value") is None:
        row["_uomscheduleid_value"] = product.get("_defaultuomscheduleid_value")
    row["productnumber"] = product.get("productnumber")


def check_list(row: Mapping[str, Any]) -> None:
    if row.get("name") is None:
        raise bad_request("The name can not be null.", "0x80043b0e")


def check_item(service: Service, row: Mapping[str, Any]) -> None:
    """Refuse an item without list, product or unit, with a unit of another product, or for the second time."""
    for prop, (message, code) in _NAMES.items():
        if row.get(prop) is None:
            raise bad_request(message, code)
    product = service.store.data["products"].rows[row["_productid_value"]]
    unit = service.store.data["uoms"].rows[row["_uomid_value"]]
    if unit["_uomscheduleid_value"] != product["_defaultuomscheduleid_value"]:
        raise bad_request("The specified unit is not valid for this product.", "0x80043b14")
    items = service.store.data["productpricelevels"]
    others = items.links["_productid_value"].get(row["_productid_value"], {})
    same = (items.rows[other] for other in others if other != row["productpricelevelid"])
    if any(all(other[prop] == row[prop] for prop in _NAMES) for other in same):
        text = "This product and unit combination has a price for this price list."
        raise bad_request(text, "0x80043b08")


def added_item(service: Service, row: Mapping[str, Any]) -> None:
    """The list of a product's first price becomes its default price list."""
    products = service.store.data["products"]
    product = products.rows[row["_productid_value"]]
    if product.get("_pricelevelid_value") is None:
        named = {"_pricelevelid_value": row["_pricelevelid_value"], f"_pricelevelid_value{TARGET}": "pricelevels"}
        service.store.replace("products", product["productid"], {**product, **named})
