"""Records as they are now, asked for by id: what is carried again, named by a person, or seems to be an old version."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from producers.clocks import unordered
from producers.ports import Page, Position, Sweep
from schemas import rows
from schemas.change import Change, Op
from schemas.mapping import TableMapping
from schemas.side import Side

Row = Mapping[str, Any]


class Reader(Protocol):
    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        """The records that exist, by id. ApiError if the side does not answer."""


class Known(Protocol):
    async def heights(self, mapping: str, side: Side, ids: Iterable[str]) -> Mapping[str, int]:
        """The sequence of the newest version that was carried, or failed, of each: by id on `side`."""


@dataclass(frozen=True, slots=True)
class Current:
    """The records of one side."""

    side: Side
    reader: Reader
    known: Known

    async def changes(self, mapping: TableMapping, ids: Sequence[str], now_ms: int) -> dict[str, Change]:
        """Those that exist, by id. ApiError if the side does not answer.

        What is read now is no older than what was known before. If its time says so all the same, the side's clock was
        set back since, and its order is unknown: it would be taken for an old version, and let go (promise 1).
        """
        if not ids:
            return {}
        heights = await self.known.heights(mapping.name, self.side, ids)
        found, table = await self.reader.read(mapping, ids), mapping.table(self.side)
        read = {key: rows.change(table, row, Op.READ, now_ms) for key, row in found.items()}
        return {key: unordered(change, heights.get(key, 0) - 1) for key, change in read.items()}


@dataclass(frozen=True, slots=True)
class InOrder:
    """A sweep of Business Central, whose versions are ordered by nothing but their times.

    Of a record that by its time is older than what is known of it, a newer version was carried while the page was on
    its way, or the clock was set back since that one. It is read again: what that tells is the newest in either case.
    """

    sweep: Sweep
    records: Current
    mapping: TableMapping
    now_ms: Callable[[], int]

    async def read(self, position: Position | None) -> Page:
        page = await self.sweep.read(position)
        keys = [one.key for one in page.changes]
        heights = await self.records.known.heights(self.mapping.name, self.records.side, keys)
        older = [one.key for one in page.changes if one.sequence < heights.get(one.key, 0)]
        now = await self.records.changes(self.mapping, older, self.now_ms())
        changes = (replace(now.get(one.key, one), job=one.job, mapping=one.mapping) for one in page.changes)
        return replace(page, changes=tuple(changes))
