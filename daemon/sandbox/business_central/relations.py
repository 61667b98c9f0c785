"""Which fields name rows of other tables, and what happens when they do not or when those rows are renamed.

wire-protocols A2 (create errors), D35, D44; the local currency is stored as blank and shown as its code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daemon.sandbox.business_central.errors import ApiError, dialog, no_relation
from daemon.sandbox.business_central.rows import Record
from daemon.sandbox.business_central.store import Store
from daemon.sandbox.business_central.tables import TABLES, ZERO_GUID, Table


@dataclass(frozen=True)
class Relation:
    """`field` of `table` holds the natural key of a row of `target`; `id_field` holds the same row's SystemId."""

    table: str
    field: str
    label: str
    target: str
    id_field: str = ""
    cascade: bool = True


RELATIONS = (
    Relation("customers", "salespersonCode", "Salesperson Code", "salespeoplePurchasers"),
    Relation("customers", "currencyCode", "Currency Code", "currencies", "currencyId"),
    Relation("customers", "primaryContactNumber", "Primary Contact No.", "contacts"),
    Relation("vendors", "currencyCode", "Currency Code", "currencies", "currencyId"),
    Relation("items", "baseUnitOfMeasureCode", "Base Unit of Measure", "unitsOfMeasure", "baseUnitOfMeasureId"),
    Relation("resources", "baseUnitOfMeasureCode", "Base Unit of Measure", "unitsOfMeasure"),
    Relation("contacts", "companyNumber", "Company No.", "contacts"),
    Relation("currencyExchangeRates", "currencyCode", "Currency Code", "currencies"),
    Relation("currencyExchangeRates", "relationalCurrencyCode", "Relational Currency Code", "currencies"),
)
# Fields over tables that have no page here: only values that the seeds use exist.
UNSERVED = {
    "taxAreaId": "Tax Area",
    "paymentTermsId": "Payment Terms",
    "shipmentMethodId": "Shipment Method",
    "paymentMethodId": "Payment Method",
    "itemCategoryId": "Item Category",
    "itemCategoryCode": "Item Category",
    "taxGroupId": "Tax Group",
    "taxGroupCode": "Tax Group",
    "generalProductPostingGroupId": "General Product Posting Group",
    "generalProductPostingGroupCode": "General Product Posting Group",
    "inventoryPostingGroupId": "Inventory Posting Group",
    "inventoryPostingGroupCode": "Inventory Posting Group",
}


def check_relations(store: Store, table: Table, changes: dict[str, Any]) -> None:
    """Refuse a code or id that names nothing, and complete code/id pairs."""
    for name, label in UNSERVED.items():
        value = changes.get(name)
        if value in (None, "", ZERO_GUID):
            continue
        if value not in store.references.get(name, ()):
            raise dialog(f'The "{name}" does not match to a {label}.')
    for relation in RELATIONS:
        if relation.table != table.set_name:
            continue
        if relation.id_field:
            _complete_pair(store, table, relation, changes)
        else:
            _check_code(store, table, relation, changes.get(relation.field))


def _check_code(store: Store, table: Table, relation: Relation, code: str | None) -> Record | None:
    if not code:
        return None
    found = store.rows(relation.target).by_key(code)
    if found is None:
        raise no_relation(relation.label, table.caption, code, TABLES[relation.target].caption)
    return found


def _complete_pair(store: Store, table: Table, relation: Relation, changes: dict[str, Any]) -> None:
    """Keep the code and the id of one row together, whichever of them was sent (D35)."""
    names = [name for name in (relation.field, relation.id_field) if name in changes]
    if not names:
        return
    currency = relation.target == "currencies"
    resolve: dict[str, Callable[[], tuple[str, str]]] = {
        relation.field: lambda: _from_code(store, table, relation, changes[relation.field]),
        relation.id_field: lambda: _from_id(store, relation, changes[relation.id_field]),
    }
    found = {resolve[name]() for name in names}
    if len(found) > 1:
        what = "currency" if currency else "unit of measure"
        label = TABLES[relation.target].caption
        raise dialog(f"The {what} values do not match to a specific {label}.")
    changes[relation.field], changes[relation.id_field] = found.pop()


def _from_code(store: Store, table: Table, relation: Relation, code: str) -> tuple[str, str]:
    if relation.target == "currencies":
        if code in ("", store.settings.local_currency):
            return store.settings.local_currency, ZERO_GUID
        record = store.rows("currencies").by_key(code)
        if record is None:
            raise _no_match(relation.field, relation)
        return code, record.id
    found = _check_code(store, table, relation, code)
    return (code, found.id) if found is not None else ("", ZERO_GUID)


def _from_id(store: Store, relation: Relation, record_id: str) -> tuple[str, str]:
    if record_id == ZERO_GUID:
        return (store.settings.local_currency if relation.target == "currencies" else ""), ZERO_GUID
    record = store.rows(relation.target).get(record_id)
    if record is None:
        raise _no_match(relation.id_field, relation)
    return str(record.values[TABLES[relation.target].key]), record.id


def _no_match(field: str, relation: Relation) -> ApiError:
    return dialog(f'The "{field}" does not match to a {TABLES[relation.target].caption}.')


def cascade_rename(store: Store, table: Table, old: str, new: str) -> None:
    """After a rename, every row that named the old key names the new one (D44)."""
    for relation in RELATIONS:
        if relation.target != table.set_name:
            continue
        for record in store.rows(relation.table).having(relation.field, old):
            store.update(TABLES[relation.table], record, {relation.field: new})
