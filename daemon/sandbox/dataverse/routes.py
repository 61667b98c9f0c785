"""From a request to the handler for its path and verb (wire-protocols B1, B3, B5)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from daemon.sandbox.dataverse import metadata, privileges, reads, writes
from daemon.sandbox.dataverse.context import Reply, Request, Service, json_reply
from daemon.sandbox.dataverse.errors import DataverseError, no_resource, no_segment, not_allowed
from daemon.sandbox.dataverse.keys import Address, parse_address, split_segment
from daemon.sandbox.dataverse.tables import Table

_NAMESPACE = "Microsoft.Dynamics.CRM."


def handle(service: Service, request: Request) -> Reply:
    """The answer to one request; an error undoes what the request had written and becomes its answer."""
    try:
        with service.store.transaction():
            _check_length(service, request)
            return _route(service, request)
    except DataverseError as error:
        return error_reply(request, error)


def error_reply(request: Request, error: DataverseError) -> Reply:
    """The error body (B3); `include-annotations="*"` adds the service's own members."""
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if request.preferences.get("odata.include-annotations") == "*":
        link = "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException"
        body |= {
            "@Microsoft.PowerApps.CDS.HelpLink": link,
            "@Microsoft.PowerApps.CDS.InnerError.Message": error.message,
        }
    return json_reply(error.status, {"error": body}, error.headers)


def _check_length(service: Service, request: Request) -> None:
    limit = service.settings.batch_url_limit if request.in_batch else service.settings.url_limit
    length = len(request.base) + 1 + len(request.path) + 1 + len(request.query)
    if length > limit:
        raise DataverseError(414, "", f"The URL is longer than the allowed {limit} characters.")


def _route(service: Service, request: Request) -> Reply:
    segments = [unquote(segment) for segment in request.path.split("/")]
    first = segments[0]
    if first in {"", "$metadata", "WhoAmI", "WhoAmI()"}:
        return _function(service, request, first)
    if first.startswith("EntityDefinitions"):
        _only(request, "GET")
        return metadata.definitions(service, request, segments)
    name, key = split_segment(first)
    table = service.store.tables.get(name)
    if table is None:
        raise no_segment(name)
    if key is None:
        return _collection(service, request, table, segments[1:])
    return _row(service, request, parse_address(service.store, table, key), segments[1:])


def _function(service: Service, request: Request, name: str) -> Reply:
    if request.method != "GET":
        raise no_resource(f"{request.base}/{request.path}")
    if name == "$metadata":
        return metadata.csdl(service, request)
    if name == "":
        sets = [{"name": each, "kind": "EntitySet", "url": each} for each in service.store.tables]
        return json_reply(200, {"@odata.context": f"{request.base}/$metadata", "value": sets})
    body = {
        "@odata.context": f"{request.base}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
        "BusinessUnitId": service.settings.business_unit_id,
        "UserId": request.caller,
        "OrganizationId": service.settings.organisation_id,
    }
    return json_reply(200, body)


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise not_allowed(request.method)


def _collection(service: Service, request: Request, table: Table, rest: Sequence[str]) -> Reply:
    if not rest:
        _only(request, "GET", "POST")
        return (reads.list_rows if request.method == "GET" else writes.post_row)(service, request, table)
    if len(rest) == 1 and rest[0] == "$count":
        _only(request, "GET")
        return reads.count_rows(service, request, table)
    if len(rest) == 1 and rest[0].startswith(_NAMESPACE):
        _only(request, "POST")
        return writes.bulk(service, request, table, rest[0].removeprefix(_NAMESPACE))
    raise no_segment(rest[0])


def _row(service: Service, request: Request, address: Address, rest: Sequence[str]) -> Reply:
    if not rest:
        _only(request, "GET", "PATCH", "DELETE")
        verbs = {"GET": reads.get_row, "PATCH": writes.patch_row, "DELETE": writes.delete_row}
        return verbs[request.method](service, request, address)
    if len(rest) == 2 and rest[1] == "$ref":
        _only(request, "DELETE", "PUT")
        return writes.reference(service, request, address, rest[0])
    if len(rest) == 2 and rest[1] == "$value":
        _only(request, "GET")
        return reads.raw_value(service, request, address, rest[0])
    if len(rest) == 1 and rest[0].removesuffix("()") == privileges.FUNCTION and address.table.logical == "systemuser":
        _only(request, "GET")
        return privileges.held(service, request)
    if len(rest) == 1:
        _only(request, "GET", "PUT", "DELETE")
        verb = reads.get_property if request.method == "GET" else writes.put_property
        return verb(service, request, address, rest[0])
    raise no_segment(rest[-1])
