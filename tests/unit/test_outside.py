"""A contact of an account that is no customer has no company; one of a customer waits (business-central-sync 1.3)."""

from typing import Any

import pytest

from schemas.errors import ApiError, ConfigurationError
from schemas.mapping_file import parse
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.fakes import BUSY
from tests.support.made import bc_row, coupled, part, sales_row
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
COMPANY = {
    "bc": "companyNumber",
    "sales": "parentcustomerid",
    "lookup": "CUSTOMER",
    "blank_outside": True,
}
CONTACTS = part(
    "CONTACTS",
    bc={"table": "contacts"},
    sales={"table": "contacts"},
    fields=[{"bc": "displayName", "sales": "lastname"}, COMPANY],
    only_coupled=False,
)
CUSTOMER = part(sales={"table": "accounts", "filter": "customertypecode eq 3"})


def world(**settings: Any) -> River:
    return River({**CONTACTS, **settings}, CUSTOMER)


def account(river: River, kind: int) -> str:
    return river.sales.put(river.mappings["CUSTOMER"].sales, name="Adatum", customertypecode=kind)


async def test_a_contact_of_an_account_that_is_no_customer_is_created_without_company() -> None:
    river = world()
    contact = river.new(SALES, lastname="Ray", _parentcustomerid_value=account(river, 11))
    (end,) = await river.take(contact)
    assert end.outcome is Outcome.INSERTED
    assert [(row["displayName"], row["companyNumber"]) for row in river.rows(BC)] == [("Ray", "")]


async def test_a_contact_of_a_customer_that_is_not_coupled_yet_waits_and_is_not_created() -> None:
    river = world()
    parent = account(river, 3)
    (end,) = await river.take(river.new(SALES, lastname="Ray", _parentcustomerid_value=parent))
    assert (end.outcome, end.waits_for and end.waits_for.value) == (Outcome.FAILED, parent)
    assert end.problem is not None
    assert end.problem.code == "not-coupled"
    assert river.rows(BC) == []


async def test_a_contact_of_an_account_that_is_gone_waits_too() -> None:
    river = world()
    (end,) = await river.take(river.new(SALES, lastname="Ray", _parentcustomerid_value="somewhere"))
    assert end.waits_for is not None


async def test_without_the_setting_nothing_is_read_and_the_record_waits() -> None:
    river = world(fields=[{"bc": "displayName", "sales": "lastname"}, {**COMPANY, "blank_outside": False}])
    (end,) = await river.take(river.new(SALES, lastname="Ray", _parentcustomerid_value=account(river, 11)))
    assert end.waits_for is not None
    assert river.sales.reads == 0


async def test_a_batch_is_read_at_once_and_only_for_what_is_not_coupled() -> None:
    river = world()
    customers = river.mappings["CUSTOMER"]
    partner = river.bc.put(customers.bc, number="C1", displayName="Adatum")
    known = account(river, 3)
    there, here = bc_row(partner, number="C1"), sales_row(known)
    river.memory.couple(coupled(customers, there, here))
    known_contact = river.new(SALES, lastname="Ray", _parentcustomerid_value=known)
    await river.take(known_contact)
    assert river.sales.reads == 0
    contacts = [river.new(SALES, lastname="Lee", _parentcustomerid_value=account(river, kind)) for kind in (11, 12, 3)]
    ends = await river.take(*contacts)
    assert [end.outcome for end in ends].count(Outcome.FAILED) == 1
    assert river.sales.reads == 1
    assert {row["companyNumber"] for row in river.rows(BC)} == {"C1", ""}


async def test_an_edit_of_a_contact_without_company_reads_nothing() -> None:
    river = world()
    contact = river.new(SALES, lastname="Ray", _parentcustomerid_value=account(river, 11))
    await river.take(contact)
    reads = river.sales.reads
    (end,) = await river.take(river.edited(SALES, contact.key, lastname="Lee"))
    assert (end.outcome, river.sales.reads) == (Outcome.MODIFIED, reads)


async def test_business_central_is_asked_by_the_key() -> None:
    river = River({**CONTACTS}, part(bc={"table": "customers", "filter": "blocked eq 'no'"}))
    for number, blocked in (("C1", "yes"), ("C2", "no")):
        river.bc.put(river.mappings["CUSTOMER"].bc, number=number, blocked=blocked)
    ends = await river.take(*(river.new(BC, displayName=n, companyNumber=n) for n in ("C1", "C2")))
    assert sorted(end.outcome for end in ends) == [Outcome.FAILED, Outcome.INSERTED]
    assert river.bc.reads == 1


BEARERS = {"child": "information", "field": "number", "of": "contacts", "never": "relation eq 'None'"}


def people() -> River:
    """Persons name their company by its contact, and take no part while that is no customer's."""
    company = {**COMPANY, "by": "contact", "ignore_outside": "to_sales"}
    fields = [{"bc": "displayName", "sales": "lastname"}, company]
    river = River({**CONTACTS, "fields": fields}, part(bc={"table": "customers", "references": {"contact": BEARERS}}))
    for number, relation in (("CT1", "None"), ("CT2", "Customer"), ("CT3", "None")):
        river.bc.put(river.mappings["CONTACTS"].bc, number=number, relation=relation)
    return river


async def test_a_person_whose_company_is_no_customer_takes_no_part_and_is_remembered_for_when_it_is() -> None:
    river = people()
    persons = [river.new(BC, displayName=number, companyNumber=number) for number in ("CT1", "CT2", "CT3", "CT4")]
    ends = {end.change.key: end for end in await river.take(*persons)}
    ends = {str(one.after and one.after["displayName"]): ends[one.key] for one in persons}
    assert [ends[number].outcome for number in ("CT1", "CT3")] == [Outcome.IGNORED, Outcome.IGNORED]
    assert [one.value for one in ends["CT1"].owed] == ["CT1"]
    # One is a customer's and not coupled yet, the other is not to be found: they wait.
    assert [bool(ends[number].waits_for) for number in ("CT2", "CT4")] == [True, True]
    assert river.rows(SALES) == []
    assert river.bc.reads == 1


async def test_a_side_that_is_away_is_waited_for() -> None:
    river = world()
    contact = river.new(SALES, lastname="Ray", _parentcustomerid_value=account(river, 11))
    river.sales.read_faults.append(BUSY)
    with pytest.raises(ApiError):
        await river.take(contact)
    assert river.memory.settled == []


async def test_where_we_may_not_look_the_record_waits() -> None:
    river = world()
    contact = river.new(SALES, lastname="Ray", _parentcustomerid_value=account(river, 11))
    river.sales.read_faults.append(ApiError(403, "0x80040220", "no privilege"))
    (end,) = await river.take(contact)
    assert end.waits_for is not None


def test_it_is_for_lookups_only() -> None:
    text = (
        "mappings:\n  - name: A\n    bc: {table: customers}\n    sales: {table: accounts}\n"
        "    fields: [{bc: displayName, sales: name, blank_outside: true}]\n"
    )
    with pytest.raises(ConfigurationError, match=r"line 5, mappings.0.fields.0.blank_outside .* needs a `lookup`"):
        parse(text)
