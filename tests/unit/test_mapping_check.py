"""The judge of a mappings file, with little served: what the simulators do not show."""

from dataclasses import replace

import pytest

from schemas.mapping_check import check
from schemas.mapping_file import read
from schemas.metadata import EntityType, Kind, Navigation, Property, Served, Service
from schemas.value_check import check_constant

FILE = """
mappings:
  - name: SALESPEOPLE
    bc: {table: salespeoplePurchasers}
    sales: {table: systemusers}
    direction: to_bc
    fields:
      - {bc: displayName, sales: fullname}
  - name: CUSTOMER
    bc: {table: customers}
    sales: {table: accounts}
    direction: to_sales
    fields:
      - {bc: salespersonCode, sales: ownerid, lookup: SALESPEOPLE}
      - {bc: balance, sales: visits}
      - {bc: birthday, sales: since}
"""


def entity(name: str, navigations: dict[str, Navigation] | None = None, **fields: Kind) -> EntityType:
    return EntityType(name, {key: Property(key, kind) for key, kind in fields.items()}, navigations or {})


PEOPLE = entity("salesperson", id=Kind.GUID, code=Kind.TEXT, displayName=Kind.TEXT, lastModifiedDateTime=Kind.DATETIME)
CUSTOMERS = entity(
    "customer",
    id=Kind.GUID,
    number=Kind.TEXT,
    salespersonCode=Kind.TEXT,
    balance=Kind.NUMBER,
    birthday=Kind.DATE,
    lastModifiedDateTime=Kind.DATETIME,
)
USERS = replace(
    entity("systemuser", systemuserid=Kind.GUID, fullname=Kind.TEXT, modifiedon=Kind.DATETIME), bases=("principal",)
)
OWNER = {"ownerid": Navigation("ownerid", "principal", "_ownerid_value")}
ACCOUNTS = entity(
    "account",
    OWNER,
    accountid=Kind.GUID,
    _ownerid_value=Kind.GUID,
    visits=Kind.INTEGER,
    since=Kind.DATE,
    modifiedon=Kind.DATETIME,
)


def served(users: EntityType = USERS, accounts: EntityType = ACCOUNTS) -> Served:
    bc = Service({"salespeoplePurchasers": PEOPLE, "customers": CUSTOMERS})
    return Served({"": bc}, Service({"systemusers": users, "accounts": accounts}))


def told(given: Served) -> list[tuple[str, str]]:
    return [(one.level.value, one.message) for one in check(read(FILE), given)]


DECIMALS = ("warning", "visits of accounts takes whole numbers only.")


def test_a_lookup_of_a_base_type_takes_records_of_the_types_derived_from_it() -> None:
    """An owner is a principal, and so is a user (wire-protocols B2)."""
    assert told(served()) == [DECIMALS]
    other = told(served(users=replace(USERS, bases=())))
    assert ("error", "ownerid of accounts takes records of 'principal', not of systemusers.") in other


def test_a_date_does_not_fit_a_date_and_time() -> None:
    wrong = {**ACCOUNTS.properties, "since": Property("since", Kind.DATETIME)}
    found = told(served(accounts=replace(ACCOUNTS, properties=wrong)))
    assert found == [DECIMALS, ("error", "since of accounts holds a date and time, but gets a date.")]


def test_a_kind_nobody_knows_is_not_judged() -> None:
    odd = {**ACCOUNTS.properties, "since": Property("since", Kind.OTHER)}
    assert told(served(accounts=replace(ACCOUNTS, properties=odd))) == [DECIMALS]


def test_an_api_that_is_not_there_silences_what_depends_on_it() -> None:
    found = told(Served({}, served().sales))
    assert found == [("error", "Business Central serves no API ''.")] * 2


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (Kind.BOOLEAN, True, ""),
        (Kind.BOOLEAN, "maybe", "holds true or false, but gets 'maybe'"),
        (Kind.BOOLEAN, 1, "holds true or false, but gets 1"),
        (Kind.INTEGER, 3, ""),
        (Kind.INTEGER, 3.0, ""),
        (Kind.INTEGER, 3.5, "holds a whole number, but gets 3.5"),
        (Kind.INTEGER, "3", "holds a whole number, but gets '3'"),
        (Kind.NUMBER, 3, ""),
        (Kind.NUMBER, False, "holds a number, but gets false"),
        (Kind.TEXT, "x", ""),
        (Kind.TEXT, "a long text", "takes 5 characters, but gets 11"),
        (Kind.TEXT, 7, "holds text, but gets 7"),
        (Kind.ENUM, "Ship", ""),
        (Kind.ENUM, "Shop", "has no value 'Shop'"),
        (Kind.ENUM, 1, "holds one of a list, but gets 1"),
        (Kind.GUID, "5d115c9c-44e3-ea11-bb43-000d3a2feca1", ""),
        (Kind.GUID, "x", "holds an id, but gets 'x'"),
        (Kind.DATE, "2026-01-31", ""),
        (Kind.DATE, "31.1.2026", "holds a date, but gets '31.1.2026'"),
        (Kind.DATETIME, "2026-01-31T12:00:00Z", ""),
        (Kind.DATETIME, True, "holds a date and time, but gets true"),
        (Kind.OTHER, "x", ""),
        (Kind.GUID, "", ""),
    ],
)
def test_a_constant_has_to_be_of_its_field_s_kind(kind: Kind, value: object, says: str) -> None:
    known = Property("blocked", kind, max_length=5 if kind is Kind.TEXT else None, members=("Ship", "All"))
    found = [*check_constant(value, known, "customers", ("mappings", 0))]
    assert [one.message for one in found] == ([f"blocked of customers {says}."] if says else [])
    assert all(one.hint for one in found)
