"""Creating, changing and deleting rows by the application's rules (wire-protocols A5, D28–D49)."""

from __future__ import annotations

import re
from typing import Any

from daemon.sandbox.business_central import contacts
from daemon.sandbox.business_central.errors import ApiError, bad_request, dialog
from daemon.sandbox.business_central.relations import cascade_rename, check_relations
from daemon.sandbox.business_central.rows import Record
from daemon.sandbox.business_central.store import Store
from daemon.sandbox.business_central.tables import TABLES, Table

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def create_as_customer(store: Store, number: str) -> Record:
    """The action of that name: a customer of a contact, which becomes the contact of it. Over no API, so for tests."""
    contact = store.rows("contacts").by_key(number)
    if contact is None or contact.values["contactBusinessRelation"] != "None":
        raise dialog(f"There is no contact {number} without a business relation.")
    shared = {name: contact.values[name] for name in contacts.SHARED}
    return create(store, TABLES["customers"], shared, contact)


def create(store: Store, table: Table, changes: dict[str, Any], contact: Record | None = None) -> Record:
    """Store a new row; a customer or vendor gets its contact with it, if it is not made of one."""
    for name in table.mandatory:
        if name not in changes:
            raise dialog(f'A "{name}" must be provided.')
    _check_values(store, table, changes)
    if table.set_name == "items" and changes.get("inventory"):
        raise dialog("Inventory cannot be changed during on insert.")
    check_relations(store, table, changes)
    _give_number(store, table, changes)
    values = {**table.blanks, **changes}
    _check_unique(store, table, values, "")
    if table.set_name in contacts.RELATIONS and "currencyCode" not in changes:
        values["currencyCode"] = store.settings.local_currency
    if table.set_name == "contacts":
        values["contactBusinessRelation"] = "None"
        contacts.complete_contact(store, {**values, "displayName": ""}, values)
    if table.set_name == "customers":
        contacts.check_primary(store, values, changes)
    values["id"] = _new_id(store, table, changes.get("id"))
    record = store.insert(table, values)
    if contact is not None:
        contacts.link(store, table.set_name, record, contact)
    elif table.set_name in contacts.RELATIONS:
        contacts.add_contact(store, table.set_name, record)
    return record


def modify(store: Store, table: Table, before: Record, changes: dict[str, Any]) -> Record:
    """Change a row; one that changes nothing is not written unless the tenant says so (D43)."""
    _check_values(store, table, changes)
    check_relations(store, table, changes)
    key, old = table.key, before.values.get(table.key)
    _check_unique(store, table, {**before.values, **changes}, before.id)
    if table.set_name == "contacts":
        contacts.complete_contact(store, before.values, changes)
    if table.set_name == "customers":
        contacts.check_primary(store, before.values, changes)
    if all(before.values[name] == value for name, value in changes.items()) and not store.settings.null_update_touches:
        return before
    record = store.update(table, before, changes)
    if key and record.values[key] != old:
        cascade_rename(store, table, str(old), record.values[key])
        record = store.rows(table.set_name).get(record.id) or record
    if table.set_name in contacts.RELATIONS:
        contacts.firm_changed(store, record)
    if table.set_name == "contacts":
        contacts.contact_changed(store, before, record)
    return record


def remove(store: Store, table: Table, record: Record) -> None:
    """Delete a row unless it has ledger entries (D47)."""
    if record.private.get("ledger"):
        raise dialog(
            f"You cannot delete {table.caption} {record.values[table.key]} because it has ledger entries in a fiscal "
            "year that has not been closed yet."
        )
    store.delete(table, record)
    if table.set_name in contacts.RELATIONS:
        contacts.firm_removed(store, record)
    if table.set_name == "contacts":
        contacts.contact_removed(store, record)


def _check_values(store: Store, table: Table, changes: dict[str, Any]) -> None:
    for name in table.mandatory:
        if changes.get(name) == "":
            raise dialog(f'The blank "{name}" is not allowed.')
    if not store.settings.validate_email:
        return
    for name in ("email", "email2"):
        for address in re.split(r"[;,]", changes.get(name) or ""):
            if address.strip() and not _EMAIL.fullmatch(address.strip()):
                raise dialog(f'The email address "{address.strip()}" is not valid.')


def _give_number(store: Store, table: Table, changes: dict[str, Any]) -> None:
    """D28, D32: a number from the series, or the client's own where manual numbers are allowed."""
    if table.key != "number":
        return
    if not changes.get("number"):
        changes["number"] = store.next_number(table.set_name)
    elif not store.settings.manual_numbers:
        raise dialog(
            "You may not enter numbers manually. If you want to enter numbers manually, please activate Manual Nos. in "
            f"No. Series {table.caption.upper()}."
        )


def _check_unique(store: Store, table: Table, values: dict[str, Any], own_id: str) -> None:
    """D31: the natural key must be new; a rename to blank is refused."""
    if table.set_name == "currencyExchangeRates":
        same = store.rows(table.set_name).having("currencyCode", values["currencyCode"])
        taken = [record for record in same if record.values["startingDate"] == values["startingDate"]]
        described = f"Currency Code='{values['currencyCode']}',Starting Date='{values['startingDate']}'"
    elif table.key:
        if not values[table.key]:
            raise dialog(f'The blank "{table.key}" is not allowed.')
        taken = store.rows(table.set_name).having(table.key, values[table.key])
        described = f"{'No.' if table.key == 'number' else 'Code'}='{values[table.key]}'"
    else:
        return
    if any(record.id != own_id for record in taken):
        raise _duplicate(store, table, described)


def _duplicate(store: Store, table: Table, described: str) -> ApiError:
    text = f"The record in table {table.caption} already exists. Identification fields and values: {described}"
    return ApiError(store.settings.duplicate_status, "Internal_EntityWithSameKeyExists", text)


def _new_id(store: Store, table: Table, wanted: str | None) -> str:
    """D36: the client's SystemId where that is honoured, else a new one."""
    if wanted is None:
        return store.new_id()
    if store.rows(table.set_name).get(wanted) is not None:
        raise _duplicate(store, table, f"SystemId='{wanted}'")
    return wanted


def check_form(header: str | None, *, needed: bool) -> None:
    """D38: `If-Match` must be there where it is needed, and be `*` or an etag of ours."""
    if header is None and not needed:
        return
    if header is None or (header.strip() != "*" and not re.fullmatch(r'W/"[A-Za-z0-9+/]+={0,2}"', header.strip())):
        raise bad_request("Could not validate the client concurrency token.", "BadRequest_InvalidToken")


def check_current(store: Store, record: Record, header: str | None) -> None:
    """D39–D41, D46: a well-formed `If-Match` must name the row's present version."""
    if header is not None and header.strip() not in ("*", record.etag):
        text = "Another user has already changed the record."
        raise ApiError(store.settings.stale_status, "Request_EntityChanged", text)
