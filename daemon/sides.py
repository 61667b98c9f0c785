"""Both sides as the daemon uses them: sessions, live sources, sweeps and targets, made from settings and mappings."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx

from consumers.business_central import BusinessCentralTarget
from consumers.dataverse import DataverseTarget
from consumers.named import Records
from consumers.odata import Watch, unwatched
from consumers.ports import Row, Target
from daemon.governor import Hooks, Limits
from daemon.oauth import Credentials
from daemon.sessions import SideSettings, limits_of, session
from daemon.settings import BusinessCentral, Sales, Settings
from producers import business_central, currencies, dataverse
from producers.business_central import BusinessCentralSweep, ModifiedSource
from producers.clocks import SideClock
from producers.currencies import Currencies
from producers.current import Reader
from producers.dataverse import DataverseSweep, DeltaSource
from producers.deletions import TableIds, business_central_ids, sales_ids
from producers.ports import Source, Sweep
from producers.watermark import Overlap
from schemas import rows
from schemas.job import Job
from schemas.mapping import Mappings, Table, TableMapping
from schemas.side import Side


def side_settings(part: BusinessCentral | Sales) -> SideSettings:
    secret = part.auth.secret().get_secret_value()
    return SideSettings(part.url, Credentials(part.auth.token_endpoint, part.auth.client_id, secret, part.scope))


@asynccontextmanager
async def sessions(
    settings: Settings, hooks: Hooks, limits: Mapping[Side, Limits] | None = None
) -> AsyncIterator[Mapping[Side, httpx.AsyncClient]]:
    """One client per side, closed at the end: reads and writes share its sign-in and throttle budget (promise 9)."""
    parts = {Side.BC: side_settings(settings.business_central), Side.SALES: side_settings(settings.sales)}
    given = limits or limits_of(settings.workers)
    clients = {side: session(side, part, hooks=hooks, limits=given[side]) for side, part in parts.items()}
    async with clients[Side.BC], clients[Side.SALES]:
        yield clients


@dataclass(frozen=True)
class Sides:
    """`company` is the id of the BC company; `clients` one session per side."""

    clients: Mapping[Side, httpx.AsyncClient]
    company: str
    mappings: Mappings
    overlap: Overlap
    now_ms: Callable[[], int]
    clocks: Mapping[Side, SideClock] = field(init=False)

    def __post_init__(self) -> None:
        heard = {side: SideClock(client, self.now_ms) for side, client in self.clients.items()}
        object.__setattr__(self, "clocks", heard)

    def target(self, side: Side, watch: Watch = unwatched) -> Target:
        if side is Side.BC:
            return BusinessCentralTarget(self.clients[side], self.company, watch=watch)
        return DataverseTarget(self.clients[side], watch=watch)

    def reader(self, side: Side) -> Reader:
        """Records by id, with the fields that capture computes."""
        return _Reader(self, side, self.target(side))

    def records(self, side: Side) -> Records:
        """Records by id, with the fields that capture computes, and by any of their fields."""
        return _Reader(self, side, self.target(side))

    def source(self, side: Side, name: str) -> Source:
        """The live changes of a table, with the columns that any of its mappings reads."""
        reading = self.mappings.reading(side, name)
        table, select = reading[0].table(side), rows.select(side, name, reading)
        overlap = replace(self.overlap, side=self.clocks[side])
        if side is Side.SALES:
            return DeltaSource(self.clients[side], table, select, now_ms=self.now_ms, overlap=overlap)
        mapped = {field for mapping in reading for field in mapping.mapped(side)}
        return ModifiedSource(
            self.clients[side],
            self.company,
            table,
            select,
            now_ms=self.now_ms,
            mapped=mapped,
            overlap=overlap,
        )

    def ids(self, table: Table) -> TableIds:
        """All ids of a table."""
        if table.side is Side.SALES:
            return sales_ids(self.clients[Side.SALES], table)
        return business_central_ids(self.clients[Side.BC], self.company, table, self.now_ms)

    def sweep(self, job: Job, since: datetime | None) -> Sweep:
        """The records of a job's mapping, in its filter, all or those modified since."""
        mapping, side = self.mappings[job.mapping], job.direction.source
        table, select = mapping.table(side), rows.select(side, mapping.table(side).name, [mapping])
        work, client = (job.id, mapping.name), self.clients[side]
        if side is Side.SALES:
            text = table.filter.text
            return DataverseSweep(client, table, select, job=work, now_ms=self.now_ms, filter_text=text, since=since)
        mapped = mapping.mapped(side)
        return BusinessCentralSweep(
            client, self.company, table, select, job=work, now_ms=self.now_ms, mapped=mapped, since=since
        )

    async def shown_blanks(self, name: str) -> Mapping[str, str]:
        """What Business Central shows where a record of the mapping refers to nothing, by the mapping referred to: its
        own currency. ApiError if it does not answer.
        """
        looked = {rule.lookup.mapping for rule in self.mappings[name].fields if rule.lookup}
        found = [one for one in looked if self.mappings[one].bc.name == currencies.TABLE]
        if not found:
            return {}
        code = await Currencies(self.clients[Side.BC], self.company, (), self.now_ms).local_code()
        return dict.fromkeys(found, code) if code else {}

    async def count(self, job: Job, since: datetime | None) -> int | None:
        """About how many records a job's sweep will read; None if the side does not say."""
        side = job.direction.source
        table, client = self.mappings[job.mapping].table(side), self.clients[side]
        if side is Side.SALES:
            return await dataverse.count(client, table, table.filter.text, since)
        return await business_central.count(client, self.company, table, since)


@dataclass(frozen=True, slots=True)
class _Reader:
    sides: Sides
    side: Side
    target: Target

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        found = await self.target.read(mapping, ids)
        if self.side is not Side.BC or mapping.bc.name != currencies.TABLE:
            return found
        enrich = Currencies(self.sides.clients[Side.BC], self.sides.company, mapping.mapped(Side.BC), self.sides.now_ms)
        rows_found = dict(zip(found, await enrich(list(found.values())), strict=True))
        local = await enrich.local() if set(ids) - set(found) else None  # it is in no table
        return rows_found | ({str(local["id"]): local} if local and local["id"] in ids else {})

    async def find(self, mapping: TableMapping, field: str, values: Sequence[Any]) -> Sequence[Row]:
        return await self.target.find(mapping, field, values)

    async def references(self, table: Table, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return await self.target.references(table, ids)
