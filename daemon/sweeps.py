"""The sweeps of the runner: which table, from which position, since when (`producers.runner.Sweeps`)."""

from collections.abc import Mapping
from datetime import UTC, datetime

from daemon.sides import Sides
from daemon.store.engine import Store, utc_now
from producers.ports import Log, Sweep
from producers.retry import FailedFirst
from producers.sweep import NEWEST, JobSweep
from schemas.errors import ApiError, ConfigurationError
from schemas.job import Job, Run, RunKind
from schemas.topics import Topics


class StoredSweeps:
    """ "Modified since last time" is remembered per mapping and direction, in the side's own clock."""

    def __init__(self, sides: Sides, topics: Topics, log: Log, log_ids: Mapping[str, str], store: Store) -> None:
        self._sides = sides
        self._topics = topics
        self._log = log
        self._log_ids = log_ids
        self._positions, self._jobs, self._failures = store.positions, store.jobs, store.retries

    async def sweep(self, run: Run, job: Job) -> tuple[Sweep, JobSweep]:
        if job.mapping not in self._sides.mappings.by_name:
            raise ConfigurationError("mapping-gone", f"The mapping {job.mapping} is no longer in the mappings file.")
        since = await self._since(job) if run.kind is RunKind.MODIFIED else None
        await self._expect(job, since)
        side = job.direction.source
        topic = self._topics.table(side, self._sides.mappings[job.mapping].table(side).name)
        position = JobSweep(job, topic, self._log, self._log_ids[topic], self._positions)
        sweep = self._sides.sweep(job, since)
        if run.kind is RunKind.MODIFIED:
            mapping, work = self._sides.mappings[job.mapping], (job.id, job.direction)
            sweep = FailedFirst(sweep, self._failures, self._sides.reader(side), mapping, work, utc_now)
        return sweep, position

    async def _expect(self, job: Job, since: datetime | None) -> None:
        """A total is for the progress bar only: a side that cannot count is no reason to fail."""
        try:
            total = await self._sides.count(job, since)
        except ApiError:
            return
        if total is not None and job.started:
            await self._jobs.start_job(job.id, job.started, total)

    async def _since(self, job: Job) -> datetime | None:
        marks = await self._positions.load(_name(job))
        newest = marks.applied.get(NEWEST) if marks else None
        return datetime.fromtimestamp(newest / 1000, UTC) if newest else None

    async def finished(self, run: Run, job: Job) -> None:
        sweep = f"job:{job.id}"
        marks = await self._positions.load(sweep)
        if marks and marks.applied.get(NEWEST):
            await self._positions.begin(_name(job), {NEWEST: marks.applied[NEWEST]}, "")
        await self._positions.forget(sweep)


def _name(job: Job) -> str:
    return f"modified:{job.mapping}:{job.direction.value}"
