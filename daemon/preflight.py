"""Before anything starts: do both sides answer, and serve all that the mappings file names? One clear error if not."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

import httpx
import structlog

from daemon import metadata
from daemon.unreachable import away
from producers import odata
from producers.business_central import resolve_company
from schemas import business_central, dataverse, rows
from schemas.errors import ApiError, ConfigurationError, CoupledError, Unreachable
from schemas.finding import Level
from schemas.mapping import Mappings, Table, TableMapping
from schemas.mapping_check import judge
from schemas.mapping_file import MappingsFile, refusal
from schemas.metadata import Served, Service
from schemas.side import Side
from schemas.unserved import without_reference

_log = structlog.get_logger(__name__)
_NOT_SERVED = frozenset({400, 404, 405, 501})
# Seconds for a side's metadata: Dataverse's has megabytes.
_PATIENCE = 30.0
Clients = Mapping[Side, httpx.AsyncClient]
T = TypeVar("T")


async def connect(clients: Clients, company: str) -> str:
    """The id of the BC company, once both sides have let us in. Unreachable or ConfigurationError otherwise."""
    try:
        found = await resolve_company(clients[Side.BC], company)
    except ApiError as error:
        raise away(Side.BC, clients[Side.BC], error) from error
    try:
        await odata.get(clients[Side.SALES], dataverse.path("systemusers") + "?$top=1&$select=systemuserid")
    except ApiError as error:
        raise away(Side.SALES, clients[Side.SALES], error) from error
    return found


async def usable(clients: Clients, company: str, file: MappingsFile) -> Mappings:
    """The mappings as these sides serve them. ConfigurationError names the line and field of what they do not."""
    await check_file(clients, file)
    mappings = await expanding(clients, company, file.mappings)
    await check_mappings(clients, company, mappings)
    return mappings


async def check_file(clients: Clients, file: MappingsFile, patience: float = _PATIENCE) -> None:
    """Holds the file against what both sides say they serve: what `mappings check` calls an error is refused, the rest
    is logged. A side that does not say so within `patience` seconds is not judged by it, so that none keeps the daemon
    from starting that can do its work: what is read of it at once (`check_mappings`) has to be there in any case.
    """
    bc, sales = await asyncio.gather(
        _told(Side.BC, metadata.served_bc(clients[Side.BC], file.mappings), patience),
        _told(Side.SALES, metadata.served_sales(clients[Side.SALES], file.mappings), patience),
    )
    unknown = frozenset(side for side, one in ((Side.BC, bc), (Side.SALES, sales)) if one is None)
    findings = judge(file, Served(bc or {}, sales or Service({}), unknown))
    if errors := [one for one in findings if one.level is Level.ERROR]:
        raise refusal(file, errors)
    for one in findings:
        place = ".".join(map(str, one.place))
        _log.warning("mapping_advice", line=file.line(one.place), place=place, advice=one.message, hint=one.hint)


async def _told(side: Side, reading: Awaitable[T], patience: float) -> T | None:
    try:
        async with asyncio.timeout(patience):
            return await reading
    except (Unreachable, ApiError, TimeoutError) as error:
        reason = str(error) or f"no answer within {patience:g} s"
        _log.warning("metadata_not_served", side=side.value, reason=reason, instead="one record of each table is read")
        return None


async def expanding(clients: Clients, company: str, mappings: Mappings) -> Mappings:
    """The mappings, without the BC parts (such as a customer's company contact) that the server does not expand.

    Their records are then known by their key: a contact names its company by the customer's number.
    """
    for mapping in mappings.all:
        for reference in mapping.bc.references:
            if not await _expands(clients[Side.BC], business_central.path(mapping.bc, company), reference.child):
                _log.warning("part_not_served", mapping=mapping.name, part=reference.child, instead=mapping.bc.key)
                mappings = without_reference(mappings, mapping.name, reference.name)
    return mappings


async def _expands(client: httpx.AsyncClient, path: str, part: str) -> bool:
    """False if the server refuses to, or answers as if not asked. Other trouble is for `check_mappings` to tell."""
    try:
        found = await odata.get(client, f"{path}?$top=1&$select=id&$expand={part}")
    except ApiError as error:
        return error.status not in _NOT_SERVED
    return not found.rows or part in found.rows[0]


async def check_mappings(clients: Clients, company: str, mappings: Mappings) -> None:
    """Reads one record of every mapped table with the mapped fields. ConfigurationError names what is not there."""
    checks = [
        _check(clients[side], company, mapping, side) for mapping in mappings.all for side in (Side.BC, Side.SALES)
    ]
    for error in await asyncio.gather(*checks):
        if error:
            raise error


async def _check(client: httpx.AsyncClient, company: str, mapping: TableMapping, side: Side) -> CoupledError | None:
    table = mapping.table(side)
    try:
        await odata.get(client, _first(table, company, _columns(mapping, side)))
    except ApiError as error:
        if error.transient:
            return away(side, client, error)
        return ConfigurationError(
            "mapping-impossible",
            f"Mapping {mapping.name}: {side.label} refuses to read {table.name} ({error.status}): "
            f"{error.problem.message}",
            _hint(table, error),
        )
    return None


def _columns(mapping: TableMapping, side: Side) -> tuple[str, ...]:
    """What is read of a table, and what insert templates write to it under a column's own name."""
    written = (name for one in mapping.templates if one.side is side for name in one.values)
    known = {*mapping.mapped(side)}
    more = (name for name in written if "@" not in name and name not in known)
    return tuple(dict.fromkeys([*rows.select(side, mapping.table(side).name, [mapping]), *more]))


def _first(table: Table, company: str, select: tuple[str, ...]) -> str:
    if table.side is Side.SALES:
        return f"{dataverse.path(table.name)}?$top=1&$select={','.join(select)}"
    expand = business_central.expand(table)
    part = f"&$expand={expand}" if expand else ""
    return f"{business_central.path(table, company)}?$top=1&$select={','.join(select)}{part}"


def _hint(table: Table, error: ApiError) -> str:
    if error.status == 403:
        return "Give the application the privilege to read it: docs/setup.md."
    if table.api:
        return f"The custom API page {table.api} has to be published: docs/setup.md; or leave the mapping out."
    return "`coupled mappings check` names every such mistake with its line; docs/mappings.md explains each setting."
