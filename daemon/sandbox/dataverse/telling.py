"""Telling the webhook steps what a write has changed, as the SDK types it (wire-protocols B4.2, D122)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from daemon.sandbox.dataverse.body import TARGET
from daemon.sandbox.dataverse.context import Request, Service
from daemon.sandbox.dataverse.steps import CONTRACTS, Origin
from daemon.sandbox.dataverse.tables import OPTIONS, Column, Kind, Table


def tell(
    service: Service, request: Request, message: str, table: Table, row_id: str, changes: Mapping[str, Any]
) -> None:
    """Note the write for every step on it; what is undone later is not told."""
    for step in service.steps.of(message, table):
        origin = Origin(request.caller, urlsplit(request.base).netloc, request.query)
        service.steps.note(step, row_id, _attributes(service, table, changes), origin)
        service.store.on_undo(service.steps.unnote)


def _attributes(service: Service, table: Table, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns = [column for column in table.columns.values() if column.prop in changes]
    return [{"key": column.name, "value": _typed(service, column, changes)} for column in columns]


def _typed(service: Service, column: Column, changes: Mapping[str, Any]) -> Any:
    """References, choices and money have types of their own."""
    value = changes[column.prop]
    if value is None:
        return None
    if column.kind is Kind.LOOKUP:
        entity_set = changes.get(column.prop + TARGET) or column.targets[0].entity_set
        logical = service.store.tables[entity_set].logical
        return {"__type": f"EntityReference:{CONTRACTS}", "Id": value, "LogicalName": logical}
    if column.kind in OPTIONS or column.kind is Kind.MONEY:
        kind = "Money" if column.kind is Kind.MONEY else "OptionSetValue"
        return {"__type": f"{kind}:{CONTRACTS}", "Value": value}
    return value
