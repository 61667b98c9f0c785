"""How customers, vendors and contacts hang together (wire-protocols A2 and its notes on contactsInformation).

A customer or vendor has one company contact, made with it, and its person contacts name that contact's number. The two
records of one company carry the same name and address, and an edit of either reaches the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daemon.sandbox.business_central.errors import bad_request, dialog
from daemon.sandbox.business_central.fields import capitals
from daemon.sandbox.business_central.rows import Record
from daemon.sandbox.business_central.store import Store
from daemon.sandbox.business_central.tables import TABLES

SHARED = (
    "displayName",
    "addressLine1",
    "addressLine2",
    "city",
    "state",
    "country",
    "postalCode",
    "phoneNumber",
    "email",
    "website",
    "taxRegistrationNumber",
)
# The business relation of a contact that belongs to a row of these sets.
RELATIONS = {"customers": "Customer", "vendors": "Vendor"}
_CONTACTS = TABLES["contacts"]


def complete_contact(store: Store, values: Mapping[str, Any], changes: dict[str, Any]) -> None:
    """Fill what a contact derives: the company's name, the search name, a company's own number."""
    after = {**values, **changes}
    if after["type"] == "Company":
        changes["companyNumber"], changes["companyName"] = after["number"], after["displayName"]
    else:
        changes["companyName"] = _company_name(store, after["companyNumber"])
    if after["searchName"] in ("", capitals(str(values["displayName"]))):
        changes["searchName"] = capitals(after["displayName"])


def _company_name(store: Store, number: str) -> str:
    if not number:
        return ""
    company = store.rows("contacts").by_key(number)
    if company is None or company.values["type"] != "Company":
        raise bad_request(
            f"The field Company No. of table Contact contains a value ({number}) that cannot be found in the related "
            "table (Contact).",
            "Internal_InvalidTableRelation",
        )
    return str(company.values["displayName"])


def check_primary(store: Store, customer: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """A customer's primary contact is one of its own company: the company's contact, or a person of it."""
    number = changes.get("primaryContactNumber")
    if not number:
        return
    contact, company = store.rows("contacts").by_key(number), contact_of(store, str(customer.get("id", "")))
    own = {company.values["number"], company.values["companyNumber"]} - {""} if company is not None else set()
    if contact is None or not own & {contact.values["number"], contact.values["companyNumber"]}:
        name = contact.values["displayName"] if contact is not None else ""
        raise dialog(f"Contact {number} {name} is related to a different company than customer {customer['number']}.")


def contact_for(store: Store, set_name: str, firm: Mapping[str, Any], number: str) -> dict[str, Any]:
    """The values of the contact that a new customer or vendor gets; a vendor has no type, and is a company."""
    values = {**_CONTACTS.blanks, **{name: firm[name] for name in SHARED}}
    values |= {"id": store.new_id(), "number": number, "type": firm.get("type", "Company")}
    values |= {"contactBusinessRelation": RELATIONS[set_name], "searchName": capitals(firm["displayName"])}
    if values["type"] == "Company":
        values |= {"companyNumber": number, "companyName": values["displayName"]}
    return values


def add_contact(store: Store, set_name: str, firm: Record) -> None:
    """Make the contact of a customer or vendor just stored."""
    values = contact_for(store, set_name, firm.values, store.next_number("contacts"))
    contact = store.insert(_CONTACTS, values, {"firm": (set_name, firm.id)})
    store.contact_of[firm.id] = contact.id


def link(store: Store, set_name: str, firm: Record, contact: Record) -> None:
    """An existing contact is that of a customer or vendor just stored."""
    linked = replace(contact, private={**contact.private, "firm": (set_name, firm.id)})
    store.contact_of[firm.id] = contact.id
    store.update(_CONTACTS, linked, {"contactBusinessRelation": RELATIONS[set_name]})


def contact_of(store: Store, firm_id: str) -> Record | None:
    """The contact that belongs to a customer or vendor, if it still exists."""
    return store.rows("contacts").get(store.contact_of.get(firm_id, ""))


def firm_changed(store: Store, firm: Record) -> None:
    """Carry a customer's or vendor's edit to its contact."""
    contact = contact_of(store, firm.id)
    if contact is not None:
        _carry(store, firm, contact)


def contact_changed(store: Store, before: Record, after: Record) -> None:
    """Carry a contact's edit to its customer or vendor, and a company's name to its persons."""
    set_name, firm_id = before.private.get("firm", ("customers", ""))
    firm = store.rows(set_name).get(firm_id)
    if firm is not None and store.settings.contact_updates_customer:
        changes = _differences(after, firm)
        if changes:
            store.update(TABLES[set_name], firm, changes)
    name = after.values["displayName"]
    if after.values["type"] == "Company" and before.values["displayName"] != name:
        for person in persons_of(store, after.values["number"]):
            store.update(_CONTACTS, person, {"companyName": name})


def _carry(store: Store, firm: Record, contact: Record) -> None:
    changes = _differences(firm, contact)
    if not changes:
        return
    if "displayName" in changes:
        changes["searchName"] = capitals(changes["displayName"])
        if contact.values["type"] == "Company":
            changes["companyName"] = changes["displayName"]
    after = store.update(_CONTACTS, contact, changes)
    contact_changed(store, contact, after)


def _differences(source: Record, target: Record) -> dict[str, Any]:
    return {name: source.values[name] for name in SHARED if source.values[name] != target.values[name]}


def persons_of(store: Store, company_number: str) -> list[Record]:
    """The person contacts of a company contact."""
    found = store.rows("contacts").having("companyNumber", company_number)
    return [record for record in found if record.values["type"] == "Person"]


def contact_removed(store: Store, contact: Record) -> None:
    """Deleting a company contact deletes its persons, as in the product."""
    if contact.values["type"] == "Company":
        for person in persons_of(store, contact.values["number"]):
            store.delete(_CONTACTS, person)


def firm_removed(store: Store, firm: Record) -> None:
    """A deleted customer's or vendor's contact stays, without a business relation."""
    contact = contact_of(store, firm.id)
    if contact is not None:
        store.update(_CONTACTS, contact, {"contactBusinessRelation": "None"})


def contacts_information(store: Store, firm: Record) -> list[dict[str, Any]]:
    """The rows of `customers({id})/contactsInformation`: the company contact, then its persons."""
    contact = contact_of(store, firm.id)
    if contact is None:
        return []
    found = [contact]
    if contact.values["type"] == "Company":
        found += persons_of(store, contact.values["number"])
    return [
        {
            "@odata.etag": record.etag,
            "contactId": record.id,
            "contactNumber": record.values["number"],
            "contactName": record.values["displayName"],
            "contactType": record.values["type"],
            "relatedId": firm.id,
            "relatedType": contact.values["contactBusinessRelation"],
        }
        for record in found
    ]
