"""What a record refers to, rows 86–95: salespeople, currencies, units, companies, and what a new record is given."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.mapping_file import parse
from tests.support.examples import DOCS
from tests.support.house import ANN, CUSTOMERS, TO_BC, TO_SALES, account, customer, names
from tests.support.stage import Stage
from tests.support.stage_mappings import field

PRICES = DOCS / "examples" / "price-lists.yaml"
UNITS = ("UNITOFMEASURE", "ITEM-PRODUCT")
PEOPLE = (*CUSTOMERS, "CONTACTS")


def item(stage: Stage, **fields: Any) -> str:
    made = {"number": "1000", "displayName": "Bicycle", "unitPrice": 400, "baseUnitOfMeasureCode": "PCS", **fields}
    return str(stage.bc.create("items", **made)["id"])


def company_of(stage: Stage, number: str) -> str:
    """The number of the contact that BC keeps for a customer's company."""
    [found] = [row for row in stage.bc.get("customers?$expand=contactsInformation")["value"] if row["id"] == number]
    return str(found["contactsInformation"][0]["contactNumber"])


async def test_row_086_a_customer_whose_salesperson_is_not_coupled_fails(stage: Stage) -> None:
    stage.bc.create("salespeoplePurchasers", code="JR", displayName="John Roberts")
    key = customer(stage, salespersonCode="JR")
    customer(stage, "Contoso")
    done = await stage.full_sync(*CUSTOMERS)
    assert done["CUSTOMER", TO_SALES] == {"inserted": 1, "failed": 1}
    assert names(stage)[1] == ["Contoso"]
    [error] = await stage.errors()
    assert (error.bc_id, error.problem.code) == (key, "not-coupled")
    assert "JR" in error.problem.message
    assert error.problem.hint


async def test_row_086_the_owner_is_the_user_coupled_to_the_salesperson(stage: Stage) -> None:
    await stage.full_sync("SALESPEOPLE")
    [person] = stage.bc.rows("salespeoplePurchasers")
    key = customer(stage, salespersonCode=person["code"])
    await stage.full_sync(*CUSTOMERS)
    assert stage.sales.get(f"accounts({key})")["_ownerid_value"] == ANN
    stage.bc.edit(f"customers({key})", salespersonCode="")
    await stage.live()
    assert stage.sales.get(f"accounts({key})")["_ownerid_value"] == ANN


async def test_row_087_a_currency_without_an_exchange_rate_fails(stage: Stage) -> None:
    stage.bc.create("currencies", code="DKK", displayName="Krone")
    done = await stage.full_sync("CURRENCY")
    assert done["CURRENCY", TO_SALES]["failed"] == 1
    [error] = await stage.errors()
    assert error.problem.code == "value-missing"
    assert "exchangeRate" in error.problem.message
    assert "DKK" not in {row["isocurrencycode"] for row in stage.sales.rows("transactioncurrencies")}


async def test_row_088_a_currency_that_is_there_is_coupled(stage: Stage) -> None:
    known = stage.sales.create(
        "transactioncurrencies",
        isocurrencycode="USD",
        currencyname="Dollar",
        currencysymbol="$",
        exchangerate=1.1,
        currencyprecision=2,
    )
    done = await stage.full_sync("CURRENCY")
    assert done["CURRENCY", TO_SALES]["coupled"] >= 1
    found = [row for row in stage.sales.rows("transactioncurrencies") if row["isocurrencycode"] == "USD"]
    assert [row["transactioncurrencyid"] for row in found] == [known["transactioncurrencyid"]]


async def test_row_089_a_unit_group_with_further_units_is_coupled_by_its_base_unit(stage: Stage) -> None:
    """The original refuses it; the base unit is what products need, and it is known."""
    group = stage.sales.create("uomschedules", name="NAV PCS", baseuomname="PCS")["uomscheduleid"]
    [base] = [row for row in stage.sales.rows("uoms") if row["_uomscheduleid_value"] == group]
    bind = {"uomscheduleid@odata.bind": f"/uomschedules({group})", "baseuom@odata.bind": f"/uoms({base['uomid']})"}
    stage.sales.create("uoms", name="BOX", quantity=10, **bind)
    key = item(stage)
    await stage.full_sync(*UNITS)
    assert group in (await stage.couplings("UNITOFMEASURE")).values()
    assert stage.sales.get(f"products({key})")["_defaultuomid_value"] == base["uomid"]


async def test_row_090_an_item_without_a_base_unit_fails(stage: Stage) -> None:
    item(stage, baseUnitOfMeasureCode="")
    done = await stage.full_sync(*UNITS)
    assert done["ITEM-PRODUCT", TO_SALES] == {"failed": 1}
    [error] = await stage.errors()
    assert error.problem.code == "value-missing"
    assert stage.sales.rows("products") == []


async def test_row_091_a_new_product_becomes_active(stage: Stage) -> None:
    key = item(stage, unitPrice=400)
    await stage.full_sync(*UNITS)
    found = stage.sales.get(f"products({key})")
    assert (found["statecode"], found["price"]) == (0, 400)


async def test_row_091_with_two_more_mappings_it_has_a_price_list_with_its_unit_price(stage: Stage) -> None:
    """By docs/examples/price-lists.yaml. Other price lists of the product are not touched."""
    await stage.configure(parse(PRICES.read_text(encoding="utf-8"), PRICES.name))
    key = item(stage, unitPrice=400)
    await stage.full_sync()
    await stage.live()
    product = stage.sales.get(f"products({key})")
    assert (product["statecode"], product["price"]) == (0, 400)
    [prices] = stage.sales.rows("pricelevels")
    [line] = stage.sales.rows("productpricelevels")
    assert prices["name"] == "Bicycle Default Price List"
    named = (line["_productid_value"], line["_pricelevelid_value"], line["_uomid_value"], line["amount"])
    assert named == (key, prices["pricelevelid"], product["_defaultuomid_value"], 400)

    currency = prices["_transactioncurrencyid_value"]
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})"}
    other = stage.sales.create("pricelevels", name="Retail", **bind)["pricelevelid"]
    binds = {
        "pricelevelid@odata.bind": f"/pricelevels({other})",
        "productid@odata.bind": f"/products({key})",
        "uomid@odata.bind": f"/uoms({line['_uomid_value']})",
    }
    stage.sales.create("productpricelevels", amount=499, pricingmethodcode=1, **binds)
    stage.bc.edit(f"items({key})", unitPrice=450)
    await stage.live()
    amounts = {row["_pricelevelid_value"]: row["amount"] for row in stage.sales.rows("productpricelevels")}
    assert amounts == {prices["pricelevelid"]: 450, other: 499}


async def test_row_092_company_contacts_and_contacts_without_company_are_ignored(stage: Stage) -> None:
    customer(stage)  # BC makes a company contact of it
    stage.bc.create("contacts", displayName="Nobody's Nick", type="Person")
    stage.sales.create("contacts", firstname="Lone", lastname="Wolf")
    done = await stage.full_sync(*PEOPLE)
    for way in (TO_SALES, TO_BC):
        assert set(done["CONTACTS", way]) <= {"ignored"}
    assert [row["lastname"] for row in stage.sales.rows("contacts")] == ["Wolf"]
    assert await stage.errors() == []


def person(stage: Stage, company: str) -> str:
    """A person of a company, both contacts; the company's number is `company`."""
    stage.bc.create("contacts", number=company, displayName="Prospect", type="Company")
    made = {"displayName": "Nora Novak", "type": "Person", "companyNumber": company}
    return str(stage.bc.create("contacts", **made)["id"])


async def test_row_092_a_person_whose_company_is_no_customer_is_ignored(stage: Stage) -> None:
    person(stage, "CT9")
    vendor = stage.bc.create("vendors", displayName="Supplies Ltd")
    [information] = stage.bc.get(f"vendors({vendor['id']})/contactsInformation")["value"]
    of_vendor = {"displayName": "Vic Vendor", "type": "Person", "companyNumber": information["contactNumber"]}
    stage.bc.create("contacts", **of_vendor)
    done = await stage.full_sync(*PEOPLE, answer="keep")
    assert set(done["CONTACTS", TO_SALES]) <= {"ignored"}
    assert stage.sales.rows("contacts") == []
    assert await stage.errors() == []


async def test_row_092_it_is_carried_when_the_company_becomes_a_customer(stage: Stage) -> None:
    key = person(stage, "CT9")
    await stage.full_sync(*PEOPLE, answer="keep")
    await stage.live()
    assert stage.sales.rows("contacts") == []
    number = stage.bc.control.post("customers", json={"contact": "CT9"}).raise_for_status().json()["id"]
    await stage.live()
    assert await stage.couplings("CONTACTS") == {key: key}
    assert stage.sales.get(f"contacts({key})")["_parentcustomerid_value"] == number
    assert await stage.errors() == []


async def test_row_093_a_contact_waits_for_its_account(stage: Stage) -> None:
    parent = account(stage, "Fabrikam")
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({parent})"}
    stage.sales.create("contacts", firstname="Ann", lastname="Beebe", **bind)
    done = await stage.full_sync("CONTACTS")
    assert done["CONTACTS", TO_BC] == {"failed": 1}
    assert [row for row in stage.bc.rows("contacts") if row["type"] == "Person"] == []
    [error] = await stage.errors()
    assert error.problem.code == "not-coupled"

    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    [person] = [row for row in stage.bc.rows("contacts") if row["type"] == "Person"]
    [made] = stage.bc.rows("customers")
    assert person["companyNumber"] == company_of(stage, made["id"])
    assert await stage.errors() == []


async def test_row_093_a_contact_of_an_account_that_is_no_customer_is_created_without_company(stage: Stage) -> None:
    supplier = stage.sales.create("accounts", name="Supplier", customertypecode=10)["accountid"]
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({supplier})"}
    stage.sales.create("contacts", firstname="Sam", lastname="Supply", **bind)
    done = await stage.full_sync(*PEOPLE)
    assert done["CONTACTS", TO_BC] == {"inserted": 1}
    [person] = [row for row in stage.bc.rows("contacts") if row["type"] == "Person"]
    assert (person["displayName"], person["companyNumber"]) == ("Sam Supply", "")


@pytest.mark.parametrize("clear", [True, False])
async def test_row_094_a_look_up_that_is_not_coupled_is_left_blank_if_the_field_says_so(
    stage: Stage, clear: bool
) -> None:
    await stage.configure(CUSTOMER={"fields": field("ownerid", clear_on_failure=clear, not_null=not clear)})
    stage.bc.create("salespeoplePurchasers", code="JR", displayName="John Roberts")
    customer(stage, salespersonCode="JR")
    done = await stage.full_sync(*CUSTOMERS)
    assert done["CUSTOMER", TO_SALES] == ({"inserted": 1} if clear else {"failed": 1})
    assert len(await stage.errors()) == (0 if clear else 1)


async def test_row_095_constants_tell_what_a_new_record_is(stage: Stage) -> None:
    key = customer(stage)
    parent = account(stage)
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({parent})"}
    stage.sales.create("contacts", firstname="Ann", lastname="Beebe", **bind)
    await stage.full_sync(*PEOPLE)
    assert stage.sales.get(f"accounts({key})")["customertypecode"] == 3
    [person] = [row for row in stage.bc.rows("contacts") if row["displayName"] == "Ann Beebe"]
    assert person["type"] == "Person"
