"""The transformation `lookup`: a field of the record that a value names (the original's Field Lookup)."""

from typing import Any

import pytest

from consumers.translate import Untranslatable, references, rules_for, translate
from schemas.coupling import Lookups, Reference
from schemas.errors import ConfigurationError
from schemas.field_mapping import When
from schemas.mapping import TableMapping
from schemas.mapping_file import parse
from schemas.outcome import Outcome
from schemas.side import Direction, Side
from tests.support.made import NAME, bc_row, coupled, mappings, part, sales_row
from tests.support.river import River

PEOPLE = part(
    "SALESPEOPLE",
    bc={"table": "salespeoplePurchasers"},
    sales={"table": "systemusers"},
    fields=[{"bc": "displayName", "sales": "fullname"}],
)
STEP = {"lookup": {"mapping": "SALESPEOPLE", "field": "displayName"}}
NAMED = {"bc": "salespersonCode", "sales": "description", "direction": "to_sales", "transform": ["trim", STEP, "upper"]}
BACK = {
    "bc": "website",
    "sales": "_ownerid_value",
    "direction": "to_bc",
    "transform": [{"lookup": {"mapping": "SALESPEOPLE", "field": "fullname"}}],
}
RAY = Reference("SALESPEOPLE", Side.BC, "code", "HR", "displayName")


def customer(*fields: dict[str, Any]) -> TableMapping:
    return mappings(part(fields=[NAME, *fields]), PEOPLE).all[0]


def carried(mapped: TableMapping, way: Direction, lookups: Lookups, **values: Any) -> dict[str, Any]:
    return translate(rules_for(mapped, way, When.ALWAYS), way, values, lookups)


def test_what_the_chain_looks_up_is_collected_after_the_steps_before_it() -> None:
    rules = rules_for(customer(NAMED), Direction.TO_SALES, When.ALWAYS)
    assert references(rules, Direction.TO_SALES, {"displayName": "A", "salespersonCode": " hr "}) == {RAY}
    assert references(rules, Direction.TO_SALES, {"displayName": "A", "salespersonCode": None}) == set()
    assert references(rules, Direction.TO_SALES, {"displayName": "A"}) == set()


def test_the_field_of_the_named_record_goes_on_through_the_chain() -> None:
    found = carried(customer(NAMED), Direction.TO_SALES, {RAY: {"displayName": "Helen"}}, salespersonCode="HR")
    assert found == {"description": "HELEN"}


def test_sales_names_the_record_by_its_id() -> None:
    key = "00000001-0000-4000-8000-0000000000cc"
    user = Reference("SALESPEOPLE", Side.SALES, "id", key, "fullname")
    found = carried(customer(BACK), Direction.TO_BC, {user: {"fullname": "Helen"}}, _ownerid_value=key)
    assert found == {"website": "Helen"}


@pytest.mark.parametrize(("lookups", "code"), [({}, "not-coupled"), ({RAY: {}}, "no-reference")])
def test_a_record_that_is_not_coupled_is_waited_for(lookups: Lookups, code: str) -> None:
    with pytest.raises(Untranslatable) as refusal:
        carried(customer(NAMED), Direction.TO_SALES, lookups, salespersonCode="HR")
    assert refusal.value.problem.code == code
    assert refusal.value.waits_for == Reference("SALESPEOPLE", Side.BC, "code", "HR")
    cleared = customer({**NAMED, "clear_on_failure": True})
    assert carried(cleared, Direction.TO_SALES, lookups, salespersonCode="HR") == {"description": None}


def test_a_blank_field_of_the_named_record_is_a_blank() -> None:
    found = carried(customer(NAMED), Direction.TO_SALES, {RAY: {"displayName": None}}, salespersonCode="HR")
    assert found == {"description": None}


async def test_a_batch_looks_up_what_both_sides_last_agreed_on() -> None:
    river = River(part(fields=[NAME, NAMED], only_coupled=False), PEOPLE)
    people = river.mappings["SALESPEOPLE"]
    waiting = river.new(Side.BC, displayName="Adatum", salespersonCode="HR")
    (end,) = await river.take(waiting)
    assert (end.outcome, end.waits_for) == (Outcome.FAILED, Reference("SALESPEOPLE", Side.BC, "code", "HR"))
    row = {**bc_row(displayName="Helen Ray"), "code": "HR"}
    river.memory.couple(coupled(people, row, {**sales_row(), "systemuserid": "u", "fullname": "Helen Ray"}))
    (end,) = await river.take(river.change(Side.BC, waiting.key))
    assert end.outcome is Outcome.INSERTED
    assert [row["description"] for row in river.rows(Side.SALES)] == ["HELEN RAY"]


def test_a_chain_runs_in_its_direction_only() -> None:
    prefix = {"bc": "city", "sales": "address1_city", "transform": ["upper"], "transform_direction": "to_bc"}
    both = customer(prefix)
    assert carried(both, Direction.TO_SALES, {}, city="Graz") == {"address1_city": "Graz"}
    assert carried(both, Direction.TO_BC, {}, address1_city="Graz") == {"city": "GRAZ"}
    ever = customer({**prefix, "transform_direction": None})
    assert carried(ever, Direction.TO_SALES, {}, city="Graz") == {"address1_city": "GRAZ"}


FILE = """\
mappings:
  - name: CURRENCY
    bc: {table: currencies}
    sales: {table: transactioncurrencies}
    fields: [{bc: displayName, sales: currencyname}]
  - name: CUSTOMER
    bc: {table: customers}
    sales: {table: accounts}
    fields:
      - {bc: displayName, sales: name}
      - {bc: currencyCode, sales: description, %s}
"""
LOOK = "{lookup: {mapping: CURRENCY, field: displayName}}"


@pytest.mark.parametrize(
    ("settings", "place", "reason"),
    [
        (f"transform: [{LOOK}]", "transform.0", "one way only"),
        (f"direction: to_bc, transform: [{LOOK}]", "transform.0", "CURRENCY has no Sales field 'displayName'"),
        ("direction: to_sales, transform: [{lookup: {mapping: X, field: a}}]", "transform.0", "no mapping 'X'"),
        ("direction: to_sales, transform: [{lookup: CURRENCY}]", "transform.0", "it takes a table"),
        ("direction: to_sales, transform: [lookup]", "transform.0", "it takes a table"),
        (f"direction: to_sales, transform: [{LOOK}, {LOOK}]", "transform", "one lookup step"),
        ("direction: to_sales, lookup: CURRENCY, transform: [trim]", "transform", "no effect"),
        ("transform_direction: to_sales", "transform_direction", "needs a `transform`"),
        (
            "direction: to_bc, transform: [trim], transform_direction: to_sales",
            "transform_direction",
            "travels this way",
        ),
        ("transform: [trim], transform_direction: up", "transform_direction", "to_sales"),
    ],
)
def test_a_chain_that_cannot_work_is_refused_where_it_stands(settings: str, place: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse(FILE % settings, "my.yaml")
    message = refusal.value.problem.message
    assert message.startswith(f"my.yaml, line 11, mappings.1.fields.1.{place}")
    assert reason in message


@pytest.mark.parametrize("way", ["direction: to_sales, ", "transform_direction: to_sales, "])
def test_a_chain_with_one_direction_is_accepted(way: str) -> None:
    assert parse(FILE % f"{way}transform: [{LOOK}]")
