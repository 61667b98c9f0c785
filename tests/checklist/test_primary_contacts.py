"""A customer and its people, row 94: the company through its customer, the primary contact once it is coupled.

By docs/examples/primary-contacts.yaml, which reads customers from a custom API page (business-central-sync 1.3, 1.4).
"""

from __future__ import annotations

import pytest

from schemas.mapping_file import parse, standard_text
from tests.support.examples import DOCS
from tests.support.house import TO_BC, TO_SALES, account, customer
from tests.support.stage import Stage

EXAMPLE = DOCS / "examples" / "primary-contacts.yaml"
PEOPLE = ("CURRENCY", "SALESPEOPLE", "CUSTOMER", "CONTACTS")


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    """With the example's mappings."""
    await stage.configure(parse(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name))
    return stage


def company_of(stage: Stage, key: str) -> str:
    """The number of the contact that BC keeps for a customer's company."""
    return str(stage.bc.get(f"customers({key})?$expand=contactsInformation")["contactsInformation"][0]["contactNumber"])


def person(stage: Stage, key: str, name: str = "Ann Beebe") -> tuple[str, str]:
    """A person of this customer's company in Business Central; id and number."""
    made = stage.bc.create("contacts", displayName=name, type="Person", companyNumber=company_of(stage, key))
    return made["id"], made["number"]


def somebody(stage: Stage, parent: str, name: str = "Beebe") -> str:
    """A person of this account in Sales; the id."""
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({parent})"}
    return str(stage.sales.create("contacts", firstname="Ann", lastname=name, **bind)["contactid"])


def primary(stage: Stage, key: str) -> str:
    """The number of the customer's primary contact."""
    return str(stage.bc.get(f"{stage.customers}({key})")["primaryContactNumber"])


def choose(stage: Stage, key: str, number: str) -> None:
    stage.bc.edit(f"{stage.customers}({key})", primaryContactNumber=number)


def chosen(stage: Stage, key: str) -> str | None:
    """The id of the account's primary contact."""
    found: str | None = stage.sales.get(f"accounts({key})")["_primarycontactid_value"]
    return found


async def family(stage: Stage) -> tuple[str, str, str]:
    """A customer with a primary contact, both coupled: the id that customer and account have, the contact's, its
    number."""
    key = customer(stage)
    ann, number = person(stage, key)
    choose(stage, key, number)
    await stage.full_sync(*PEOPLE)
    await stage.live()
    assert chosen(stage, key) == ann
    return key, ann, number


async def test_row_094_a_primary_contact_that_is_not_coupled_is_left_blank_and_repaired_once_it_is(
    stage: Stage,
) -> None:
    key = customer(stage)
    ann, number = person(stage, key)
    choose(stage, key, number)
    done = await stage.full_sync("CURRENCY", "SALESPEOPLE", "CUSTOMER")
    assert done["CUSTOMER", TO_SALES] == {"inserted": 1}
    assert (chosen(stage, key), await stage.errors()) == (None, [])

    assert (await stage.full_sync("CONTACTS"))["CONTACTS", TO_SALES]["inserted"] == 1
    await stage.live()
    assert stage.sales.get(f"contacts({ann})")["_parentcustomerid_value"] == key
    assert chosen(stage, key) == ann
    assert primary(stage, key) == number
    assert await stage.errors() == []


async def test_row_094_what_is_left_blank_in_sales_does_not_come_back_as_a_blank(stage: Stage) -> None:
    key = customer(stage)
    _, number = person(stage, key)
    choose(stage, key, number)
    await stage.full_sync("CURRENCY", "SALESPEOPLE", "CUSTOMER")
    await stage.live()
    stage.sales.edit(f"accounts({key})", address1_city="Ulm")
    await stage.live()
    assert stage.bc.get(f"customers({key})")["city"] == "Ulm"
    assert primary(stage, key) == number


async def test_row_094_an_account_and_its_primary_contact_become_customer_and_contact(stage: Stage) -> None:
    there = account(stage, "Fabrikam")
    ann = somebody(stage, there)
    stage.sales.edit(f"accounts({there})", **{"primarycontactid@odata.bind": f"/contacts({ann})"})
    done = await stage.full_sync(*PEOPLE)
    assert (done["CUSTOMER", TO_BC], done["CONTACTS", TO_BC]) == ({"inserted": 1}, {"inserted": 1})
    await stage.live()
    [made] = stage.bc.rows("customers")
    [found] = [row for row in stage.bc.rows("contacts") if row["type"] == "Person"]
    assert found["companyNumber"] == company_of(stage, made["id"])
    assert primary(stage, made["id"]) == found["number"]
    assert chosen(stage, there) == ann
    assert await stage.errors() == []


async def test_row_094_another_primary_contact_travels_from_either_side(stage: Stage) -> None:
    key, ann, number = await family(stage)
    bob, other = person(stage, key, "Bob Crane")
    await stage.full_sync("CONTACTS")
    choose(stage, key, other)
    await stage.live()
    assert chosen(stage, key) == bob
    stage.sales.edit(f"accounts({key})", **{"primarycontactid@odata.bind": f"/contacts({ann})"})
    await stage.live()
    assert primary(stage, key) == number
    choose(stage, key, "")
    await stage.live()
    assert chosen(stage, key) is None
    marks = stage.bc.mark(), stage.sales.mark()
    await stage.full_sync(*PEOPLE)
    assert stage.bc.writes(marks[0]) + stage.sales.writes(marks[1]) == []


async def test_row_094_a_new_primary_contact_from_sales_is_not_coupled_yet_when_it_is_chosen(stage: Stage) -> None:
    key, _, number = await family(stage)
    bob = somebody(stage, key, "Crane")
    stage.sales.edit(f"accounts({key})", address1_city="Ulm", **{"primarycontactid@odata.bind": f"/contacts({bob})"})
    await stage.live()
    assert stage.bc.get(f"customers({key})")["city"] == "Ulm"
    assert await stage.errors() == []
    await stage.full_sync("CONTACTS")
    await stage.live()
    [found] = [row for row in stage.bc.rows("contacts") if row["displayName"] == "Ann Crane"]
    assert primary(stage, key) == found["number"] != number
    assert chosen(stage, key) == bob


async def test_who_comes_from_the_standard_file_keeps_every_coupling(stage: Stage) -> None:
    """The page shows the same records: a full synchronisation brings their primary contacts, and creates nothing."""
    await stage.configure()
    await stage.live()
    key = customer(stage)
    ann, number = person(stage, key)
    choose(stage, key, number)
    await stage.full_sync(*PEOPLE)
    await stage.live()
    coupled = await stage.couplings("CUSTOMER")
    assert chosen(stage, key) is None
    await stage.configure(parse(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name))
    done = await stage.full_sync(*PEOPLE)
    await stage.live()
    assert done["CUSTOMER", TO_SALES] == {"modified": 1}
    assert await stage.couplings("CUSTOMER") == coupled
    assert chosen(stage, key) == ann
    stage.bc.edit(f"{stage.customers}({key})", city="Ulm")
    await stage.live()
    assert stage.sales.get(f"accounts({key})")["address1_city"] == "Ulm"


def test_the_example_is_the_standard_file_but_for_the_primary_contact() -> None:
    """Whoever starts from it loses nothing that the standard mappings do."""
    standard = parse(standard_text(), "standard")
    example = parse(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name)
    for mine in example.all:
        theirs = standard[mine.name]
        added = {rule.name for rule in mine.fields} - {rule.name for rule in theirs.fields}
        assert added == ({"primaryContactNumber ↔ primarycontactid"} if mine.name == "CUSTOMER" else set())
        assert [rule for rule in mine.fields if rule.name not in added] == list(theirs.fields)
        assert (mine.sales, mine.match_on) == (theirs.sales, theirs.match_on)
        assert (mine.bc.filter, mine.bc.references) == (theirs.bc.filter, theirs.bc.references)
