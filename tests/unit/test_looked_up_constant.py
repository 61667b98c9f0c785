"""A constant with a lookup: the record of another mapping that it names (a price list's currency, for one)."""

import pytest

from consumers.translate import Untranslatable, references, rules_for, translate
from schemas import rows
from schemas.coupling import Reference
from schemas.errors import ConfigurationError
from schemas.field_mapping import When
from schemas.mapping_file import parse
from schemas.side import Direction, Side
from tests.support.examples import DOCS
from tests.support.made import NAME, mappings, part

EURO = part("CURRENCY", bc={"table": "currencies"}, sales={"table": "transactioncurrencies"}, fields=[NAME])
CURRENCY = {
    "sales": "transactioncurrencyid",
    "constant": "eur",
    "lookup": "CURRENCY",
    "direction": "to_sales",
    "on": "insert",
}
BACK = {"bc": "currencyCode", "constant": "C0FFEE", "lookup": "CURRENCY", "direction": "to_bc"}
MAPPED = mappings(part(fields=[NAME, CURRENCY, BACK]), EURO).all[0]
NAMED = Reference("CURRENCY", Side.BC, "code", "EUR")


def test_it_is_looked_up_like_a_value_and_written_as_a_lookup() -> None:
    rules = rules_for(MAPPED, Direction.TO_SALES, When.ALWAYS, When.INSERT)
    assert references(rules, Direction.TO_SALES, {}) == {NAMED}
    assert translate(rules, Direction.TO_SALES, {}, {NAMED: {"id": "e"}}) == {"transactioncurrencyid": "e"}
    body = rows.body(MAPPED, Side.SALES, {"transactioncurrencyid": "e"}, {})
    assert body == {"transactioncurrencyid@odata.bind": "/transactioncurrencies(e)"}


def test_towards_business_central_it_is_the_id_of_the_sales_record() -> None:
    rules = rules_for(MAPPED, Direction.TO_BC, When.ALWAYS)
    named = Reference("CURRENCY", Side.SALES, "id", "C0FFEE")
    assert references(rules, Direction.TO_BC, {}) == {named}
    assert translate(rules, Direction.TO_BC, {}, {named: {"id": "x", "code": "EUR"}}) == {"currencyCode": "EUR"}


def test_a_record_that_is_not_coupled_is_waited_for() -> None:
    with pytest.raises(Untranslatable) as refusal:
        translate(rules_for(MAPPED, Direction.TO_SALES, When.INSERT), Direction.TO_SALES, {}, {})
    assert refusal.value.waits_for == NAMED


def test_it_cannot_be_written_after_the_creation() -> None:
    text = (DOCS / "examples" / "price-lists.yaml").read_text(encoding="utf-8")
    assert len(parse(text).all) == 5
    late = text.replace("direction: to_sales, on: insert}\n\n", "direction: to_sales, on: after_insert}\n\n")
    with pytest.raises(ConfigurationError, match="looked up is written with the creation"):
        parse(late)
