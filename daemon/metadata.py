"""Reads what both sides serve, for a mappings file to be held against: `$metadata`, and Dataverse's definitions."""

import asyncio
from collections.abc import Iterable, Mapping

import httpx
import structlog

from daemon.unreachable import away
from producers import odata
from schemas import business_central, csdl, dataverse
from schemas.errors import ApiError, Unreachable, api_error
from schemas.mapping import Mappings
from schemas.metadata import Kind, Property, Served, Service, with_rules
from schemas.side import Side

_log = structlog.get_logger(__name__)
_LENGTHS = ("StringAttributeMetadata", "MemoAttributeMetadata")
Clients = Mapping[Side, httpx.AsyncClient]


async def served(clients: Clients, mappings: Mappings) -> Served:
    """Unreachable if a side does not answer or lets us in, or answers something that is no metadata."""
    sales, pages = await asyncio.gather(
        served_sales(clients[Side.SALES], mappings), served_bc(clients[Side.BC], mappings)
    )
    return Served(pages, sales)


async def served_bc(client: httpx.AsyncClient, mappings: Mappings) -> dict[str, Service]:
    """The mapped APIs of Business Central by their path; one that is not published is missing."""
    apis = sorted({mapping.bc.api for mapping in mappings.all})
    pages = await asyncio.gather(*(_page(client, api) for api in apis))
    return {api: page for api, page in zip(apis, pages, strict=True) if page is not None}


async def served_sales(client: httpx.AsyncClient, mappings: Mappings) -> Service:
    sets = {mapping.sales.name for mapping in mappings.all}
    sets |= {reference.child for mapping in mappings.all for reference in mapping.sales.references}
    try:
        found = await _service(client, Side.SALES, dataverse.API_ROOT)
        return await _with_definitions(client, found, sets)
    except ApiError as error:
        raise away(Side.SALES, client, error) from error


async def _page(client: httpx.AsyncClient, api: str) -> Service | None:
    """One API of BC; None if it is a custom one that is not published."""
    try:
        return await _service(client, Side.BC, business_central.api_root(api))
    except ApiError as error:
        if api and error.status in (400, 404):
            return None
        raise away(Side.BC, client, error) from error


async def _service(client: httpx.AsyncClient, side: Side, root: str) -> Service:
    try:
        answer = await client.get(f"{root}/$metadata", headers={"Accept": "application/xml"})
    except httpx.RequestError as error:
        raise ApiError(0, "no-answer", f"no answer: {error or type(error).__name__}") from error
    if not answer.is_success:
        raise api_error(answer.status_code, answer.text)
    try:
        return await asyncio.to_thread(csdl.service, answer.content)  # Dataverse's takes more than a second
    except csdl.NotMetadata as error:
        raise Unreachable(
            "metadata-unreadable",
            f"{side.label} at {client.base_url} serves a $metadata that cannot be read: {error}.",
            "Check its url in coupled.yaml; `--offline` checks the file alone.",
        ) from error


async def _with_definitions(client: httpx.AsyncClient, service: Service, sets: Iterable[str]) -> Service:
    """With lengths, what may be written, and change tracking, which `$metadata` does not tell (wire-protocols B4.1).

    An application that may not read the definitions is checked without them.
    """
    columns = "LogicalName,EntitySetName,ChangeTrackingEnabled"
    try:
        tables = (await odata.get(client, f"{dataverse.API_ROOT}/EntityDefinitions?$select={columns}")).rows
        wanted = {str(row["EntitySetName"]): str(row["LogicalName"]) for row in tables if row["EntitySetName"] in sets}
        found = await asyncio.gather(*(_columns(client, logical) for logical in wanted.values()))
    except ApiError as error:
        if error.transient:
            raise
        _log.warning("definitions_not_served", status=error.status, error=error.problem.message)
        return service
    rules = dict(zip(wanted, found, strict=True))
    known = {name: with_rules(entity, rules.get(name, ())) for name, entity in service.sets.items()}
    untracked = {str(row["EntitySetName"]) for row in tables if not row["ChangeTrackingEnabled"]}
    return Service(known, service.types, frozenset(untracked))


async def _columns(client: httpx.AsyncClient, logical: str) -> list[Property]:
    """What may be written of each column of a table, and how long its text may be."""
    path = f"{dataverse.API_ROOT}/EntityDefinitions(LogicalName='{logical}')/Attributes"
    lengths: dict[str, int | None] = {}
    for kind in _LENGTHS:
        link = f"{path}/Microsoft.Dynamics.CRM.{kind}?$select=LogicalName,MaxLength"
        lengths |= {str(row["LogicalName"]): row.get("MaxLength") for row in (await odata.get(client, link)).rows}
    select = "LogicalName,IsValidForCreate,IsValidForUpdate"
    return [
        Property(
            name=str(row["LogicalName"]),
            kind=Kind.OTHER,
            max_length=lengths.get(str(row["LogicalName"])),
            creatable=bool(row.get("IsValidForCreate", True)),
            updatable=bool(row.get("IsValidForUpdate", True)),
        )
        for row in (await odata.get(client, f"{path}?$select={select}")).rows
    ]
