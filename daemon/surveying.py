"""What every survey's job begins with: both sides of its mapping, read once through into the store."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from consumers.survey.ports import Sweep
from consumers.survey.staging import read_both
from daemon.sides import Sides
from daemon.store.engine import Store
from schemas.errors import ApiError
from schemas.job import Job
from schemas.side import Direction, Side


@dataclass(frozen=True, slots=True)
class Reading:
    """Both sides of the mapping of a survey's job; `job.read` counts the records, out of `job.total`."""

    sides: Sides
    store: Store
    job: Job

    async def run(self, progress: Callable[[int], Awaitable[None]]) -> None:
        """To its end; resumable at every page (promise 6)."""
        if self.job.total is None:
            await self._expect()
        sweeps: dict[Side, Sweep] = {side: self.sides.sweep(self._from(side), None) for side in Side}
        await read_both(self.job.id, sweeps, self.store.surveys, progress)

    async def finished(self) -> None:
        await self.store.surveys.forget(self.job.id)

    async def _expect(self) -> None:
        """For the progress bar only: a side that cannot count is no reason to fail."""
        try:
            totals = [await self.sides.count(self._from(side), None) for side in Side]
        except ApiError:
            return
        known = [total for total in totals if total is not None]
        if len(known) == len(totals) and self.job.started:
            await self.store.jobs.start_job(self.job.id, self.job.started, sum(known))

    def _from(self, side: Side) -> Job:
        return replace(self.job, direction=Direction.from_side(side))
