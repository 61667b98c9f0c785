"""A field cleared for want of a coupling is filled in once there is one (business-central-sync 2.2, row 94)."""

from typing import Any

import pytest

from schemas.coupling import Reference
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.made import bc_row, coupled, part, sales_row
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
PRIMARY = {"bc": "primaryContactNumber", "sales": "primarycontactid", "lookup": "CONTACTS", "clear_on_failure": True}
NAME = {"bc": "displayName", "sales": "name"}
CONTACTS = part(
    "CONTACTS",
    bc={"table": "contacts"},
    sales={"table": "contacts"},
    fields=[{"bc": "displayName", "sales": "lastname"}],
)
HELEN = "00000002-0000-4000-8000-00000000cafe"
OWED = Reference("CONTACTS", BC, "number", "CT1")


def world(**primary: Any) -> River:
    return River(part(fields=[NAME, {**PRIMARY, **primary}], only_coupled=False, on_update_conflict="merge"), CONTACTS)


def couple_helen(river: River) -> None:
    number = {**bc_row(displayName="Helen"), "number": "CT1"}
    contact = {**sales_row(), "contactid": HELEN, "lastname": "Helen"}
    river.memory.couple(coupled(river.mappings["CONTACTS"], number, contact))


async def test_an_account_goes_through_without_its_primary_contact_and_owes_it() -> None:
    river = world()
    (end,) = await river.take(river.new(BC, displayName="Adatum", primaryContactNumber="CT1"))
    assert (end.outcome, end.owed) == (Outcome.INSERTED, (OWED,))
    assert end.coupling is not None
    assert "primaryContactNumber" not in end.coupling.bc.base
    assert end.coupling.bc.base["displayName"] == "Adatum"


async def test_carried_again_it_gets_the_contact_and_owes_nothing() -> None:
    river = world()
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    await river.take(account)
    couple_helen(river)
    (end,) = await river.take(river.change(BC, account.key))
    assert (end.outcome, end.owed) == (Outcome.MODIFIED, ())
    assert [row["_primarycontactid_value"] for row in river.rows(SALES)] == [HELEN]
    (end,) = await river.take(river.change(BC, account.key))
    assert end.outcome is Outcome.UNCHANGED


async def test_as_long_as_the_contact_is_not_coupled_nothing_is_written_or_read() -> None:
    river = world()
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    await river.take(account)
    (end,) = await river.take(river.change(BC, account.key))
    assert (end.outcome, end.owed) == (Outcome.UNCHANGED, (OWED,))
    assert (len(river.sales.writes), river.sales.reads) == (1, 0)


async def test_the_echo_of_the_blank_does_not_clear_the_field_it_came_from() -> None:
    river = world()
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    await river.take(account)
    (end,) = await river.take(river.change(SALES, account.key))
    assert end.outcome is Outcome.UNCHANGED
    assert [row["primaryContactNumber"] for row in river.rows(BC)] == ["CT1"]


async def test_a_value_that_is_taken_away_is_owed_no_more() -> None:
    river = world()
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    await river.take(account)
    (end,) = await river.take(river.edited(BC, account.key, primaryContactNumber=""))
    assert (end.outcome, end.owed) == (Outcome.UNCHANGED, ())


async def test_a_partner_that_has_the_field_is_owed_nothing() -> None:
    """The contact was uncoupled after both sides had agreed: what is there stays, as nobody edited it."""
    river = world()
    couple_helen(river)
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    await river.take(account)
    del river.memory.kept["CONTACTS", next(bc for name, bc in river.memory.kept if name == "CONTACTS")]
    (end,) = await river.take(river.edited(BC, account.key, displayName="Adatum Ltd"))
    assert (end.outcome, end.owed) == (Outcome.MODIFIED, ())
    assert [row["_primarycontactid_value"] for row in river.rows(SALES)] == [HELEN]


@pytest.mark.parametrize("kind", [11, 3])
async def test_a_contact_outside_gets_its_company_when_the_account_becomes_a_customer(kind: int) -> None:
    company = {"bc": "companyNumber", "sales": "parentcustomerid", "lookup": "CUSTOMER", "blank_outside": True}
    fields = [{"bc": "displayName", "sales": "lastname"}, company]
    customers = part(sales={"table": "accounts", "filter": "customertypecode eq 3"})
    river = River({**CONTACTS, "fields": fields, "only_coupled": False}, customers)
    parent = river.sales.put(river.mappings["CUSTOMER"].sales, name="Adatum", customertypecode=kind)
    contact = river.new(SALES, lastname="Ray", _parentcustomerid_value=parent)
    (end,) = await river.take(contact)
    if kind == 3:
        assert (end.outcome, end.owed) == (Outcome.FAILED, ())
        return
    assert (end.outcome, end.owed) == (Outcome.INSERTED, (Reference("CUSTOMER", SALES, "id", parent),))
    there = {**bc_row(displayName="Adatum"), "number": "C1"}
    river.memory.couple(coupled(river.mappings["CUSTOMER"], there, sales_row(parent)))
    (end,) = await river.take(river.change(SALES, contact.key))
    assert (end.outcome, end.owed) == (Outcome.MODIFIED, ())
    assert [row["companyNumber"] for row in river.rows(BC)] == ["C1"]


@pytest.mark.parametrize("policy", ["fail", "merge"])
async def test_what_is_owed_is_no_edit_that_an_edit_of_the_other_side_could_conflict_with(policy: str) -> None:
    city = {"bc": "city", "sales": "address1_city"}
    river = River(part(fields=[NAME, city, PRIMARY], only_coupled=False, on_update_conflict=policy), CONTACTS)
    account = river.new(BC, displayName="Adatum", city="Graz", primaryContactNumber="CT1")
    await river.take(account)
    river.bc.edit(river.table(BC), account.key, taxAreaId="of no interest")  # so the known version is stale
    (end,) = await river.take(river.edited(SALES, account.key, address1_city="Wien"))
    assert end.outcome is Outcome.MODIFIED
    assert [(row["city"], row["primaryContactNumber"]) for row in river.rows(BC)] == [("Wien", "CT1")]
    couple_helen(river)
    (end,) = await river.take(river.change(BC, account.key))
    assert end.outcome is Outcome.MODIFIED
    assert [row["_primarycontactid_value"] for row in river.rows(SALES)] == [HELEN]


async def test_two_that_name_different_contacts_are_still_in_conflict() -> None:
    river = world()
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT2")
    await river.take(account)
    couple_helen(river)
    river.bc.edit(river.table(BC), account.key, taxAreaId="of no interest")
    (end,) = await river.take(river.edited(SALES, account.key, _primarycontactid_value=HELEN))
    assert end.outcome is Outcome.CONFLICT
    assert [row["primaryContactNumber"] for row in river.rows(BC)] == ["CT2"]


async def test_what_a_coupled_record_lacks_is_told_apart_from_a_record_that_is_not_coupled() -> None:
    river = world()
    number = {**bc_row(displayName="Helen"), "number": "CT1"}
    contact = coupled(river.mappings["CONTACTS"], number, {**sales_row(), "contactid": HELEN})
    lacking = {**PRIMARY, "to": "uom"}
    river = River(part(fields=[NAME, lacking], only_coupled=False), CONTACTS)
    river.memory.couple(contact)
    (end,) = await river.take(river.new(BC, displayName="Adatum", primaryContactNumber="CT1"))
    assert (end.outcome, end.owed, end.lacking) == (Outcome.INSERTED, (), (OWED,))


async def test_a_field_of_new_records_that_was_left_blank_is_filled_in_too_and_only_once() -> None:
    river = world(on="insert", direction="to_sales")
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    (end,) = await river.take(account)
    assert (end.outcome, end.owed) == (Outcome.INSERTED, (OWED,))
    (end,) = await river.take(river.edited(BC, account.key, displayName="Adatum AG"))
    assert (end.outcome, end.owed) == (Outcome.MODIFIED, (OWED,))
    couple_helen(river)
    (end,) = await river.take(river.change(BC, account.key))
    assert (end.outcome, end.owed) == (Outcome.MODIFIED, ())
    assert [row["_primarycontactid_value"] for row in river.rows(SALES)] == [HELEN]
    (end,) = await river.take(river.edited(BC, account.key, primaryContactNumber=""))
    assert end.outcome is Outcome.UNCHANGED


async def test_a_field_of_new_records_is_still_owed_when_its_record_is_read_again_as_it_was() -> None:
    river = world(on="insert", direction="to_sales")
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    await river.take(account)
    (end,) = await river.take(river.change(BC, account.key, job=7))
    assert (end.outcome, end.owed) == (Outcome.UNCHANGED, (OWED,))


async def test_a_field_of_new_records_is_not_filled_in_where_the_partner_was_there_before() -> None:
    match = {"match_on": [[NAME]], "couple_existing": True}
    primary = {**PRIMARY, "on": "insert", "direction": "to_sales"}
    river = River(part(fields=[NAME, primary], only_coupled=False, **match), CONTACTS)
    river.new(SALES, name="Adatum", _primarycontactid_value=None)
    account = river.new(BC, displayName="Adatum", primaryContactNumber="CT1")
    (end,) = await river.take(account)
    assert (end.outcome, end.owed) == (Outcome.COUPLED, ())
    couple_helen(river)
    (end,) = await river.take(river.change(BC, account.key))
    assert (end.outcome, end.owed, river.sales.writes) == (Outcome.UNCHANGED, (), [])
