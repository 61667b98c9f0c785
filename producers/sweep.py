"""One synchronisation job's sweep: a table once through, on the same topic as its live changes (DESIGN 2)."""

from collections.abc import Awaitable, Callable

from producers.ports import Log, Position, Positions, Sweep
from schemas.job import Job

_DONE = "done"
_NEXT = "next"
# The newest change a sweep has seen, in the side's own clock (ms): where the next "modified since" begins.
NEWEST = "newest"


class JobSweep:
    """Resumable at every page (promise 6): the position is stored with the job's published count. A job that sweeps
    onto several topics has a `part` for each.
    """

    def __init__(self, job: Job, topic: str, log: Log, log_id: str, positions: Positions, part: str = "") -> None:
        self.name = f"job:{job.id}{part and f':{part}'}"
        self._job = job
        self._topic = topic
        self._log = log
        self._log_id = log_id
        self._positions = positions

    async def run(self, sweep: Sweep, progress: Callable[[int], Awaitable[None]]) -> None:
        """Publishes what is left to publish. `progress` gets the number of records of each page."""
        position = await self._resume()
        while not position.get(_DONE):
            page = await sweep.read(position if _NEXT in position else None)
            newest = max([position.get(NEWEST, 0), *(change.ts_ms for change in page.changes)])
            position = {**page.position, NEWEST: newest, **({} if page.more else {_DONE: True})}
            published = await self._log.publish(self._topic, page.changes, packed=True)
            await self._positions.published(self.name, position, published, len(page.changes), job=self._job.id)
            await progress(len(page.changes))

    async def applied(self) -> bool:
        """Is every published record's outcome stored?"""
        return await self._positions.settle(self.name)

    async def _resume(self) -> Position:
        position = await self._positions.resume(self.name, self._log_id)
        if position is None and self._job.swept:
            return {_DONE: True}  # a kill came when the position had been forgotten, and the job was not yet finished
        if position is None:
            position = {}
            await self._positions.begin(self.name, position, self._log_id)
        return position
