"""POST, PATCH, PUT and DELETE as HTTP has them: conditions, representations, bulk actions (wire-protocols B5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from daemon.sandbox.dataverse.body import parse_json
from daemon.sandbox.dataverse.context import Reply, Request, Service, json_reply
from daemon.sandbox.dataverse.errors import (
    DUPLICATE,
    DataverseError,
    bad_request,
    does_not_exist,
    duplicate_record,
    no_segment,
)
from daemon.sandbox.dataverse.keys import Address, find, parse_reference
from daemon.sandbox.dataverse.options import parse_options
from daemon.sandbox.dataverse.reads import entity_reply, require
from daemon.sandbox.dataverse.shape import Shape
from daemon.sandbox.dataverse.store import Row
from daemon.sandbox.dataverse.tables import Table
from daemon.sandbox.dataverse.write import create, delete, require_match, set_property, update

_REPRESENTATION = "return=representation"


def post_row(service: Service, request: Request, table: Table) -> Reply:
    """Create: 204 with `OData-EntityId`, or 201 with the row (D77, D78)."""
    row = create(service, request, table, parse_json(service, request))
    return _answer(service, request, table, row, 201)


def patch_row(service: Service, request: Request, address: Address) -> Reply:
    """Update or create, as `If-Match` and `If-None-Match` allow (D81–D83, D86)."""
    table, body, row = address.table, parse_json(service, request), find(service.store, address)
    if row is None:
        if request.header("if-match") is not None:
            require(service, address)
        row = create(service, request, table, {**body, **dict(address.key)}, address.row_id)
        return _answer(service, request, table, row, 201, address)
    if request.header("if-none-match") == "*":
        raise duplicate_record()
    require_match(request, row)
    keys = {name for name, _ in address.key}
    row = update(service, request, table, row, {name: value for name, value in body.items() if name not in keys})
    return _answer(service, request, table, row, 200, address)


def delete_row(service: Service, request: Request, address: Address) -> Reply:
    """204, then 404; a stale `If-Match` is 412 (D83, D111)."""
    row = require(service, address)
    require_match(request, row)
    delete(service, request, address.table, row)
    return Reply(204)


def put_property(service: Service, request: Request, address: Address, name: str) -> Reply:
    """`PUT accounts(id)/name {"value": …}`; DELETE sets null."""
    row = require(service, address)
    require_match(request, row)
    if name in address.table.binds and request.method == "DELETE":
        update(service, request, address.table, row, {name: None})
        return Reply(204)
    if name not in address.table.columns:
        raise no_segment(name)
    body = parse_json(service, request) if request.method == "PUT" else {"value": None}
    if "value" not in body:
        raise bad_request("The body must carry the property 'value'.", "0x80048d19")
    set_property(service, request, address.table, row, name, body["value"])
    return Reply(204)


def reference(service: Service, request: Request, address: Address, name: str) -> Reply:
    """`DELETE …/nav/$ref` clears a lookup, `PUT` with `{"@odata.id": url}` sets it (B2)."""
    row = require(service, address)
    require_match(request, row)
    if name not in address.table.binds:
        raise no_segment(name)
    target = parse_json(service, request).get("@odata.id") if request.method == "PUT" else None
    update(service, request, address.table, row, {f"{name}@odata.bind": target})
    return Reply(204)


def _answer(
    service: Service, request: Request, table: Table, row: Row, status: int, address: Address | None = None
) -> Reply:
    own = f"{request.base}/{table.entity_set}({row[table.primary_id]})"
    if request.preferences.get("return") == "representation":
        shape = Shape(service, request, table, parse_options(service, request, table).select)
        reply = entity_reply(request, shape, row, status)
        return Reply(status, {**reply.headers, "Preference-Applied": _REPRESENTATION}, reply.body, own)
    by_key = address is not None and address.row_id is None
    key = quote(address.text, safe="'=,") if address is not None and by_key else row[table.primary_id]
    url = f"{request.base}/{table.entity_set}({key})"
    headers = {"OData-EntityId": url} | ({"Location": url} if request.method == "POST" else {})
    return Reply(204, headers, b"", own)


def bulk(service: Service, request: Request, table: Table, action: str) -> Reply:
    """CreateMultiple, UpdateMultiple, UpsertMultiple: all or nothing (D112, D113)."""
    if action == "DeleteMultiple":
        raise bad_request("DeleteMultiple has not yet been implemented.", "0x80040216")
    if action not in {"CreateMultiple", "UpdateMultiple", "UpsertMultiple"}:
        raise no_segment(f"Microsoft.Dynamics.CRM.{action}")
    if not table.multiple:
        message = f"The message {action} is not supported for the entity {table.logical}."
        raise DataverseError(service.settings.unsupported_bulk_status, "0x80060888", message)
    targets = _targets(service, request, table)
    if action == "CreateMultiple":
        ids = [_created(service, request, table, target) for target in targets]
        context = f"{request.base}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
        return json_reply(200, {"@odata.context": context, "Ids": ids})
    for target in targets:
        _put(service, request, table, target, may_create=action == "UpsertMultiple")
    return Reply(204)


def _targets(service: Service, request: Request, table: Table) -> list[dict[str, Any]]:
    targets = parse_json(service, request).get("Targets")
    if not isinstance(targets, list) or not all(isinstance(target, dict) for target in targets):
        raise bad_request("The parameter 'Targets' must be a collection of entities.", "0x80048d19")
    wanted = f"Microsoft.Dynamics.CRM.{table.logical}"
    for target in targets:
        given = target.get("@odata.type")
        absent = given is None and not service.settings.require_target_type
        if not absent and str(given).lstrip("#") != wanted:
            message = f"Each entity of 'Targets' must have an '@odata.type' of '{wanted}', not '{given}'."
            raise bad_request(message, "0x80048d19")
    return targets


def _created(service: Service, request: Request, table: Table, target: Mapping[str, Any]) -> str:
    try:
        return str(create(service, request, table, target)[table.primary_id])
    except DataverseError as error:
        if error.code == DUPLICATE:
            raise DataverseError(412, DUPLICATE, "Cannot insert duplicate key.") from error
        raise


def _put(service: Service, request: Request, table: Table, target: Mapping[str, Any], *, may_create: bool) -> None:
    address = _addressed(service, request, table, target)
    row = find(service.store, address)
    body = {name: value for name, value in target.items() if name != table.primary_id}
    if row is not None:
        keys = {name for name, _ in address.key}
        update(service, request, table, row, {name: value for name, value in body.items() if name not in keys})
    elif may_create:
        create(service, request, table, {**body, **dict(address.key)}, address.row_id)
    else:
        error = does_not_exist(table.logical, address.row_id or address.text)
        error.message = f"{table.schema} With Ids = {address.row_id or address.text} Do Not Exist"
        raise error


def _addressed(service: Service, request: Request, table: Table, target: Mapping[str, Any]) -> Address:
    """A target names its row by primary id or by `@odata.id` (B5)."""
    if isinstance(link := target.get("@odata.id"), str):
        return parse_reference(service.store, link, request.base)
    row_id = target.get(table.primary_id)
    if not isinstance(row_id, str):
        raise bad_request(f"Each entity of 'Targets' must carry '{table.primary_id}' or '@odata.id'.", "0x80048d19")
    return parse_reference(service.store, f"{table.entity_set}({row_id})", request.base)
