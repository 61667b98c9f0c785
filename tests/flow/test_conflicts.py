"""Both sides edit one record before either edit is seen (the standard mappings say `merge`)."""

from __future__ import annotations

from tests.support.waiting import wait_until
from tests.support.world import World


def test_edits_of_different_fields_both_survive(synced: World) -> None:
    bc, sales, _ = synced.pair(3, "customers", "accounts")
    synced.quiet()
    with synced.bc.unseen("customers"), synced.sales.unseen("accounts"):
        synced.bc.edit(bc, addressLine1="moved, says BC")
        synced.sales.edit(sales, telephone1="+49 2")
    synced.shows(synced.sales, sales, address1_line1="moved, says BC", telephone1="+49 2")
    synced.shows(synced.bc, bc, addressLine1="moved, says BC", phoneNumber="+49 2")
    synced.quiet()
    assert synced.differences() == []


def test_edits_made_alike_on_both_sides_are_no_conflict(synced: World) -> None:
    bc, sales, _ = synced.pair(3, "customers", "accounts")
    synced.quiet()
    with synced.bc.unseen("customers"), synced.sales.unseen("accounts"):
        synced.bc.edit(bc, city="Ulm")
        synced.sales.edit(sales, address1_city="Ulm")
    synced.polled(synced.marks())
    synced.quiet()
    assert synced.cli("errors", "--all") == []
    assert synced.differences() == []


def test_edits_of_the_same_field_are_reported_and_overwrite_nothing(synced: World) -> None:
    bc, sales, row = synced.pair(4, "customers", "accounts")
    synced.quiet()
    with synced.bc.unseen("customers"), synced.sales.unseen("accounts"):
        synced.bc.edit(bc, city="Aachen")
        synced.sales.edit(sales, address1_city="Zwickau")
    errors = wait_until(lambda: synced.cli("errors", "--all"), 30, "the conflict")
    synced.quiet()
    assert synced.bc.get(bc)["city"] == "Aachen"
    assert synced.sales.get(sales)["address1_city"] == "Zwickau"
    errors = synced.cli("errors", "--all")
    assert {(one["mapping"], one["code"], one["bc_id"]) for one in errors} == {
        ("CUSTOMER", "update-conflict", row["id"])
    }
    assert all("Aachen" in one["message"] and "Zwickau" in one["message"] for one in errors)
    assert len(errors) == 1, errors


def test_a_conflict_is_over_when_somebody_makes_both_equal(synced: World) -> None:
    bc, sales, _ = synced.pair(4, "customers", "accounts")
    synced.sales.edit(sales, address1_city="Aachen")
    wait_until(lambda: synced.cli("errors", "--all") == [], 10, "the end of the conflict")
    synced.bc.edit(bc, city="Bonn")
    synced.shows(synced.sales, sales, address1_city="Bonn")
    assert synced.differences() == []
