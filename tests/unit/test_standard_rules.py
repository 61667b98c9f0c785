"""What the standard mappings make of one record (business-central-sync 1.3)."""

from typing import Any

import pytest

from consumers.translate import Untranslatable, rules_for, translate
from schemas.canonical import canonical
from schemas.coupling import Lookups, Reference
from schemas.field_mapping import When
from schemas.mapping_file import parse, standard_text
from schemas.side import Direction, Side

STANDARD = parse(standard_text())
PIECE = Reference("UNITOFMEASURE", Side.BC, "code", "PCS")
UNITS: Lookups = {PIECE: {"id": "the group", "uom": "the unit"}}
PRODUCTS = [("ITEM-PRODUCT", "inventory"), ("RESOURCE-PRODUCT", "capacity")]


def to_sales(name: str, lookups: Lookups, **values: Any) -> dict[str, Any]:
    way = Direction.TO_SALES
    rules = rules_for(STANDARD[name], way, When.ALWAYS, When.INSERT)
    return translate(rules, way, {field: canonical(value) for field, value in values.items()}, lookups)


def refused(name: str, **values: Any) -> Untranslatable:
    with pytest.raises(Untranslatable) as refusal:
        to_sales(name, {}, **values)
    return refusal.value


@pytest.mark.parametrize("rate", [None, 0])
def test_a_currency_without_exchange_rate_fails(rate: float | None) -> None:
    problem = refused("CURRENCY", code="NOK", exchangeRate=rate).problem
    assert problem.code == "value-missing"
    assert "exchangeRate ↔ exchangerate must have a value" in problem.message
    assert "Business Central" in problem.hint


def test_the_companys_own_currency_has_no_rate_and_needs_none() -> None:
    assert to_sales("CURRENCY", {}, code="EUR") == {"isocurrencycode": "EUR"}


@pytest.mark.parametrize(("name", "stock"), PRODUCTS)
def test_a_product_without_base_unit_fails_and_waits_for_nothing(name: str, stock: str) -> None:
    refusal = refused(name, displayName="Chair", baseUnitOfMeasureCode="", **{stock: 1})
    assert refusal.problem.code == "value-missing"
    assert refusal.waits_for is None


@pytest.mark.parametrize(("name", "stock"), PRODUCTS)
def test_negative_prices_and_quantities_become_zero(name: str, stock: str) -> None:
    made = to_sales(name, UNITS, baseUnitOfMeasureCode="PCS", unitPrice=-1.5, unitCost=-2, **{stock: -3})
    assert [made[column] for column in ("price", "standardcost", "currentcost", "quantityonhand")] == [0] * 4
    assert (made["defaultuomid"], made["defaultuomscheduleid"]) == ("the unit", "the group")


@pytest.mark.parametrize(("name", "stock"), PRODUCTS)
def test_other_prices_and_quantities_stay_as_they_are(name: str, stock: str) -> None:
    made = to_sales(name, {}, unitPrice=1.5, unitCost=2, **{stock: 0.25})
    assert [made[column] for column in ("price", "standardcost", "currentcost", "quantityonhand")] == [1.5, 2, 2, 0.25]
