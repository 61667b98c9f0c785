"""Filling a new company from plain rows: any subset of fields, ids and numbers optional.

A customer's or vendor's `_contactNumber` names its company contact among the contact rows; without one a contact is
made.
`_ledgerEntries` (or a balance) makes a row undeletable (wire-protocols D47).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from daemon.sandbox.business_central.contacts import RELATIONS, contact_for
from daemon.sandbox.business_central.fields import capitals, seed_values
from daemon.sandbox.business_central.relations import UNSERVED
from daemon.sandbox.business_central.store import Store, increment, iso, to_milliseconds
from daemon.sandbox.business_central.tables import STORED, TABLES, ZERO_GUID, Table

Seeds = Mapping[str, Sequence[Mapping[str, Any]]]
_Rows = list[tuple[dict[str, Any], datetime, dict[str, Any]]]


def load_seeds(store: Store, data: Seeds) -> None:
    """Store the company, its information and every seed row; raises ValueError for an unknown set or field."""
    unknown = data.keys() - STORED.keys()
    if unknown or "companies" in data:
        raise ValueError(f"no seeds can be given for {', '.join(sorted(unknown)) or 'companies'}")
    _load_company(store, data.get("companyInformation", [{}])[0])
    for name in ("currencies", "currencyExchangeRates", "salespeoplePurchasers", "unitsOfMeasure"):
        store.load(name, _rows(store, TABLES[name], data.get(name, ())))
    for name in ("items", "resources"):
        store.load(name, _completed(store, _rows(store, TABLES[name], data.get(name, ()))))
    contacts = _rows(store, TABLES["contacts"], data.get("contacts", ()))
    for name in RELATIONS:
        firms = _rows(store, TABLES[name], data.get(name, ()))
        store.load(name, _completed(store, firms))
        _link(store, name, firms, contacts)
    store.load("contacts", _contacts(contacts))


def _load_company(store: Store, information: Mapping[str, Any]) -> None:
    settings, now = store.settings, to_milliseconds(store.now())
    company = TABLES["companies"].blanks | {
        "id": settings.company_id.lower(),
        "name": settings.company_name,
        "displayName": settings.company_display_name,
        "systemCreatedAt": iso(now),
        "systemModifiedAt": iso(now),
    }
    store.load("companies", [(company, now, {})])
    shown = {"displayName": settings.company_display_name, **information, "currencyCode": settings.local_currency}
    store.load("companyInformation", _rows(store, TABLES["companyInformation"], [shown]))


def _rows(store: Store, table: Table, seeds: Sequence[Mapping[str, Any]]) -> _Rows:
    """Whole rows with ids, numbers and times."""
    now = iso(to_milliseconds(store.now()))
    taken = {str(row[table.key]).strip().upper() for row in seeds if table.key and row.get(table.key)}
    numbers = _numbers(store, table.set_name, taken)
    rows: _Rows = []
    for seed in seeds:
        values = seed_values(table, {"lastModifiedDateTime": now, **seed})
        if values["id"] == ZERO_GUID:
            values["id"] = store.new_id()
        if table.key == "number" and not values["number"]:
            values["number"] = next(numbers)
        private: dict[str, Any] = (
            {"ledger": True} if seed.get("_ledgerEntries") or values.get("balanceDue") or values.get("balance") else {}
        )
        if "_contactNumber" in seed:
            private["contactNumber"] = str(seed["_contactNumber"]).strip().upper()
        rows.append((values, datetime.fromisoformat(values["lastModifiedDateTime"]), private))
    return rows


def _numbers(store: Store, set_name: str, taken: set[str]) -> Iterator[str]:
    number, step = store.settings.number_series.get(set_name, ("", 0))
    while True:
        if number not in taken:
            taken.add(number)
            yield number
        number = increment(number, step)


def _completed(store: Store, rows: _Rows) -> _Rows:
    """Fill the ids beside currency and unit codes, and note which values of unserved tables exist."""
    for values, _, _ in rows:
        for name in UNSERVED.keys() & values.keys():
            store.references.setdefault(name, set()).add(values[name])
        if values.get("baseUnitOfMeasureCode") and "baseUnitOfMeasureId" in values:
            unit = store.rows("unitsOfMeasure").by_key(values["baseUnitOfMeasureCode"])
            values["baseUnitOfMeasureId"] = unit.id if unit is not None else ZERO_GUID
        if "currencyCode" in values:
            code = values["currencyCode"] or store.settings.local_currency
            local = code == store.settings.local_currency
            currency = None if local else store.rows("currencies").by_key(code)
            values["currencyCode"] = code
            values["currencyId"] = currency.id if currency is not None else ZERO_GUID
    return rows


def _link(store: Store, set_name: str, firms: _Rows, contacts: _Rows) -> None:
    """Give every customer or vendor its contact row, made where the seeds have none."""
    by_number = {values["number"]: (values, private) for values, _, private in contacts}
    numbers = _numbers(store, "contacts", set(by_number))
    for firm, modified, private in firms:
        number = private.get("contactNumber")
        if number is None or number not in by_number:
            made = contact_for(store, set_name, firm, number or next(numbers))
            made["lastModifiedDateTime"] = firm["lastModifiedDateTime"]
            contact, link = by_number[made["number"]] = made, {}
            contacts.append((contact, modified, link))
        contact, link = by_number[number or contact["number"]]
        contact["contactBusinessRelation"] = RELATIONS[set_name]
        link["firm"] = (set_name, firm["id"])
        store.contact_of[firm["id"]] = contact["id"]


def _contacts(contacts: _Rows) -> _Rows:
    names = {values["number"]: values["displayName"] for values, _, _ in contacts if values["type"] == "Company"}
    for values, _, _ in contacts:
        if values["type"] == "Company":
            values["companyNumber"] = values["number"]
        values["companyName"] = names.get(values["companyNumber"], "")
        values["searchName"] = values["searchName"] or capitals(values["displayName"])
        if values["contactBusinessRelation"] == "_x0020_":
            values["contactBusinessRelation"] = "None"
    return contacts
