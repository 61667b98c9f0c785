"""Insert templates: what a new record gets besides its mapped values (business-central-sync 2.1, rows 99 and 100)."""

from typing import Any

import pytest

from schemas import rows
from schemas.errors import ConfigurationError
from schemas.mapping_file import parse
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.creating import CITY, NAME, Bench
from tests.support.fakes import ANY, LOST
from tests.support.made import mapping

COUNTRY = {"bc": "country", "sales": "address1_country"}
CREDIT = {"bc": "creditLimit", "sales": "creditlimit"}
ABROAD = {"name": "ABROAD", "side": "bc", "priority": 2, "values": {"creditLimit": 0, "taxLiable": False}}
DOMESTIC = {
    "name": "DOMESTIC",
    "side": "bc",
    "priority": 1,
    "filter": "address1_country eq 'GB' and telephone1 ne null",
    "values": {"creditLimit": 1000, "taxLiable": True, "country": "uk", "city": ""},
}
ACCOUNT = {"name": "ACCOUNT", "side": "sales", "values": {"creditonhold": True}}
SETTINGS: dict[str, Any] = {
    "fields": [NAME, CITY, COUNTRY, CREDIT],
    "templates": [ABROAD, DOMESTIC, ACCOUNT],
}
BRITISH = {"name": "Adatum", "address1_country": "GB", "telephone1": "1", "address1_city": "York", "creditlimit": 5}


def bench(source: Side = Side.SALES, **settings: Any) -> Bench:
    return Bench(source, **{**SETTINGS, **settings})


async def test_the_lowest_priority_whose_filter_fits_overwrites_mapped_values() -> None:
    world = bench()
    (end,) = await world.push(world.new(**BRITISH))
    (made,) = world.partners
    assert end.outcome is Outcome.INSERTED
    assert (made["displayName"], made["creditLimit"], made["taxLiable"]) == ("Adatum", 1000, True)
    assert (made["country"], made["city"]) == ("UK", "")  # as BC stores it; a blank sets nothing


async def test_a_template_without_filter_fits_always() -> None:
    world = bench()
    await world.push(world.new(name="Litware", address1_country="DE", creditlimit=5))
    assert [(row["creditLimit"], row["taxLiable"]) for row in world.partners] == [(0, False)]


async def test_without_a_fitting_template_the_mapped_values_stand() -> None:
    world = bench(templates=[DOMESTIC, ACCOUNT])
    await world.push(world.new(name="Litware", address1_country="DE", creditlimit=5))
    assert [row["creditLimit"] for row in world.partners] == [5]
    assert "taxLiable" not in world.partners[0]


async def test_each_side_has_its_own_templates() -> None:
    world = bench(Side.BC)
    await world.push(world.new(displayName="Adatum", city="York"))
    assert [(row["name"], row["creditonhold"]) for row in world.partners] == [("Adatum", True)]


async def test_a_change_of_a_coupled_record_gets_none() -> None:
    world = bench()
    key = world.new(**BRITISH)
    await world.push(key)
    world.edit(key, telephone1="2", name="Adatum Ltd")
    await world.push(key)
    assert [write.fields for write in world.target.writes[1:]] == [{"displayName": "Adatum Ltd"}]


async def test_an_existing_record_is_coupled_without_template() -> None:
    match = {"couple_existing": True, "match_on": [[{"bc": "displayName", "sales": "name"}]]}
    world = bench(**match)
    world.existing(displayName="Adatum", city="York", country="GB", creditLimit=7)
    (end,) = await world.push(world.new(**BRITISH))
    assert end.outcome is Outcome.COUPLED
    assert [(row["creditLimit"], row["country"]) for row in world.partners] == [(5, "GB")]


async def test_what_a_template_set_on_a_customer_before_the_answer_was_lost_stays() -> None:
    world = bench(templates=[{"name": "CREDIT", "side": "bc", "values": {"creditLimit": 9}}])
    world.target.fail(ANY, LOST, applied=True)
    (end,) = await world.push(world.new(**BRITISH))
    assert end.coupling is not None
    assert [row["creditLimit"] for row in world.partners] == [9]


async def test_what_a_template_set_on_an_account_before_a_crash_stays_and_the_rest_is_brought_up_to_date() -> None:
    world = bench(Side.BC, templates=[{"name": "CREDIT", "side": "sales", "values": {"creditlimit": 9}}])
    key = world.new(displayName="Adatum", city="York", creditLimit=5)
    await world.carried_out(key)  # and then the process is killed: nothing recorded
    world.edit(key, city="Leeds")
    (end,) = await world.push(key)
    assert end.outcome is Outcome.COUPLED
    await world.push_again(end)
    assert [(row["creditlimit"], row["address1_city"]) for row in world.partners] == [(9, "Leeds")]


def test_what_filters_read_is_asked_for_on_the_source_side_only() -> None:
    mapped = mapping(**SETTINGS)
    assert "telephone1" in rows.select(Side.SALES, "accounts", [mapped])
    assert "phoneNumber" not in rows.select(Side.BC, "customers", [mapped])


def test_values_become_the_body_that_each_side_takes() -> None:
    mapped = mapping(**SETTINGS)
    bound = {"defaultpricelevelid@odata.bind": "/pricelevels(1)"}
    assert rows.body(mapped, Side.SALES, {"name": "A", **bound}, {}) == {"name": "A", **bound}
    assert rows.body(mapped, Side.BC, {"taxLiable": True}, {}) == {"taxLiable": True}


FILE = """\
mappings:
  - name: CUSTOMER
    bc: {table: customers}
    sales: {table: accounts}
    direction: to_sales
    fields: [{bc: displayName, sales: name}]
    templates:
      - {name: A, side: sales, values: {creditonhold: true}}
      - %s
"""


@pytest.mark.parametrize(
    ("second", "field", "reason"),
    [
        ("{name: A, side: sales, values: {creditonhold: true}}", "name", "two templates are named 'A'"),
        ("{name: B, side: bc, values: {creditLimit: 1}}", "side", "creates nothing in Business Central"),
        ("{name: B, side: crm, values: {creditLimit: 1}}", "side", "bc or sales"),
        ("{name: B, side: sales, filter: city is X, values: {a: 1}}", "filter", "not an OData filter"),
        ("{name: B, side: sales, values: {}}", "values", "may not be empty"),
    ],
)
def test_a_template_that_cannot_work_is_refused_where_it_stands(second: str, field: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse(FILE % second, "my.yaml")
    message = refusal.value.problem.message
    assert message.startswith(f"my.yaml, line 9, mappings.0.templates.1.{field}")
    assert reason in message
