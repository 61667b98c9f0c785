"""A request body as column values: names, kinds and `@odata.bind` references (wire-protocols B5, D90–D94)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from daemon.sandbox.dataverse.context import Request, Service
from daemon.sandbox.dataverse.errors import (
    DataverseError,
    bad_payload,
    bad_request,
    does_not_exist,
    invalid_property,
)
from daemon.sandbox.dataverse.keys import find, parse_reference
from daemon.sandbox.dataverse.privileges import allow
from daemon.sandbox.dataverse.tables import Column, Kind, Table, Target
from daemon.sandbox.dataverse.values import convert

BIND = "@odata.bind"
TARGET = "~target"  # beside a lookup's id, the set it points to; no property name can end so


def parse_json(service: Service, request: Request) -> dict[str, Any]:
    """The body as an object; anything else is refused, and a body that is not said to be JSON."""
    kind = request.headers.get("content-type", "").strip().lower()
    if not kind:
        message = "The request has a body and no content type header, which is required to read it."
        raise DataverseError(service.settings.untyped_body_status, "0x0", message)
    if "json" not in kind:
        raise DataverseError(415, "", "The content type of the request is not supported: use application/json.")
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"Error in reading the request body: {error}", "0x80048d19") from error
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.", "0x80048d19")
    return body


def read_body(
    service: Service, request: Request, table: Table, body: Mapping[str, Any], *, create: bool
) -> dict[str, Any]:
    """Property name to stored value for what the caller may set; read-only columns are ignored or refused (switch)."""
    changes: dict[str, Any] = {}
    for name, value in body.items():
        if name.endswith(BIND):
            changes |= _bound(service, request, table, name.removesuffix(BIND), value, create=create)
        elif "@" not in name:
            changes |= _plain(service, table, name, value, create=create)
    return changes


def _plain(service: Service, table: Table, name: str, value: Any, *, create: bool) -> dict[str, Any]:
    column = table.columns.get(name)
    if column is None:
        return _cleared_link(table, name, value)
    if column.kind is Kind.LOOKUP:
        detail = "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead."
        raise bad_request(detail)
    if not _may_set(service, table, column, create=create):
        return {}
    return {name: convert(table, column, value, empty_is_null=service.settings.empty_text_is_null)}


def _cleared_link(table: Table, name: str, value: Any) -> dict[str, Any]:
    bind = table.binds.get(name)
    if bind is None:
        raise invalid_property(table.logical, name)
    if value is not None:
        raise bad_payload(table.entity_set, f"Related records cannot be written through '{name}' here.")
    return _link(bind[0], None, None)


def _may_set(service: Service, table: Table, column: Column, *, create: bool) -> bool:
    if column.read_only:
        allowed = False
    elif create:
        allowed = not column.update_only
    else:
        allowed = not column.insert_only
    is_state = column.kind is Kind.STATE
    rule = service.settings.state_on_create if is_state else service.settings.read_only_in_body
    if not allowed and rule == "refuse":
        raise bad_request(f"The property '{column.prop}' of '{table.logical}' cannot be set by this request.")
    return allowed


def _bound(service: Service, request: Request, table: Table, name: str, value: Any, *, create: bool) -> dict[str, Any]:
    bind = table.binds.get(name)
    if bind is None:
        raise bad_payload(
            table.entity_set,
            f"An undeclared property '{name}' which only has property annotations in the payload but no property value "
            "was found in the payload. In OData, only declared navigation properties and declared named streams can be "
            "represented as properties without values.",
        )
    column, target = bind
    if not _may_set(service, table, column, create=create):
        return {}
    if value is None:
        return _link(column, None, None)
    if not isinstance(value, str):
        raise bad_payload(table.entity_set, f"The value of '{name}{BIND}' must be a URL.")
    _allow_link(service, request, table, column, target)
    return _link(column, *_referred(service, request, column, target.navigation, value))


def _allow_link(service: Service, request: Request, table: Table, column: Column, target: Target) -> None:
    """A row is appended to another one; an owner is assigned."""
    if column.name == "ownerid":
        allow(service, request, table, "Assign")
        return
    allow(service, request, table, "Append")
    allow(service, request, service.store.tables[target.entity_set], "AppendTo")


def _referred(service: Service, request: Request, column: Column, navigation: str, value: str) -> tuple[Target, str]:
    url = _expand_content_id(request, value)
    address = parse_reference(service.store, url, request.base)
    pointed = (one for one in column.targets if one.navigation == navigation)
    target = next((one for one in pointed if one.entity_set == address.table.entity_set), None)
    if target is None:
        detail = f"The reference '{value}' is not of the type that '{navigation}' points to."
        raise bad_payload(address.table.entity_set, detail)
    row = find(service.store, address)
    if row is None:
        shown = address.row_id or address.text
        raise does_not_exist(address.table.logical, shown, service.settings.missing_bind_status)
    return target, str(row[address.table.primary_id])


def _expand_content_id(request: Request, value: str) -> str:
    """`$1` as the URL that part of the change set has answered with (D115)."""
    if not value.startswith("$"):
        return value
    known = request.content_ids.get(value.removeprefix("$"))
    if known is None:
        message = f"Content-ID Reference: '{value}' does not exist in the batch context."
        raise bad_request(message, "0x80060888")
    return known


def _link(column: Column, target: Target | None, row_id: str | None) -> dict[str, Any]:
    return {column.prop: row_id, column.prop + TARGET: target.entity_set if target is not None else None}


def target_of(table: Table, column: Column, row: Mapping[str, Any]) -> Target | None:
    """Where a row's lookup points: the set stored beside it, or the only one the column has."""
    chosen = row.get(column.prop + TARGET)
    if chosen is None:
        return column.targets[0] if row.get(column.prop) is not None else None
    return next(target for target in column.targets if target.entity_set == chosen)
