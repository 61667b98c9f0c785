"""The judge of a mappings file, with little served: what the simulators do not show."""

from dataclasses import replace

from schemas.mapping_check import check
from schemas.mapping_file import read
from schemas.metadata import EntityType, Kind, Navigation, Property, Served, Service

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
