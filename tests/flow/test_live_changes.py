"""Live changes both ways: they arrive, they cost what they must, and then there is silence."""

from __future__ import annotations

import pytest

from tests.support.waiting import wait_until
from tests.support.world import World

# BC entity set, field, Sales entity set, column.
FIELDS = [
    pytest.param("customers", "addressLine1", "accounts", "address1_line1", id="customer"),
    pytest.param("contacts", "jobTitle", "contacts", "jobtitle", id="contact"),
    pytest.param("items", "displayName", "products", "name", id="product"),
]


@pytest.mark.parametrize(("bc_set", "field", "sales_set", "column"), FIELDS)
def test_an_edit_arrives_on_the_other_side(synced: World, bc_set: str, field: str, sales_set: str, column: str) -> None:
    bc, sales, _ = synced.pair(0, bc_set, sales_set)
    synced.bc.edit(bc, **{field: "Edited in BC, Größe ½"})
    synced.shows(synced.sales, sales, **{column: "Edited in BC, Größe ½"})
    synced.sales.edit(sales, **{column: "Edited in Sales"})
    synced.shows(synced.bc, bc, **{field: "Edited in Sales"})


def test_a_blanked_field_is_blank_on_the_other_side(synced: World) -> None:
    bc, sales, _ = synced.pair(0, "customers", "accounts")
    synced.bc.edit(bc, addressLine2="2nd floor")
    synced.shows(synced.sales, sales, address1_line2="2nd floor")
    synced.sales.edit(sales, address1_line2=None)
    synced.shows(synced.bc, bc, addressLine2="")


def test_nothing_is_written_as_long_as_nobody_edits(synced: World) -> None:
    marks = synced.quiet(polls=1)
    synced.polled(marks, polls=4)
    assert synced.bc.writes(marks[0]) == []
    assert synced.sales.writes(marks[1]) == []


def test_one_changed_field_in_bc_costs_sales_one_write_and_no_read(synced: World) -> None:
    bc, sales, _ = synced.pair(1, "customers", "accounts")
    marks = synced.quiet()
    synced.bc.edit(bc, city="Timbuktu")
    wait_until(lambda: synced.sales.writes(marks[1]), 20, "the write")
    synced.polled(synced.marks())
    assert [(one.method, one.table, one.status) for one in synced.sales.writes(marks[1])] == [
        ("PATCH", "accounts", 200)
    ]
    assert synced.sales.reads(marks[1]) == []
    assert len(synced.bc.writes(marks[0])) == 1  # ours
    synced.shows(synced.sales, sales, address1_city="Timbuktu")


def test_one_changed_field_in_sales_costs_bc_one_write_and_no_read(synced: World) -> None:
    bc, sales, _ = synced.pair(1, "customers", "accounts")
    marks = synced.quiet()
    synced.sales.edit(sales, telephone1="+49 1")
    wait_until(lambda: synced.bc.writes(marks[0]), 20, "the write")
    synced.polled(synced.marks())
    assert [(one.method, one.table, one.status) for one in synced.bc.writes(marks[0])] == [("PATCH", "customers", 200)]
    assert synced.bc.reads(marks[0]) == []
    assert len(synced.sales.writes(marks[1])) == 1
    synced.shows(synced.bc, bc, phoneNumber="+49 1")


def test_an_edit_of_a_field_nobody_mapped_costs_no_call(synced: World) -> None:
    bc, sales, _ = synced.pair(2, "customers", "accounts")
    marks = synced.quiet()
    synced.bc.edit(bc, taxRegistrationNumber="DE111111111")
    synced.sales.edit(sales, description="met at the fair")
    synced.polled(synced.marks(), polls=3)
    assert len(synced.bc.writes(marks[0])) == 1
    assert len(synced.sales.writes(marks[1])) == 1
    assert synced.bc.reads(marks[0]) == synced.sales.reads(marks[1]) == []


def test_both_systems_are_equal_after_all_that(synced: World) -> None:
    synced.quiet()
    assert synced.differences() == []
