"""Are both systems equal? Written from the mapping table of DESIGN 4 alone: no rule or conversion of ours is used.

Each mapped record is brought into a form that both sides must agree on (a text cut to the shorter length, codes in
upper case, blanks as None, references followed to the name or number of what they lead to), and the forms of both
sides must be the same ones, equally often. `differences` lists in words what is not so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.support import forms
from tests.support.records import Record, Records

Form = tuple[tuple[str, Any], ...]
LOCAL_CURRENCY = "EUR"  # what Business Central answers where no currency is set
_ADDRESS = (
    ("addressLine1", "address1_line1", 100),
    ("addressLine2", "address1_line2", 50),
    ("city", "address1_city", 30),
    ("state", "address1_stateorprovince", 30),
    ("phoneNumber", "telephone1", 30),
    ("email", "emailaddress1", 80),
    ("website", "websiteurl", 200),
)
_CODES = (("country", "address1_country", 10), ("postalCode", "address1_postalcode", 20))


def differences(records: Records, expected: Mapping[str, int]) -> list[str]:
    """What is wrong; `expected` is how many pairs of customers, contacts and products there must be."""
    pairs = {
        "customers": (_bc_customers(records), _accounts(records)),
        "contacts": (_bc_contacts(records), _sales_contacts(records)),
        "products": (_bc_products(records), _sales_products(records)),
        "units": (_bc_units(records), _schedules(records)),
        "salespeople": (_salespeople(records), _users(records)),
        "currencies": (_bc_currencies(records), _sales_currencies(records)),
    }
    found = [line for name, (bc, sales) in pairs.items() for line in _compared(name, bc, sales)]
    for name, number in expected.items():
        if len(pairs[name][0]) != number:
            found.append(f"{len(pairs[name][0])} {name} in Business Central, where {number} are expected")
    return found + list(_owners(records)) + list(_repeated(records))


def numbers(records: Records) -> dict[str, int]:
    """How many pairs full synchronisation must end with: nobody is on both sides to begin with."""
    return {
        "customers": len(records.bc_customers) + len(records.accounts),
        "contacts": len(records.bc_contacts) + len(records.sales_contacts),
        "products": len(records.items) + len(records.resources) + len(records.products),
    }


def _compared(name: str, bc: Iterable[Form], sales: Iterable[Form]) -> Iterable[str]:
    mine, theirs = Counter(bc), Counter(sales)
    for form, count in (mine - theirs).items():
        yield f"{name}: {count} × only in Business Central: {dict(form)}"
    for form, count in (theirs - mine).items():
        yield f"{name}: {count} × only in Sales: {dict(form)}"


def _form(**values: Any) -> Form:
    return tuple(values.items())


def _place(row: Record, side: int) -> dict[str, Any]:
    plain = {names[0]: forms.text(row[names[side]], names[2]) for names in _ADDRESS}
    return plain | {names[0]: forms.code(row[names[side]], names[2]) for names in _CODES}


def _bc_customers(records: Records) -> list[Form]:
    return [
        _form(
            name=forms.text(row["displayName"], 100),
            currency=row["currencyCode"] or LOCAL_CURRENCY,
            credit=forms.number(row["creditLimit"]),
            **_place(row, 0),
        )
        for row in records.bc_customers
    ]


def _accounts(records: Records) -> list[Form]:
    return [
        _form(
            name=forms.text(row["name"], 100),
            currency=records.currency(row["_transactioncurrencyid_value"]) or LOCAL_CURRENCY,
            credit=forms.number(row["creditlimit"]),
            **_place(row, 1),
        )
        for row in records.accounts
    ]


def _bc_contacts(records: Records) -> list[Form]:
    return [
        _form(
            name=forms.text(row["displayName"], 100),
            company=forms.text(records.company(row["companyNumber"]), 100),
            job=forms.text(row["jobTitle"], 30),
            mobile=forms.text(row["mobilePhoneNumber"], 30),
            **_place(row, 0),
        )
        for row in records.bc_contacts
    ]


def _sales_contacts(records: Records) -> list[Form]:
    return [
        _form(
            name=forms.text(" ".join(filter(None, (row["firstname"], row["lastname"]))), 100),
            company=forms.text(records.account(row["_parentcustomerid_value"]), 100),
            job=forms.text(row["jobtitle"], 30),
            mobile=forms.text(row["mobilephone"], 30),
            **_place(row, 1),
        )
        for row in records.sales_contacts
    ]


def _bc_products(records: Records) -> list[Form]:
    kinds = ((records.items, 1, "inventory"), (records.resources, 3, "capacity"))
    return [
        _form(
            number=forms.code(row["number"], 20),
            kind=kind,
            name=forms.text(row["displayName"], 100),
            price=forms.number(row["unitPrice"]),
            cost=forms.number(row["unitCost"]),
            current=forms.number(row["unitCost"]),
            stock=forms.number(row[stock]),
            unit=row["baseUnitOfMeasureCode"],
            schedule=f"NAV {row['baseUnitOfMeasureCode']}",
        )
        for rows, kind, stock in kinds
        for row in rows
    ]


def _sales_products(records: Records) -> list[Form]:
    return [
        _form(
            number=forms.code(row["productnumber"], 20),
            kind=row["producttypecode"],
            name=forms.text(row["name"], 100),
            price=forms.number(row["price"]),
            cost=forms.number(row["standardcost"]),
            current=forms.number(row["currentcost"]),
            stock=forms.number(row["quantityonhand"]),
            unit=records.unit(row["_defaultuomid_value"]),
            schedule=records.schedule(row["_defaultuomscheduleid_value"]),
        )
        for row in records.products
    ]


def _bc_units(records: Records) -> list[Form]:
    return [_form(schedule=f"NAV {row['code']}", base=row["code"]) for row in records.units]


def _schedules(records: Records) -> list[Form]:
    return [_form(schedule=row["name"], base=row["baseuomname"]) for row in records.schedules]


def _salespeople(records: Records) -> list[Form]:
    return [
        _form(email=row["email"], name=forms.text(row["displayName"], 50), phone=forms.text(row["phoneNo"], 30))
        for row in records.salespeople
    ]


def _users(records: Records) -> list[Form]:
    return [
        _form(
            email=forms.text(row["internalemailaddress"], 80),
            name=forms.text(row["fullname"], 50),
            phone=forms.text(row["mobilephone"], 30),
        )
        for row in records.users
    ]


def _bc_currencies(records: Records) -> list[Form]:
    """The company's own currency has no record in Business Central, and no values to compare."""
    today = datetime.now(UTC).date().isoformat()
    found = [_form(code=LOCAL_CURRENCY)]
    for row in records.bc_currencies:
        rates = [
            rate for rate in records.rates if rate["currencyCode"] == row["code"] and rate["startingDate"] <= today
        ]
        newest = max(rates, key=lambda rate: rate["startingDate"])
        found.append(
            _form(
                code=row["code"],
                name=row["displayName"],
                symbol=row["symbol"],
                precision=int(row["amountDecimalPlaces"].split(":")[1]),
                rate=forms.number(newest["exchangeRateAmount"] / newest["relationalExchangeRateAmount"]),
            )
        )
    return found


def _sales_currencies(records: Records) -> list[Form]:
    return [
        _form(code=LOCAL_CURRENCY)
        if row["isocurrencycode"] == LOCAL_CURRENCY
        else _form(
            code=row["isocurrencycode"],
            name=row["currencyname"],
            symbol=row["currencysymbol"],
            precision=row["currencyprecision"],
            rate=forms.number(row["exchangerate"]),
        )
        for row in records.sales_currencies
    ]


def _owners(records: Records) -> Iterable[str]:
    """A customer's salesperson owns its account; where Business Central names none, Sales keeps the owner it has."""
    accounts = {forms.text(row["name"], 100): row for row in records.accounts}
    for row in records.bc_customers:
        account = accounts.get(forms.text(row["displayName"], 100))
        if account is None or not row["salespersonCode"]:
            continue
        wanted, owner = records.salesperson(row["salespersonCode"]), records.user(account["_ownerid_value"])
        if wanted != owner:
            yield f"customers: {row['displayName']} belongs to {wanted}, its account to {owner}"


def _repeated(records: Records) -> Iterable[str]:
    """What may be there only once on a side, whatever its values."""
    unique: dict[str, list[Any]] = {
        "customer numbers": [row["number"] for row in records.bc_customers],
        "customer names": [row["displayName"] for row in records.bc_customers],
        "account names": [row["name"] for row in records.accounts],
        "salesperson e-mails": [row["email"].casefold() for row in records.salespeople],
        "product numbers": [row["productnumber"] for row in records.products],
        "currency codes": [row["isocurrencycode"] for row in records.sales_currencies],
        "unit groups": [row["name"] for row in records.schedules],
    }
    for name, values in unique.items():
        for value, count in Counter(values).items():
            if count > 1:
                yield f"{name}: {value!r} is there {count} times"
