"""GET: collections, counts, rows, single properties (wire-protocols B3, D84, D95–D101)."""

from __future__ import annotations

from typing import Any

from daemon.sandbox.dataverse import delta
from daemon.sandbox.dataverse.body import target_of
from daemon.sandbox.dataverse.context import Reply, Request, Service, etag, json_reply
from daemon.sandbox.dataverse.cookie import seal, unseal
from daemon.sandbox.dataverse.errors import bad_request, does_not_exist, key_not_found, no_segment
from daemon.sandbox.dataverse.keys import Address, find
from daemon.sandbox.dataverse.options import Options, parse_options
from daemon.sandbox.dataverse.pages import Page, count_of, page_of
from daemon.sandbox.dataverse.privileges import allow
from daemon.sandbox.dataverse.shape import Shape
from daemon.sandbox.dataverse.store import Row
from daemon.sandbox.dataverse.tables import Kind, Table


def list_rows(service: Service, request: Request, table: Table) -> Reply:
    """A page of a collection, plain or tracked."""
    allow(service, request, table, "Read")
    options = parse_options(service, request, table)
    shape = Shape(service, request, table, options.select)
    state, tracking = _state(service, table, options)
    preferences = request.preferences
    if options.delta_token is not None or tracking or "odata.track-changes" in preferences:
        delta.check_tracking(service, request, table, options)
        follows = delta.changes if options.delta_token is not None or "until" in state else delta.initial
        size = _size(service, request) or service.settings.page_limit
        return _with_page_size(service, request, follows(service, request, shape, options, state, size))
    return _plain(service, request, shape, options, state)


def _state(service: Service, table: Table, options: Options) -> tuple[dict[str, Any], bool]:
    if options.skip_token is None:
        return {}, False
    return unseal(service.secret, delta.query_key(table, options), options.skip_token)


def _size(service: Service, request: Request) -> int | None:
    """The page size asked for, at most the service's own (D99)."""
    text = request.preferences.get("odata.maxpagesize", "")
    return min(int(text), service.settings.page_limit) if text.isdecimal() and int(text) > 0 else None


def _with_page_size(service: Service, request: Request, reply: Reply) -> Reply:
    size = _size(service, request)
    if size is None:
        return reply
    applied = [reply.headers.get("Preference-Applied", ""), f"odata.maxpagesize={size}"]
    headers = {**reply.headers, "Preference-Applied": ",".join(filter(None, applied))}
    return Reply(reply.status, headers, reply.body)


def _plain(service: Service, request: Request, shape: Shape, options: Options, state: dict[str, Any]) -> Reply:
    data = service.store.data[shape.table.entity_set]
    asked, limit = _size(service, request), service.settings.page_limit
    is_top = asked is None and options.top is not None  # $top is ignored beside maxpagesize (B3)
    size = min(options.top or 0, limit) if is_top else asked or limit
    page = page_of(service.store, data, options, state, size) if size else Page([], None)
    body: dict[str, Any] = {"@odata.context": f"{request.base}/$metadata#{shape.fragment}"}
    if options.count:
        body |= _counted(service, shape, count_of(data, options))
    body["value"] = [shape.row(row) for row in page.rows]
    if page.after is not None and not is_top:
        number = int(state.get("page", 1)) + 1
        cookie = seal(service.secret, delta.query_key(shape.table, options), number, page.after, tracking=False)
        kept = options.kept + "&" if options.kept else ""
        body["@odata.nextLink"] = f"{request.base}/{shape.table.entity_set}?{kept}$skiptoken={cookie}"
    return _with_page_size(service, request, json_reply(200, body))


def _counted(service: Service, shape: Shape, total: int) -> dict[str, Any]:
    limit = service.settings.count_limit
    found: dict[str, Any] = {"@odata.count": min(total, limit)}
    extra = {"totalrecordcount": min(total, limit), "totalrecordcountlimitexceeded": total > limit}
    for name, value in extra.items():
        if shape.wants(f"Microsoft.Dynamics.CRM.{name}"):
            found[f"@Microsoft.Dynamics.CRM.{name}"] = value
    return found


def count_rows(service: Service, request: Request, table: Table) -> Reply:
    """`/$count`: text, behind a byte-order mark (⚙ D100), at most 5,000."""
    allow(service, request, table, "Read")
    options = parse_options(service, request, table)
    if options.delta_token is not None:
        total = delta.change_count(service, table, options)
    else:
        total = min(count_of(service.store.data[table.entity_set], options), service.settings.count_limit)
    mark = b"\xef\xbb\xbf" if service.settings.count_with_bom else b""
    return Reply(200, {"Content-Type": "text/plain"}, mark + str(total).encode())


def require(service: Service, address: Address) -> Row:
    """The row at an address, or 404: by id 0x80040217, by key 0x80060891 (D89)."""
    row = find(service.store, address)
    if row is None:
        raise key_not_found() if address.row_id is None else does_not_exist(address.table.logical, address.row_id)
    return row


def get_row(service: Service, request: Request, address: Address) -> Reply:
    """One row; 304 when the caller already has this version (D84), except with annotations (B3)."""
    table = address.table
    allow(service, request, table, "Read")
    options = parse_options(service, request, table)
    row = require(service, address)
    shape = Shape(service, request, table, options.select)
    if request.header("if-none-match") == etag(row) and not shape.annotated:
        return Reply(304, {"ETag": etag(row)})
    return entity_reply(request, shape, row, 200)


def entity_reply(request: Request, shape: Shape, row: Row, status: int) -> Reply:
    """A row as a document of its own."""
    body = {"@odata.context": f"{request.base}/$metadata#{shape.fragment}/$entity", **shape.row(row)}
    return json_reply(status, body, {"ETag": etag(row)})


def get_property(service: Service, request: Request, address: Address, name: str) -> Reply:
    """`accounts(id)/name`; a single-valued navigation property answers with the row it leads to."""
    table = address.table
    allow(service, request, table, "Read")
    row = require(service, address)
    column = table.columns.get(name)
    if column is not None:
        value = row.get(name)
        if value is None:
            return Reply(204)
        context = f"{request.base}/$metadata#{table.entity_set}({row[table.primary_id]})/{name}"
        return json_reply(200, {"@odata.context": context, "value": value})
    return _related(service, request, table, row, name)


def _related(service: Service, request: Request, table: Table, row: Row, name: str) -> Reply:
    bind = table.binds.get(name)
    if bind is None:
        raise no_segment(name)
    column, related = bind[0], row.get(bind[0].prop)
    target = target_of(table, column, row)
    if related is None or target is None or target.navigation != name:
        return Reply(204)
    other = service.store.tables[target.entity_set]
    return get_row(service, request, Address(other, related, text=related))


def raw_value(service: Service, request: Request, address: Address, name: str) -> Reply:
    """`accounts(id)/name/$value`: the bare text."""
    column = address.table.columns.get(name)
    if column is None or column.kind is Kind.LOOKUP:
        raise bad_request(f"The property '{name}' has no raw value.", "0x80060888")
    value = require(service, address).get(name)
    return Reply(204) if value is None else Reply(200, {"Content-Type": "text/plain"}, str(value).encode())
