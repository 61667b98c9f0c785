"""The seeded data: repeatable, consistent, awkward, and accepted by both simulators' tables."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.sandbox.business_central.app import create_app as business_central
from daemon.sandbox.business_central.fields import seed_values
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.tables import TABLES
from daemon.sandbox.dataverse.app import create_app as dataverse
from daemon.sandbox.dataverse.catalogue import catalogue
from daemon.sandbox.dataverse.settings import DataverseSettings
from daemon.sandbox.dataverse.tables import TEXT
from daemon.sandbox.seed import Seed, seed

IDS = {
    "transactioncurrencies": "transactioncurrencyid",
    "systemusers": "systemuserid",
    "uomschedules": "uomscheduleid",
    "uoms": "uomid",
    "products": "productid",
    "accounts": "accountid",
    "contacts": "contactid",
}


@pytest.fixture(scope="module")
def world() -> Seed:
    return seed()


def values(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def in_filter(world: Seed) -> dict[str, list[dict[str, Any]]]:
    """The records that the standard mappings let through, by mapping side."""
    bc, sales = world.bc, world.sales
    return {
        "currencies": bc["currencies"],
        "units": bc["unitsOfMeasure"],
        "users": [u for u in sales["systemusers"] if u["islicensed"] and not u["isdisabled"] | u["isintegrationuser"]],
        "customers": [c for c in bc["customers"] if c["blocked"] == "_x0020_"],
        "accounts": [a for a in sales["accounts"] if a["customertypecode"] == 3 and not a.get("statecode")],
        "persons": [c for c in bc["contacts"] if c["type"] == "Person" and c["companyNumber"]],
        "contacts": [c for c in sales["contacts"] if c["_parentcustomerid_value"]],
        "resources": [r for r in bc["resources"] if not r["blocked"]],
        "items": [i for i in bc["items"] if not i["blocked"]],
        "products": [p for p in sales["products"] if p["statecode"] == 0],
    }


def test_the_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    assert seed(20, seed=3) == seed(20, seed=3)
    assert seed(20, seed=3).bc["customers"] != seed(20, seed=4).bc["customers"]


def test_the_default_size_is_what_the_demo_promises(world: Seed) -> None:
    assert len(world.bc["customers"]) == 100
    assert sum(map(len, in_filter(world).values())) >= 500
    assert all(in_filter(world).values())


@pytest.mark.parametrize("customers", [0, 1, 8, 250])
def test_any_size_can_be_made(customers: int) -> None:
    made = seed(customers)
    assert len(made.bc["customers"]) == customers
    assert len(made.bc["items"]) == customers // 2


def test_business_central_takes_every_row(world: Seed) -> None:
    for name, rows in world.bc.items():
        for row in rows:
            seed_values(TABLES[name], row)  # refuses unknown fields, overlong texts and wrong kinds


def test_dataverse_knows_every_column_and_no_text_is_too_long(world: Seed) -> None:
    tables = catalogue()
    for name, rows in world.sales.items():
        for row in rows:
            for column, value in row.items():
                known = tables[name].columns[column]
                assert value != ""
                assert known.kind not in TEXT or value is None or len(value) <= known.max_length


def test_both_simulators_start_with_it(world: Seed) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert business_central(BcSettings(), world.bc, lambda: now)
    assert dataverse(DataverseSettings(), world.sales, lambda: now)


def test_ids_are_guids_and_unique(world: Seed) -> None:
    for name, rows in world.sales.items():
        ids = values(rows, IDS[name])
        assert len(set(ids)) == len(ids)
    everything = [row["id"] for rows in world.bc.values() for row in rows]
    assert len(set(everything)) == len(everything)
    assert all(str(uuid.UUID(one)) == one for one in everything)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("customers", "number"),
        ("contacts", "number"),
        ("items", "number"),
        ("resources", "number"),
        ("currencies", "code"),
    ],
)
def test_natural_keys_are_unique_upper_case_and_short(world: Seed, table: str, key: str) -> None:
    keys = values(world.bc[table], key)
    assert len(set(keys)) == len(keys)
    assert all(one == one.upper() and len(one) <= 20 for one in keys)


def test_references_in_business_central_lead_somewhere(world: Seed) -> None:
    bc = world.bc
    currencies = {row["code"]: row["id"] for row in bc["currencies"]}
    assert "EUR" not in currencies
    units = set(values(bc["unitsOfMeasure"], "code"))
    companies = {row["number"]: row for row in bc["contacts"] if row["type"] == "Company"}
    assert set(values(bc["customers"], "salespersonCode")) == {"", *values(bc["salespeoplePurchasers"], "code")}
    assert set(values(bc["customers"], "currencyCode")) == {"", "EUR", *currencies}
    assert set(values(bc["items"], "baseUnitOfMeasureCode")) <= units
    assert set(values(bc["resources"], "baseUnitOfMeasureCode")) <= units
    assert {row["currencyCode"] for row in bc["currencyExchangeRates"]} == set(currencies)
    for customer in bc["customers"]:
        company = companies[customer["_contactNumber"]]
        assert company["displayName"] == customer["displayName"]
        assert company["email"] == customer["email"]
        assert customer["currencyId"] == currencies.get(customer["currencyCode"], str(uuid.UUID(int=0)))


def test_people_in_filter_work_for_customers_in_filter(world: Seed) -> None:
    found = in_filter(world)
    assert {p["companyNumber"] for p in found["persons"]} <= {c["_contactNumber"] for c in found["customers"]}
    assert {c["_parentcustomerid_value"] for c in found["contacts"]} <= {a["accountid"] for a in found["accounts"]}


def test_references_in_sales_lead_somewhere(world: Seed) -> None:
    sales = world.sales
    ids = {name: set(values(rows, IDS[name])) for name, rows in sales.items()}
    working = {user["systemuserid"] for user in in_filter(world)["users"]}
    for row in [*sales["accounts"], *sales["contacts"]]:
        assert row["_ownerid_value"] in working
    for row in [*sales["accounts"], *sales["products"]]:
        assert row["_transactioncurrencyid_value"] in ids["transactioncurrencies"]
    [schedule] = sales["uomschedules"]
    [unit] = sales["uoms"]
    assert (schedule["name"], schedule["baseuomname"], unit["name"]) == ("NAV KG", "KG", "KG")
    for row in sales["products"]:
        assert (row["_defaultuomid_value"], row["_defaultuomscheduleid_value"]) == (
            unit["uomid"],
            schedule["uomscheduleid"],
        )
        assert len(row["productnumber"]) <= 20
        assert row["productnumber"] == row["productnumber"].upper()


def test_the_euro_is_the_base_currency_of_the_simulator(world: Seed) -> None:
    codes = {row["isocurrencycode"]: row["transactioncurrencyid"] for row in world.sales["transactioncurrencies"]}
    assert set(codes) == {"EUR", "USD"}
    assert codes["EUR"] == DataverseSettings().base_currency_id


def test_salespeople_are_found_by_e_mail_and_nobody_else_is_on_both_sides(world: Seed) -> None:
    found = in_filter(world)
    users = {user["internalemailaddress"].lower() for user in found["users"]}
    assert {row["email"].lower() for row in world.bc["salespeoplePurchasers"]} < users
    names = {c["displayName"].lower() for c in world.bc["customers"]}
    assert not names & {a["name"].lower() for a in world.sales["accounts"]}
    for bc, sales in (("customers", "accounts"), ("contacts", "contacts")):
        mails = {row["email"].lower() for row in world.bc[bc]} - {""}
        assert not mails & {str(row["emailaddress1"]).lower() for row in world.sales[sales]}
    numbers = {*values(world.bc["items"], "number"), *values(world.bc["resources"], "number")}
    assert not numbers & set(values(world.sales["products"], "productnumber"))


def test_e_mail_addresses_of_customers_are_unique(world: Seed) -> None:
    mails = [mail for mail in values(world.bc["customers"], "email") if mail]
    assert len(set(mails)) == len(mails)


def test_the_awkward_is_there(world: Seed) -> None:
    bc, sales = world.bc, world.sales
    names, accounts = values(bc["customers"], "displayName"), values(sales["accounts"], "name")
    for sign in ("'", '"', "ß", "ü", "%", "_", "&", "\\", ";"):
        assert any(sign in name for name in names), sign
        assert any(sign in name for name in accounts), sign
    assert max(map(len, names)) == 100
    assert max(map(len, accounts)) == 160
    for field in ("addressLine2", "email", "website", "phoneNumber", "salespersonCode", "state"):
        assert "" in values(bc["customers"], field), field
    assert any(code and code != code.upper() for code in values(sales["accounts"], "address1_country"))
    assert any(code and code != code.upper() for code in values(sales["accounts"], "address1_postalcode"))
    persons = [row["displayName"] for row in in_filter(world)["persons"]]
    assert any(" " not in name for name in persons)
    assert None in values(sales["contacts"], "firstname")


def test_some_records_are_out_of_every_filter(world: Seed) -> None:
    bc, sales = world.bc, world.sales
    assert {"All", "Ship", "_x0020_"} <= set(values(bc["customers"], "blocked"))
    assert {True, False} == set(values(bc["items"], "blocked")) == set(values(bc["resources"], "blocked"))
    assert any(row["type"] == "Person" and not row["companyNumber"] for row in bc["contacts"])
    assert any(row["customertypecode"] == 11 for row in sales["accounts"])
    assert any(row.get("statecode") == 1 for row in sales["accounts"])
    assert any(row["statecode"] == 2 for row in sales["products"])
    assert None in values(sales["contacts"], "_parentcustomerid_value")
    assert len(in_filter(world)["users"]) == 6 < len(sales["systemusers"])
