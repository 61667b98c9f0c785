"""What reading both sides shares: pages, a guard against endless ones, and capture by watermark."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from producers.ports import Page, Position
from schemas.change import Op
from schemas.errors import ApiError
from schemas.mapping import Table
from schemas.odata import Row, Rows, Trail, instant, own_link, query, rows
from schemas.rows import change, record_id

_REMEMBERED = 100_000
# The whole overlap is read again this often, since it may hold thousands of rows after an import; in between only the
# last seconds are, and not even those once they have passed without a change.
_DEEP_SECONDS, _SHALLOW_SECONDS = 30.0, 5.0
EPOCH = "1970-01-01T00:00:00.000Z"


class Enrich(Protocol):
    """Completes rows with what the side keeps elsewhere."""

    async def __call__(self, rows: Sequence[Row]) -> Sequence[Row]: ...


async def as_they_are(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


async def get(client: httpx.AsyncClient, url: str, prefer: str = "") -> Rows:
    """One page: a path below the side's url, or a link the side gave. ApiError if it is anything else."""
    headers = {"Prefer": prefer} if prefer else {}
    try:
        response = await client.get(own_link(str(client.base_url), url), headers=headers)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise ApiError(0, "no-answer", f"no answer: {error or type(error).__name__}") from error
    return rows(response.status_code, response.content, str(response.url))


async def pages_of(client: httpx.AsyncClient, link: str) -> AsyncIterator[Rows]:
    """The pages of a query. ApiError if one cannot be read, or its link leads back to one already read (C30)."""
    trail = Trail()
    while link:
        trail.follow(link)
        page = await get(client, link)
        link = trail.check(page.next)
        yield page


async def rows_of(client: httpx.AsyncClient, link: str) -> list[Row]:
    """The rows of all pages of a query; ApiError as `pages_of`."""
    return [row async for page in pages_of(client, link) for row in page.rows]


async def get_count(client: httpx.AsyncClient, url: str) -> int | None:
    """The number a `/$count` answers, perhaps after a byte order mark (wire-protocols B3); None if it is none."""
    try:
        response = await client.get(url, headers={"Accept": "text/plain, application/json"})
    except httpx.RequestError:
        return None
    text = response.content.decode("utf-8-sig", "replace").strip()
    return int(text) if response.is_success and text.isdigit() else None


class Pages:
    """The pages of one query, from `first` along the side's own links: what every sweep reads."""

    def __init__(self, client: httpx.AsyncClient, first: str, page_size: int) -> None:
        self._client, self._first = client, first
        self._prefer = f"odata.maxpagesize={page_size}"
        self._trail = Trail()

    async def read(self, position: Position | None) -> Rows | None:
        """The page at `position` (None: the first one); None if `position` is past the last."""
        link = self._first if position is None else str(position["next"])
        if not link:
            return None
        if position is None:
            self._trail.start()
        self._trail.follow(link)
        found = await get(self._client, link, self._prefer)
        self._trail.check(found.next)
        return found


@dataclass(frozen=True, slots=True)
class Query:
    """How to ask for the rows of a table in the order they changed."""

    path: str
    select: Sequence[str]
    modified: str
    expand: str = ""
    page_size: int = 1000
    timespec: str = "milliseconds"

    @property
    def prefer(self) -> str:
        return f"odata.maxpagesize={self.page_size}"

    def after(self, watermark: str) -> str:
        since = f"{self.modified} gt {watermark}"
        columns = ",".join(dict.fromkeys([*self.select, self.modified]))
        return self.path + query(select=columns, expand=self.expand, filter=since, orderby=self.modified)

    def newest(self) -> str:
        return self.path + query(select=self.modified, orderby=f"{self.modified} desc", top="1")


@dataclass(frozen=True, slots=True)
class Overlap:
    """How long before the watermark rows may still turn up, and what tells how long it has stood; it runs evenly."""

    seconds: float = 600.0
    clock: Callable[[], float] = time.monotonic


class Watermark:
    """Capture by time of change, for tables without a change feed (wire-protocols A4.2, B4.3).

    A row is stamped before it is committed, so rows older than the watermark still turn up. What lies up to
    the overlap before it is read again every 30 s, until that long has passed since the watermark was reached;
    rounds in between read again 5 s only, or nothing. Rows of that window already returned are left out, but only while
    the caller goes on from the very position it was given: any other position means they may not have reached the log,
    and they are returned again (promise 1).
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        table: Table,
        ask: Query,
        *,
        overlap: Overlap,
        now_ms: Callable[[], int],
        enrich: Callable[[Sequence[Row]], Awaitable[Sequence[Row]]] = as_they_are,
    ) -> None:
        self._client, self._table, self._ask, self._enrich = client, table, ask, enrich
        self._overlap_ms, self._now_ms, self._clock = int(overlap.seconds * 1000), now_ms, overlap.clock
        self._trail = Trail()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._last: Position = {}
        self._reached = (0, overlap.clock())
        self._settled = 0
        self._settles = 0
        self._deep: float | None = None

    @property
    def table(self) -> Table:
        return self._table

    async def start(self) -> Position:
        """The newest time of change on the server, in its own clock; the epoch if the table is empty.

        Rows within the overlap are there already: they are read once here, so that they do not count as changes.
        """
        found = await get(self._client, self._ask.newest())
        newest = max((_ms(row.get(self._ask.modified)) for row in found.rows), default=0)
        position: Position = {"watermark": instant(newest) if newest else EPOCH}
        more = bool(newest)
        while more:
            page = await self.read(position)
            position, more = page.position, page.more
        return position

    async def read(self, position: Position) -> Page:
        if dict(position) != dict(self._last):
            self._forget(position)
        watermark = _ms(position["watermark"])
        found = await self._page(position, watermark)
        fresh = [row for row in found.rows if self._mark(row) not in self._seen]
        highest = max([watermark, *(_ms(row.get(self._ask.modified)) for row in found.rows)])
        completed = await self._enrich(fresh)
        self._remember(fresh, highest, last=not found.next)
        self._last = self._after(position, highest, found.next, len(fresh))
        changes = tuple(change(self._table, row, Op.UPDATE, self._now_ms()) for row in completed)
        return Page(changes, self._last, more=bool(found.next))

    async def _page(self, position: Position, watermark: int) -> Rows:
        link = str(position.get("next") or "")
        if link:
            self._trail.follow(link)
            try:
                found = await get(self._client, link, self._ask.prefer)
            except ApiError as error:
                if error.transient:
                    raise
                return await self._query(watermark)  # the link has lost its meaning; the watermark has not
            self._trail.check(found.next)
            return found
        return await self._query(watermark)

    async def _query(self, watermark: int) -> Rows:
        self._trail.start()
        reached, since = self._reached
        now = self._clock()
        quiet_ms = (now - since) * 1000 if reached == watermark else 0.0
        deep = self._deep is None or now - self._deep >= _DEEP_SECONDS
        self._settles = watermark if deep and quiet_ms >= self._overlap_ms else 0
        shallow_ms = _SHALLOW_SECONDS * 1000 if quiet_ms < _SHALLOW_SECONDS * 1000 else 0
        again_ms = self._overlap_ms if deep else min(self._overlap_ms, int(shallow_ms))
        start = max(watermark - again_ms, min(self._settled, watermark), 0)
        found = await get(self._client, self._ask.after(instant(start, self._ask.timespec)), self._ask.prefer)
        self._deep = now if deep else self._deep
        return found

    def _remember(self, fresh: Sequence[Row], highest: int, last: bool) -> None:
        for row in fresh:
            self._seen[self._mark(row)] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if highest != self._reached[0]:
            self._reached = (highest, self._clock())
        if last and self._settles:
            # Read to its end so long after the watermark was reached that nothing older can still be uncommitted.
            self._settled = self._settles

    def _forget(self, position: Position) -> None:
        self._seen.clear()
        self._settled = self._settles = 0
        self._deep = None
        self._reached = (_ms(position["watermark"]), self._clock())

    def _after(self, position: Position, highest: int, link: str, count: int) -> Position:
        """`turn` counts pages with changes, so that two positions are equal only if nothing lies between them."""
        after: dict[str, Any] = {"watermark": instant(highest), "turn": int(position.get("turn", 0)) + (count > 0)}
        return after | ({"next": link} if link else {})

    def _mark(self, row: Mapping[str, Any]) -> tuple[str, str]:
        return record_id(self._table, row), str(row.get("@odata.etag", ""))


def _ms(value: Any) -> int:
    """A time of the side in ms; 0 for none."""
    try:
        return round(datetime.fromisoformat(str(value)).timestamp() * 1000) if value else 0
    except ValueError:
        return 0
