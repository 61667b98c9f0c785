"""Deletions among records that have more than one partner, or name others (business-central-sync 1.3, 3.7)."""

from typing import Any

import pytest

from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.made import BC_ID, bc_row, coupled, part
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
NAME = {"bc": "displayName", "sales": "name"}
VENDOR = part("VENDOR", bc={"table": "vendors"}, fields=[NAME])
PERSON = {"bc": "displayName", "sales": "lastname"}
COMPANY = {"bc": "companyNumber", "sales": "parentcustomerid", "lookup": "CUSTOMER", "blank_outside": True}
CONTACT = {"bc": {"table": "contacts"}, "sales": {"table": "contacts"}, "fields": [PERSON, COMPANY]}
CUSTOMER = part(sales={"table": "accounts", "filter": "customertypecode eq 3"})


async def test_an_account_that_is_a_vendors_partner_too_outlives_its_customer() -> None:
    river = River(part(on_delete="delete", only_coupled=False, fields=[NAME]), VENDOR)
    (end,) = await river.take(river.new(BC, displayName="Adatum"))
    vendor = bc_row(displayName="Adatum")
    river.memory.couple(coupled(river.mappings["VENDOR"], vendor, river.sales.row(river.mapping.sales, end.change.key)))
    river.bc.remove(river.mapping.bc, end.change.key)
    (end,) = await river.take(river.change(BC, end.change.key))
    assert (end.outcome, end.problem and end.problem.code) == (Outcome.FAILED, "deleted-but-shared")
    assert end.problem is not None
    assert "VENDOR" in end.problem.message
    assert [row["accountid"] for row in river.rows(SALES)] == [end.partner]
    assert (len(river.memory.kept), (BC_ID in str(river.memory.kept))) == (2, True)


async def test_an_account_that_another_mapping_could_have_coupled_goes_with_its_customer() -> None:
    river = River(part(on_delete="delete", only_coupled=False, fields=[NAME]), VENDOR)
    (end,) = await river.take(river.new(BC, displayName="Adatum"))
    river.bc.remove(river.mapping.bc, end.change.key)
    (end,) = await river.take(river.change(BC, end.change.key))
    assert (end.outcome, river.rows(SALES)) == (Outcome.DELETED, [])


def people(**settings: Any) -> River:
    contact = {**CONTACT, "on_delete": "restore", "only_coupled": False, **settings}
    return River(part("CONTACTS", **contact), CUSTOMER)


async def test_a_contact_of_an_account_that_is_no_customer_is_restored_without_company() -> None:
    river = people()
    account = river.sales.put(river.mappings["CUSTOMER"].sales, name="Wingtip", customertypecode=11)
    (made,) = await river.take(river.new(SALES, lastname="Ray", _parentcustomerid_value=account))
    assert made.partner is not None
    river.bc.remove(river.mapping.bc, made.partner)
    (end,) = await river.take(river.change(BC, made.partner))
    assert (end.outcome, end.problem) == (Outcome.INSERTED, None)
    assert [(row["displayName"], row["companyNumber"]) for row in river.rows(BC)] == [("Ray", "")]


@pytest.mark.parametrize("blank", ["blank_outside", "clear_on_failure"])
async def test_a_restored_record_still_owes_what_it_was_restored_without(blank: str) -> None:
    river = people(fields=[PERSON, {**COMPANY, "blank_outside": False, blank: True}])
    account = river.sales.put(river.mappings["CUSTOMER"].sales, name="Wingtip", customertypecode=11)
    (made,) = await river.take(river.new(SALES, lastname="Ray", _parentcustomerid_value=account))
    assert made.partner is not None
    river.bc.remove(river.mapping.bc, made.partner)
    (end,) = await river.take(river.change(BC, made.partner))
    assert [one.value for one in end.owed] == [account]
    assert end.coupling is not None
    assert "parentcustomerid" not in end.coupling.sales.base
