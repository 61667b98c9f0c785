"""Capture by time of change, for tables without a change feed (wire-protocols A4.2, B4.3)."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx
import structlog

from producers.clocks import SideClock, stood, unordered
from producers.odata import get
from producers.ports import Page, Position
from producers.returned import Returned
from schemas.change import Op
from schemas.errors import ApiError
from schemas.mapping import Table
from schemas.odata import Row, Rows, Trail, instant, query
from schemas.rows import change, record_id

# The whole overlap is read again this often, since it may hold thousands of rows after an import; in between only the
# last seconds are, and not even those once they have passed without a change.
_DEEP_SECONDS, _SHALLOW_SECONDS = 30.0, 5.0
# A side's web server and its database need not agree to the second.
_FUTURE_MS = 2000
_log = structlog.get_logger(__name__)
EPOCH = "1970-01-01T00:00:00.000Z"


class Enrich(Protocol):
    """Completes rows with what the side keeps elsewhere."""

    async def __call__(self, rows: Sequence[Row]) -> Sequence[Row]: ...


async def as_they_are(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


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
    """How long before the watermark rows may still turn up, and what tells how long it has stood; it runs evenly.

    `side` is the clock the rows are stamped by, where it can be heard.
    """

    seconds: float = 600.0
    clock: Callable[[], float] = time.monotonic
    side: SideClock | None = None


class Watermark:
    """Capture by time of change, for tables without a change feed (wire-protocols A4.2, B4.3).

    A row is stamped before it is committed, so rows older than the watermark still turn up. What lies up to
    the overlap before it is read again every 30 s, until that long has passed since the watermark was reached;
    rounds in between read again 5 s only, or nothing. Rows of that window already returned are left out, but only while
    the caller goes on from the very position it was given: any other position means they may not have reached the log,
    and they are returned again (promise 1).

    A watermark lies in the past: a row stamped later than the side's clock shows does not move it beyond that. When
    that clock is set back, so is the watermark; `ahead` in a position tells how it stood to ours then, and `before`
    where it stood when it was set back, until it is past that again.
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
        self._side = overlap.side
        self._trail = Trail()
        self.returned = Returned()
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
        newest = self._highest(0, found.rows)
        position: Position = {"watermark": instant(newest) if newest else EPOCH}
        more = bool(newest)
        while more:
            page = await self.read(position)
            position, more = page.position, page.more
        return position

    async def read(self, position: Position) -> Page:
        if dict(position) != dict(self._last):
            self._forget(position)
        found, watermark = await self._page(position, _ms(position["watermark"]))
        fresh = [row for row in found.rows if not self.returned.has(*self._version(row))]
        highest = self._highest(watermark, found.rows)
        ahead, before = self._looked_at(position), self._before(position, watermark)
        completed, now = await self._enrich(fresh), self._now_ms()
        self._remember(fresh, highest, last=not found.next)
        changes = tuple(unordered(change(self._table, row, Op.UPDATE, now), before) for row in completed)
        self._last = self._after({**position, "ahead": ahead, "before": before}, highest, found.next, len(fresh))
        return Page(changes, self._last, more=bool(found.next))

    async def _page(self, position: Position, watermark: int) -> tuple[Rows, int]:
        """The page, and what the watermark was that it was read after."""
        link = str(position.get("next") or "")
        if link:
            self._trail.follow(link)
            try:
                found = await get(self._client, link, self._ask.prefer)
            except ApiError as error:
                if error.transient:
                    raise
                return await self._query(watermark), watermark  # the link has lost its meaning; the watermark has not
            self._trail.check(found.next)
            return found, watermark
        found = await self._query(watermark)
        step = self._set_back(position, watermark)
        if not step:
            return found, watermark
        if step * 2 > self._overlap_ms:
            side = self._table.side.value
            _log.warning("clock_stepped_back", side=side, table=self._table.name, seconds=round(step / 1000))
        watermark = max(watermark - step, 0)
        self._begin(watermark)
        return await self._query(watermark), watermark

    def _set_back(self, position: Position, watermark: int) -> int:
        """By how many ms the side's clock was set back since the position was made. One that does not tell is at least
        not from the future."""
        ahead = self._side.ahead if self._side else None
        if ahead is None:
            return 0
        if "ahead" in position:
            return ahead.back_since(int(position["ahead"]))
        return ahead.back_since(watermark - self._now_ms())

    def _looked_at(self, position: Position) -> int | None:
        """How the clock stands to ours. Between two pages nobody looks whether it was set back: the next round does,
        by what is remembered."""
        known, side = position.get("ahead"), self._side
        return known if "next" in position or side is None or side.ahead is None else side.ahead.since(known)

    def _before(self, position: Position, watermark: int) -> int:
        """Where the clock had stood when it was set back, if it was; others may have read further than we have."""
        known, last = int(position.get("before", 0)), _ms(position["watermark"])
        if watermark >= last:
            return known
        return max(known, last, stood(self._now_ms(), int(position["ahead"])) if "ahead" in position else 0)

    def _highest(self, watermark: int, found: Sequence[Row]) -> int:
        highest = max([watermark, *(_ms(row.get(self._ask.modified)) for row in found)])
        ahead = self._side.ahead if self._side else None
        return max(watermark, min(highest, self._now_ms() + ahead.high + _FUTURE_MS)) if ahead else highest

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
            self.returned.add(*self._version(row), _ms(row.get(self._ask.modified)))
        self.returned.forget_before(highest - self._overlap_ms)
        if highest != self._reached[0]:
            self._reached = (highest, self._clock())
        if last and self._settles:
            # Read to its end so long after the watermark was reached that nothing older can still be uncommitted.
            self._settled = self._settles

    def _forget(self, position: Position) -> None:
        self.returned.clear()
        self._begin(_ms(position["watermark"]))

    def _begin(self, watermark: int) -> None:
        self._settled = self._settles = 0
        self._deep = None
        self._reached = (watermark, self._clock())

    def _after(self, position: Position, highest: int, link: str, count: int) -> Position:
        """`turn` counts pages with changes, so that two positions are equal only if nothing lies between them."""
        after: dict[str, Any] = {"watermark": instant(highest), "turn": int(position.get("turn", 0)) + (count > 0)}
        if position["ahead"] is not None:
            after["ahead"] = position["ahead"]
        if position["before"] > highest or (position["before"] and link):
            after["before"] = position["before"]
        return after | ({"next": link} if link else {})

    def _version(self, row: Mapping[str, Any]) -> tuple[str, str]:
        return record_id(self._table, row), str(row.get("@odata.etag", ""))


def _ms(value: Any) -> int:
    """A time of the side in ms; 0 for none."""
    try:
        return round(datetime.fromisoformat(str(value)).timestamp() * 1000) if value else 0
    except ValueError:
        return 0
