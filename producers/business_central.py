"""Capture and sweeps of Business Central: by time of change, for want of a change feed (wire-protocols A3, A4)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import httpx
import structlog

from producers import currencies
from producers.currencies import Currencies, Rates
from producers.odata import Pages, get_count, rows_of
from producers.ports import Page, Position
from producers.watermark import Overlap, Query, Watermark
from schemas import business_central as bc
from schemas import pushdown
from schemas.change import Change, Op
from schemas.errors import ApiError, ConfigurationError
from schemas.mapping import Table
from schemas.odata import Row, Rows, both, instant, query
from schemas.rows import change

_log = structlog.get_logger(__name__)
# How a server says that it does not evaluate a filter (A3).
_REFUSED = frozenset({400, 404, 501})


class ModifiedSource:
    """The live changes of an entity set. Deletions go unseen (A4.4).

    `mapped` are the BC field names the mappings read: the computed ones among them are added to rows of currencies. A
    currency whose exchange rate has changed counts as changed; the rates last seen are `rates` in the position.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        company_id: str,
        table: Table,
        select: Sequence[str],
        *,
        now_ms: Callable[[], int],
        mapped: Collection[str] = (),
        overlap: Overlap = Overlap(),  # noqa: B008 — frozen
        page_size: int = 1000,
    ) -> None:
        self._columns, self._table, self._now_ms = select, table, now_ms
        ask = Query(bc.path(table, company_id), self._columns, bc.MODIFIED, bc.expand(table), page_size)
        computed = mapped if table.name == currencies.TABLE else ()
        self._enrich = enrich = Currencies(client, company_id, computed, now_ms)
        self._rates = Rates(client, company_id, table, now_ms) if "exchangeRate" in computed else None
        self._watermark = Watermark(client, table, ask, overlap=overlap, now_ms=now_ms, enrich=enrich)

    @property
    def table(self) -> Table:
        return self._table

    async def start(self) -> Position:
        position = await self._watermark.start()
        _, rates = await self._rates.changed(None) if self._rates else ((), None)
        return _with(position, rates)

    async def read(self, position: Position) -> Page:
        seen = position.get("rates")
        page = await self._watermark.read({name: value for name, value in position.items() if name != "rates"})
        if page.more or self._rates is None:
            return replace(page, position=_with(page.position, seen))
        codes, rates = await self._rates.changed(seen)
        rows = await self._enrich(await self._rates.rows(codes, self._columns))
        here = {change.key for change in page.changes}
        changes = (change(self._table, row, Op.UPDATE, self._now_ms()) for row in rows)
        added = tuple(one for one in changes if one.key not in here)
        return Page(page.changes + added, _with(page.position, rates), page.more)


class BusinessCentralSweep:
    """The rows of an entity set that match the mapping's filter, once through. The server evaluates what it can of the
    filter (A2, A3), and the whole is evaluated here; a server that refuses its part is asked without.

    `since` narrows it to rows modified at or after that time; `job` is (job id, mapping name).
    """

    def __init__(  # noqa: PLR0913 — one object per sweep, built in one place
        self,
        client: httpx.AsyncClient,
        company_id: str,
        table: Table,
        select: Sequence[str],
        *,
        job: tuple[int, str],
        now_ms: Callable[[], int],
        mapped: Collection[str] = (),
        since: datetime | None = None,
        page_size: int = 1000,
    ) -> None:
        self._table, self._job, self._now_ms = table, job, now_ms
        self._pushed, since_text = _pushed(table), _modified_since(since)
        path, columns, parts = bc.path(table, company_id), ",".join(select), bc.expand(table)

        def pages(text: str) -> Pages:
            asked = query(select=columns, expand=parts, filter=both(text, since_text))
            return Pages(client, path + asked, page_size)

        self._pages, self._unfiltered = pages(self._pushed), pages("")
        self._currencies = Currencies(client, company_id, mapped, now_ms) if table.name == currencies.TABLE else None
        self._with_local = since is None  # nobody ever modifies it

    async def read(self, position: Position | None) -> Page:
        found = await self._read(position)
        if found is None:
            return Page((), {"next": ""}, more=False)
        rows = await self._completed(found.rows, last=not found.next)
        changes = tuple(self._change(row) for row in rows if self._table.filter.matches(row))
        return Page(changes, {"next": found.next}, more=bool(found.next))

    async def _read(self, position: Position | None) -> Rows | None:
        try:
            return await self._pages.read(position)
        except ApiError as error:
            if position is not None or not self._pushed or error.status not in _REFUSED:
                raise
            reason = error.problem.message
            _log.warning("filter_not_taken", table=self._table.name, filter=self._pushed, reason=reason)
            self._pages = self._unfiltered
            return await self._pages.read(None)

    async def _completed(self, rows: Sequence[Row], last: bool) -> Sequence[Row]:
        if self._currencies is None:
            return rows
        completed = await self._currencies(rows)
        local = await self._currencies.local() if last and self._with_local else None
        return [*completed, local] if local else completed

    def _change(self, row: Row) -> Change:
        return change(self._table, row, Op.READ, self._now_ms(), self._job)


async def count(client: httpx.AsyncClient, company_id: str, table: Table, since: datetime | None = None) -> int | None:
    """How many rows a sweep will read, before all of the mapping's filter; None when the service does not say."""
    text = both(_pushed(table), _modified_since(since))
    return await get_count(client, f"{bc.path(table, company_id)}/$count{query(filter=text)}")


async def companies(client: httpx.AsyncClient) -> Sequence[Row]:
    """The companies of the environment: id, name, displayName."""
    return await rows_of(client, f"{bc.api_root('')}/companies")


async def resolve_company(client: httpx.AsyncClient, id_or_name: str) -> str:
    """The id of the company that is meant. ConfigurationError lists those that exist."""
    there = await companies(client)
    wanted = id_or_name.strip().casefold()
    for field in ("id", "name", "displayName"):
        ids = [str(row["id"]).lower() for row in there if str(row.get(field, "")).casefold() == wanted]
        if len(ids) == 1:
            return str(UUID(ids[0]))
    names = ", ".join(repr(str(row.get("name", ""))) for row in there) or "none that we may see"
    raise ConfigurationError(
        "company-unknown",
        f"Business Central has no company {id_or_name!r}",
        f"Set business_central.company to a name or id; there are: {names}.",
    )


def _pushed(table: Table) -> str:
    """What of the table's filter the server evaluates; the fields that are computed here are none of its own."""
    return pushdown.pushed(table.filter.text, bc.CURRENCY_FIELDS if table.name == currencies.TABLE else ())


def _with(position: Position, rates: object) -> Position:
    return position if rates is None else {**position, "rates": rates}


def _modified_since(since: datetime | None) -> str:
    return f"{bc.MODIFIED} ge {instant(int(since.timestamp() * 1000))}" if since else ""
