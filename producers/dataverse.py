"""Capture and sweeps of Sales: change tracking with delta links (wire-protocols B3, B4)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import httpx
import structlog

from producers.odata import Pages, get, get_count
from producers.ports import Page, Position
from producers.watermark import EPOCH, Overlap, Query, Watermark
from schemas import dataverse
from schemas.change import Change, Op
from schemas.errors import ApiError
from schemas.mapping import Table
from schemas.odata import Row, Rows, Trail, both, instant, query
from schemas.rows import change, deletion

# How a table without change tracking refuses it; the documentation does not say (D103).
_NOT_TRACKED = frozenset({400, 501})
_COUNT_CAP = 5000
# How often to ask whether a table without change tracking has it by now.
_ASK_SECONDS = 3600.0
_log = structlog.get_logger(__name__)


class DeltaSource:
    """The live changes of a table through change tracking; by `modifiedon` where tracking is off.

    A position is one of `delta` (a link to what changes next), `next` (the rest of a page chain), `resync` (read the
    whole table again) or `watermark` (no change tracking). Links are followed to the letter (B3), and belong to the
    columns they were made for: other columns mean a resync, and so does a link that the side refuses for good, such as
    an expired one (B4.1). A resync tells of no deletion, so its end is a gap; one that breaks off for good is told once
    before the next one begins. A table without change tracking is asked for it at the start and every hour: once it is
    on, the table is read again with it.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        table: Table,
        select: Sequence[str],
        *,
        now_ms: Callable[[], int],
        page_size: int = 5000,
        overlap: Overlap = Overlap(),  # noqa: B008 — frozen
    ) -> None:
        self._client, self._table, self._now_ms = client, table, now_ms
        self._columns = ",".join(select)
        self._prefer = f"odata.track-changes,odata.maxpagesize={page_size}"
        self._first = dataverse.path(table.name) + query(select=self._columns)
        ask = Query(dataverse.path(table.name), select, dataverse.MODIFIED, page_size=page_size, timespec="seconds")
        self._fallback = Watermark(client, table, ask, overlap=overlap, now_ms=now_ms)
        self._trail = Trail()
        self._started_over = False
        self._clock, self._asked = overlap.clock, float("-inf")

    @property
    def table(self) -> Table:
        return self._table

    async def start(self) -> Position:
        """Pages through the table once, since only the last page has the delta link (B4.1)."""
        self._trail.start()
        link = self._first
        try:
            while True:
                found = await self._follow(link)
                if not found.next:
                    break
                link = found.next
        except ApiError as error:
            if error.status not in _NOT_TRACKED:
                raise
            return await self._without_tracking(str(error))
        return self._delta(found) if found.delta else await self._without_tracking("the answer has no delta link")

    async def read(self, position: Position) -> Page:
        if "watermark" in position:
            return await self._untracked(position)
        if position.get("select", self._columns) != self._columns:
            return self._start_over("other columns are mapped now")
        resync = bool(position.get("resync"))
        link = str(position.get("next") or position.get("delta") or self._first)
        if "next" not in position:
            self._trail.start()
        try:
            found = await self._follow(link)
        except ApiError as error:
            if link == self._first and error.status in _NOT_TRACKED:
                return self._watch_from_the_beginning(error.problem.message)
            if link != self._first and self._is_void(error, resync):
                return self._start_over(error.problem.message)
            raise
        self._started_over = self._started_over and resync and bool(found.next)
        if not found.next and not found.delta:
            if resync:
                return self._watch_from_the_beginning("the answer has no delta link")
            raise ApiError(0, "unreadable-answer", "the answer to a delta link has neither a next nor a delta link")
        last = not found.next
        return Page(self._changes(found, resync), self._beyond(found, resync), more=not last, gap=resync and last)

    async def _untracked(self, position: Position) -> Page:
        if "next" not in position and self._clock() - self._asked >= _ASK_SECONDS:
            self._asked = self._clock()
            if await tracked(self._client, self._first):
                return self._start_over("change tracking is on now")
        return await self._fallback.read(position)

    async def _follow(self, link: str) -> Rows:
        self._trail.follow(link)
        found = await get(self._client, link, self._prefer)
        self._trail.check(found.next)
        return found

    def _is_void(self, error: ApiError, resync: bool) -> bool:
        """Will the side never again take this link? True only once in a row within a resync."""
        if not 400 <= error.status < 500 or error.status == 403 or error.transient:
            return False
        self._started_over = not (resync and self._started_over)
        return self._started_over

    def _start_over(self, reason: str) -> Page:
        _log.warning("full read of a table", side="sales", table=self._table.name, reason=reason)
        return Page((), {"resync": True, "select": self._columns}, more=True)

    def _beyond(self, found: Rows, resync: bool) -> Position:
        if not found.next:
            return self._delta(found)
        going_on: dict[str, Any] = {"next": found.next, "select": self._columns}
        return going_on | ({"resync": True} if resync else {})

    def _delta(self, found: Rows) -> Position:
        return {"delta": found.delta, "select": self._columns}

    def _changes(self, found: Rows, resync: bool) -> tuple[Change, ...]:
        op = Op.READ if resync else Op.UPDATE
        return tuple(self._change(row, op) for row in found.rows)

    def _change(self, row: Row, op: Op) -> Change:
        if str(row.get("@odata.context", "")).endswith("$deletedEntity"):
            return deletion(self._table, str(row["id"]), self._now_ms())
        return change(self._table, row, op, self._now_ms())

    async def _without_tracking(self, reason: str) -> Position:
        position = await self._fallback.start()
        self._warn(reason)
        return position

    def _watch_from_the_beginning(self, reason: str) -> Page:
        """Tracking was switched off since: where it stopped is not known, so every row is read as changed."""
        self._warn(reason)
        return Page((), {"watermark": EPOCH}, more=True, gap=True)

    def _warn(self, reason: str) -> None:
        self._asked = self._clock()
        _log.warning(
            "change tracking is not available, deletions come late",
            side="sales",
            table=self._table.name,
            reason=reason,
        )


async def tracked(client: httpx.AsyncClient, link: str) -> bool:
    """Would the side track the changes of this query? Its answer says so (B4.1). ApiError if there is none."""
    try:
        response = await client.get(link, headers={"Prefer": "odata.track-changes,odata.maxpagesize=1"})
    except httpx.RequestError as error:
        raise ApiError(0, "no-answer", f"no answer: {type(error).__name__}") from error
    return response.is_success and "odata.track-changes" in response.headers.get("Preference-Applied", "")


class DataverseSweep:
    """The rows of a table that match the mapping's filter, once through; the server filters (DESIGN 4).

    `since` narrows it to rows modified at or after that time; `job` is (job id, mapping name).
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        table: Table,
        select: Sequence[str],
        *,
        job: tuple[int, str],
        now_ms: Callable[[], int],
        filter_text: str = "",
        since: datetime | None = None,
        page_size: int = 1000,
    ) -> None:
        self._table, self._job, self._now_ms = table, job, now_ms
        text = both(filter_text, _modified_since(since))
        first = dataverse.path(table.name) + query(select=",".join(select), filter=text)
        self._pages = Pages(client, first, page_size)

    async def read(self, position: Position | None) -> Page:
        found = await self._pages.read(position)
        if found is None:
            return Page((), {"next": ""}, more=False)
        now = self._now_ms()
        changes = tuple(change(self._table, row, Op.READ, now, self._job) for row in found.rows)
        return Page(changes, {"next": found.next}, more=bool(found.next))


async def count(
    client: httpx.AsyncClient, table: Table, filter_text: str = "", since: datetime | None = None
) -> int | None:
    """How many rows a sweep will read; None when the service does not say (it counts no further than 5,000, B3)."""
    url = f"{dataverse.path(table.name)}/$count{query(filter=both(filter_text, _modified_since(since)))}"
    number = await get_count(client, url)
    return number if number is not None and number < _COUNT_CAP else None


def _modified_since(since: datetime | None) -> str:
    return f"{dataverse.MODIFIED} ge {instant(int(since.timestamp()) * 1000, 'seconds')}" if since else ""
