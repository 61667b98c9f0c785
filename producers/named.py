"""The records a command names, as a job's sweep: modified or not, coupled or not (business-central-sync 3.1, 3.10)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from producers.ports import Page, Position
from producers.retry import Reader
from schemas import rows
from schemas.change import Op
from schemas.mapping import TableMapping
from schemas.side import Direction

# The original's (business-central-sync 3.3).
PAGE = 400


class NamedSweep:
    """`job` is (job id, direction). Ids that the source side does not know are of the other side, and passed over."""

    def __init__(
        self,
        ids: Sequence[str],
        reader: Reader,
        mapping: TableMapping,
        job: tuple[int, Direction],
        now: Callable[[], datetime],
    ) -> None:
        self._ids, self._reader, self._mapping, self._now = ids, reader, mapping, now
        self._job, self._direction = job

    async def read(self, position: Position | None) -> Page:
        start = int(position["next"]) if position else 0
        ids = self._ids[start : start + PAGE]
        found = await self._reader.read(self._mapping, ids) if ids else {}
        table, now_ms = self._mapping.table(self._direction.source), int(self._now().timestamp() * 1000)
        work = (self._job, self._mapping.name)
        # Asked for by a person, so that "only coupled" is not consulted.
        changes = [replace(rows.change(table, row, Op.READ, now_ms, work), retry=True) for row in found.values()]
        return Page(tuple(changes), {"next": start + PAGE}, more=start + PAGE < len(self._ids))
