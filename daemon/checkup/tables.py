"""Reading one id of every table that is read, and asking each captured Sales table for its changes."""

import asyncio
from collections.abc import Mapping, Sequence

import httpx

from producers import currencies, odata
from schemas import business_central, dataverse
from schemas import checkup_rules as rules
from schemas.checkup import Checked, away, fine, wrong
from schemas.errors import ApiError
from schemas.mapping import Mappings, Table
from schemas.metadata import Service
from schemas.odata import document
from schemas.side import Side

_RATES = (Table(Side.BC, "companyInformation", "id"), Table(Side.BC, "currencyExchangeRates", "id"))
_NOT_TRACKED = frozenset({400, 501})


def tables(mappings: Mappings, side: Side, services: Mapping[str, Service] | None) -> tuple[Table, ...]:
    """What the mappings read there, each once; what is not served at all is told where the fields are."""
    named: dict[tuple[str, str], Table] = {}
    for mapping in mappings.all:
        table = mapping.table(side)
        service = (services or {}).get(table.api)
        if services is None or (service and table.name in service.sets):
            named.setdefault((table.api, table.name), table)
        if side is Side.SALES:
            children = (one.child for one in table.references)
            named |= {("", child): Table(side, child, dataverse.id_column(child)) for child in children}
        elif table.name == currencies.TABLE and not business_central.CURRENCY_FIELDS.isdisjoint(mapping.mapped(side)):
            named |= {("", one.name): one for one in _RATES}
    return tuple(named.values())


async def reading(client: httpx.AsyncClient, company: str, named: Sequence[Table], side: Side) -> list[Checked]:
    """Which of them the application may read."""
    refusals = await asyncio.gather(*(_refusal(client, company, table) for table in named))
    found = [one for one in refusals if one]
    may = [table.name for table, refused in zip(named, refusals, strict=True) if not refused]
    return [fine(side.label, "reading", f"Allowed: {', '.join(may)}."), *found] if may else found


async def _refusal(client: httpx.AsyncClient, company: str, table: Table) -> Checked | None:
    about, what = table.side.label, "reading"
    try:
        await odata.get(client, f"{_path(table, company)}?$top=1&$select={table.id}")
    except ApiError as error:
        says = f"{about} refuses to read {table.name} ({error.status}): {error.problem.message}"
        if error.transient:
            return away(about, what, says, "Ask again: this may pass.")
        if error.status == 403:
            return wrong(about, what, says, f"Give the application read privilege on {table.name}: {rules.SETUP}.")
        if table.api:
            return wrong(about, what, says, f"Publish the custom API page {table.api}: {rules.SETUP}; or leave it out.")
        return wrong(about, what, says, "Correct the mapping's `table` and `id`, or leave the mapping out.")
    return None


def _path(table: Table, company: str) -> str:
    return dataverse.path(table.name) if table.side is Side.SALES else business_central.path(table, company)


async def tracking(client: httpx.AsyncClient, names: Sequence[str], deletions_minutes: float) -> list[Checked]:
    """Does each of these Sales tables tell its changes?"""
    answers = await asyncio.gather(*(_tracks(client, name) for name in names))
    known = {name: one for name, one in zip(names, answers, strict=True) if isinstance(one, bool)}
    return [*rules.tracking(known, deletions_minutes), *(one for one in answers if isinstance(one, Checked))]


async def _tracks(client: httpx.AsyncClient, name: str) -> bool | Checked | None:
    """Tracking needs organisation-wide read (wire-protocols B4.1, D110). None: told by `reading`."""
    url = f"{dataverse.path(name)}?$select={dataverse.id_column(name)}"
    answer = await client.get(url, headers={"Prefer": "odata.track-changes,odata.maxpagesize=1"})
    try:
        document(answer.status_code, answer.content)
    except ApiError as error:
        if error.status in _NOT_TRACKED:
            return False
        about, what, says = Side.SALES.label, "change tracking", f"Refused for {name}: {error.problem.message}"
        if error.transient:
            return away(about, what, says, "Ask again: this may pass.")
        if await _refusal(client, "", Table(Side.SALES, name, dataverse.id_column(name))):
            return None
        return wrong(about, what, says, f"Give the application organisation-wide read on {name}: {rules.SETUP}.")
    return "odata.track-changes" in answer.headers.get("Preference-Applied", "")
