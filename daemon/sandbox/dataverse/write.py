"""Creating, updating and deleting one row (wire-protocols B5, D77–D96, D111, D118–D120).

Promises: a write either happens as a whole or not at all when its caller holds `store.transaction()`; every write moves
`modifiedon` and the version, whether or not a value differs (B5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.sandbox.dataverse import price_lists, rules
from daemon.sandbox.dataverse.body import TARGET, read_body
from daemon.sandbox.dataverse.context import Request, Service
from daemon.sandbox.dataverse.errors import (
    DataverseError,
    bad_request,
    duplicate_key,
    duplicate_record,
    stale_version,
)
from daemon.sandbox.dataverse.privileges import allow
from daemon.sandbox.dataverse.store import Index, Row, TableData, fold
from daemon.sandbox.dataverse.tables import Kind, OnDelete, Table
from daemon.sandbox.dataverse.telling import tell
from daemon.sandbox.dataverse.values import convert, iso


def create(service: Service, request: Request, table: Table, body: Mapping[str, Any], row_id: str | None = None) -> Row:
    """Insert a row; an id that exists is 412 0x80040237 (D80), as is a unique value that does."""
    allow(service, request, table, "Create")
    changes = read_body(service, request, table, body, create=True)
    chosen = row_id or changes.get(table.primary_id) or str(service.new_id())
    if chosen in service.store.data[table.entity_set].rows:
        raise duplicate_record()
    row = _stamped(service, request, table, {**changes, table.primary_id: chosen})
    insert(service, table, row, request)
    if table.logical == "uomschedule":
        create_base_uom(service, row)
    tell(service, request, "Create", table, chosen, {**changes, table.primary_id: chosen})
    return row


def insert(service: Service, table: Table, row: dict[str, Any], request: Request | None = None) -> Row:
    """Complete, check and store a new row; the road of both requests and seeds."""
    rules.settle_state(table, row, {"statecode": row.get("statecode", _default_state(service, table))})
    rules.fill(service, table, row)
    rules.compute(table, row)
    rules.check(service, table, row)
    _check_unique(service, table, row)
    if request is not None:
        _detect_duplicates(service, request, table, row)
    service.store.insert(table.entity_set, row[table.primary_id], row)
    if table.logical == "productpricelevel":
        price_lists.added_item(service, row)
    return row


def _default_state(service: Service, table: Table) -> object:
    column = table.columns.get("statecode")
    if table.logical == "product" and service.settings.products_start_active:
        return 0
    return column.default if column is not None else None


def _stamped(service: Service, request: Request, table: Table, row: dict[str, Any]) -> dict[str, Any]:
    now = iso(service.now())
    backdated = row.get("overriddencreatedon")
    row["createdon"], row["modifiedon"] = backdated or now, now
    row["overriddencreatedon"] = now if backdated else None
    row["_createdby_value"] = row["_modifiedby_value"] = request.caller
    if "_ownerid_value" in table.columns:
        row["_ownerid_value"] = row.get("_ownerid_value") or request.caller
        row["_owningbusinessunit_value"] = service.settings.business_unit_id
    return row


def create_base_uom(service: Service, schedule: Row) -> None:
    """A schedule's base unit comes with it (B2, D118)."""
    table = service.store.tables["uoms"]
    stamps = ("createdon", "modifiedon", "_createdby_value", "_modifiedby_value")
    row = {name: schedule[name] for name in stamps}
    row |= {
        "uomid": str(service.new_id()),
        "name": schedule["baseuomname"],
        "_uomscheduleid_value": schedule["uomscheduleid"],
        "isschedulebaseuom": True,
    }
    insert(service, table, row)


def update(service: Service, request: Request, table: Table, before: Row, body: Mapping[str, Any]) -> Row:
    """Change a row's given columns."""
    allow(service, request, table, "Write")
    if "isocurrencycode" in body and table.logical == "transactioncurrency":
        raise bad_request("The ISO currency code cannot be modified.", "0x80048cd1")
    changes = read_body(service, request, table, body, create=False)
    rules.settle_state(table, changes, before)
    return _updated(service, request, table, before, changes)


def _updated(service: Service, request: Request, table: Table, before: Row, changes: Mapping[str, Any]) -> Row:
    row = change(service, table, before, changes, request)
    tell(service, request, "Update", table, row[table.primary_id], {**changes, table.primary_id: row[table.primary_id]})
    return row


def change(service: Service, table: Table, before: Row, changes: Mapping[str, Any], request: Request) -> Row:
    """Store a row's new state under the caller's name."""
    row = {**before, **changes}
    row |= {"modifiedon": iso(service.now()), "_modifiedby_value": request.caller}
    rules.compute(table, row)
    rules.check(service, table, row)
    _check_unique(service, table, row)
    _detect_duplicates(service, request, table, row)
    service.store.replace(table.entity_set, row[table.primary_id], row)
    return row


def _check_unique(service: Service, table: Table, row: Row) -> None:
    for index in service.store.data[table.entity_set].indexes:
        values = index.of(row)
        if values is not None and index.ids.get(values, row[table.primary_id]) != row[table.primary_id]:
            raise _violation(index)


def _violation(index: Index) -> DataverseError:
    return duplicate_key(index.label) if index.is_key else duplicate_record()


def _detect_duplicates(service: Service, request: Request, table: Table, row: Row) -> None:
    """Duplicate-detection rules run only when the caller asks for them (D120)."""
    if (request.header("mscrm.suppressduplicatedetection") or "").lower() != "false":
        return
    for prop in service.settings.duplicate_rules.get(table.entity_set, ()):
        wanted = fold(row.get(prop))
        others = service.store.data[table.entity_set].rows.items()
        own = row[table.primary_id]
        if wanted is not None and any(fold(other.get(prop)) == wanted for key, other in others if key != own):
            status = service.settings.duplicate_detected_status
            raise DataverseError(
                status, "0x80040333", "A record was not created or updated because a duplicate exists."
            )


def require_match(request: Request, row: Row) -> None:
    """412 when `If-Match` names another version (D83)."""
    wanted = request.header("if-match")
    if wanted is not None and wanted != "*" and wanted.removeprefix("W/").strip('"') != str(row["versionnumber"]):
        raise stale_version()


def delete(service: Service, request: Request, table: Table, row: Row) -> None:
    """Remove a row; referring rows are unlinked, removed with it, or stand in its way (D111)."""
    allow(service, request, table, "Delete")
    if not table.deletable:
        raise DataverseError(405, "0x80040227", f"A {table.logical} cannot be deleted; it can only be disabled.")
    row_id = row[table.primary_id]
    if row_id == service.settings.base_currency_id:
        raise DataverseError(405, "0x80040227", "The base currency of an organization cannot be deleted.")
    for data in service.store.data.values():
        for prop, referrers in data.links.items():
            for referrer in list(referrers.get(row_id, ())):
                itself = data.table is table and referrer == row_id
                if referrer in data.rows and not itself and _leads_to(data, referrer, prop, table):
                    _settle_referrer(service, request, data.table, data.rows[referrer], prop)
    service.store.remove(table.entity_set, row_id)
    tell(service, request, "Delete", table, row_id, {})


def _leads_to(data: TableData, row_id: str, prop: str, table: Table) -> bool:
    """Is it a row of this table that the lookup names? Rows of two tables may have the same id."""
    named = data.rows[row_id].get(prop + TARGET) or data.table.columns[prop].targets[0].entity_set
    return bool(named == table.entity_set)


def _settle_referrer(service: Service, request: Request, table: Table, row: Row, prop: str) -> None:
    rule = table.columns[prop].on_delete
    if rule is OnDelete.CASCADE:
        _delete_unit_or_row(service, request, table, row)
    elif rule is OnDelete.REMOVE_LINK:
        change(service, table, row, {prop: None, prop + TARGET: None}, request)
    elif rule is OnDelete.RESTRICT:
        message = "The object you tried to delete is associated with another object and cannot be deleted."
        raise DataverseError(405, "0x80040227", message)


def _delete_unit_or_row(service: Service, request: Request, table: Table, row: Row) -> None:
    """Units of a schedule go together: the ones built on another one first."""
    if table.logical == "uom":
        dependants = service.store.data["uoms"].links["_baseuom_value"].get(row["uomid"], {})
        for dependant in list(dependants):
            _delete_unit_or_row(service, request, table, service.store.data["uoms"].rows[dependant])
    if row[table.primary_id] in service.store.data[table.entity_set].rows:
        delete(service, request, table, row)


def set_property(service: Service, request: Request, table: Table, row: Row, prop: str, value: Any) -> Row:
    """`PUT accounts(id)/name` and `DELETE accounts(id)/name` (B5)."""
    column = table.columns[prop]
    if column.kind is Kind.LOOKUP or column.read_only or column.insert_only:
        raise bad_request(f"The property '{prop}' of '{table.logical}' cannot be set by this request.")
    changes = {prop: convert(table, column, value, empty_is_null=service.settings.empty_text_is_null)}
    rules.settle_state(table, changes, row)
    allow(service, request, table, "Write")
    return _updated(service, request, table, row, changes)
