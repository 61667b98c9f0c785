"""The records a command names, as a job's sweep: modified or not, coupled or not (business-central-sync 3.1, 3.10)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from producers.current import Current
from producers.ports import Page, Position
from schemas.mapping import TableMapping

# The original's (business-central-sync 3.3).
PAGE = 400


class NamedSweep:
    """`job` is its id. Ids that the source side does not know are of the other side, and passed over."""

    def __init__(
        self,
        ids: Sequence[str],
        records: Current,
        mapping: TableMapping,
        job: int,
        now: Callable[[], datetime],
    ) -> None:
        self._ids, self._records, self._mapping, self._now = ids, records, mapping, now
        self._job = job

    async def read(self, position: Position | None) -> Page:
        start = int(position["next"]) if position else 0
        ids = self._ids[start : start + PAGE]
        found = await self._records.changes(self._mapping, ids, int(self._now().timestamp() * 1000))
        # Asked for by a person, so that "only coupled" is not consulted.
        changes = [replace(one, job=self._job, mapping=self._mapping.name, retry=True) for one in found.values()]
        return Page(tuple(changes), {"next": start + PAGE}, more=start + PAGE < len(self._ids))
