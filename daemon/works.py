"""What the jobs of the runner do: which table, from which position, since when (`producers.runner.Works`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from consumers.uncouple import Uncoupling
from daemon.carrying import carrying
from daemon.sides import Sides
from daemon.store.definitions import Definitions
from daemon.store.engine import Store
from daemon.store.positions import SqlPositions
from daemon.surveying import surveying
from daemon.verifying import verifying
from producers.clocks import SideClock
from producers.current import Current
from producers.late import Late, overlapping
from producers.named import NamedSweep
from producers.ports import Log, Sweep
from producers.retry import FailedFirst
from producers.runner import Work
from producers.sweep import NEWEST, JobSweep
from schemas import mapping_diff
from schemas.errors import ApiError, ConfigurationError
from schemas.job import Job, JobState, Run, RunKind
from schemas.side import Side
from schemas.topics import Topics

# How the side's clock stood to ours when a mark was made.
_AHEAD = "ahead"
# Nothing is carried of a mapping that is paused.
_CARRYING = (RunKind.FULL, RunKind.MODIFIED, RunKind.CARRY)


class StoredWorks:
    """The sweeps of synchronisation runs: whole tables for full ones, what was modified since for the others.

    "Modified since last time" is remembered per mapping and direction, in the side's own clock.
    """

    def __init__(
        self,
        sides: Sides,
        topics: Topics,
        log: Log,
        log_ids: Mapping[str, str],
        store: Store,
        now: Callable[[], datetime],
    ) -> None:
        self._sides = sides
        self._now = now
        self._topics = topics
        self._log = log
        self._log_ids = log_ids
        self._store = store
        self._positions, self._jobs, self._failures = store.positions, store.jobs, store.retries
        self._definitions = store.definitions

    async def work(self, run: Run, job: Job) -> Work:
        if job.mapping not in self._sides.mappings.by_name:
            raise ConfigurationError("mapping-gone", f"The mapping {job.mapping} is no longer in the mappings file.")
        match run.kind:
            case RunKind.UNCOUPLE:
                store = self._store
                kept = (store.memory, store.standing, store.retries, store.findings)
                return Uncoupling(self._sides.mappings, *kept, run, job, self._sides.now_ms)
            case RunKind.CARRY:
                return carrying(self._sides, self._store, self._part, run, job)
            case RunKind.PREVIEW | RunKind.MATCH:
                return await surveying(self._sides, self._store, self._part, run, job)
            case RunKind.VERIFY:
                return await verifying(self._sides, self._store, self._part, run, job)
            case RunKind.MODIFIED if "records" in run.options:
                return await self._naming(run, job)
            case _:
                return await self._sweeping(run, job)

    async def left_out(self, run: Run, job: Job) -> str:
        carries = run.kind in _CARRYING or (run.kind is RunKind.VERIFY and run.options["repair"])
        if job.state is not JobState.WAITING or not carries:
            return ""
        state = (await self._store.states.all()).get(job.mapping)
        paused = state is not None and state.paused_at is not None
        return f"left out: the mapping is paused (`coupled resume {job.mapping}`)" if paused else ""

    async def _naming(self, run: Run, job: Job) -> Work:
        ids, mapping = run.options["records"], self._sides.mappings[job.mapping]
        await self._jobs.start_job(job.id, job.started or self._now(), len(ids))
        sweep = NamedSweep(ids, self._current(job), mapping, job.id, self._now)
        return Sweeping(sweep, self._part(job, job.direction.source), job, self._positions, remembers=False)

    async def _sweeping(self, run: Run, job: Job) -> Work:
        modified = run.kind is RunKind.MODIFIED
        narrow = modified and not run.options.get("all")
        await self._expect(job, _since(await self._mark(job)) if narrow else None)
        mark = await self._mark(job)  # now that the side has just answered, its clock is known
        side, mapping, current = job.direction.source, self._sides.mappings[job.mapping], self._current(job)
        since = overlapping(_since(mark), self._sides.overlap.seconds) if narrow else None
        sweep: Sweep = self._sides.sweep(job, since)
        if narrow:
            sweep = Late(sweep, self._store.memory, job.mapping, side, mark)
        if modified:
            sweep = FailedFirst(sweep, self._failures, current, mapping, (job.id, job.direction), self._now)
        pays = self._definitions if run.kind is RunKind.FULL else None
        clock = self._sides.clocks[side]
        return Sweeping(sweep, self._part(job, side), job, self._positions, pays=pays, clock=clock, mark=mark)

    def _current(self, job: Job) -> Current:
        side = job.direction.source
        return Current(side, self._sides.reader(side))

    def _part(self, job: Job, side: Side, part: str = "") -> JobSweep:
        topic = self._topics.table(side, self._sides.mappings[job.mapping].table(side).name)
        return JobSweep(job, topic, self._log, self._log_ids[topic], self._positions, part)

    async def _expect(self, job: Job, since: datetime | None) -> None:
        """A total is for the progress bar only: a side that cannot count is no reason to fail."""
        try:
            total = await self._sides.count(job, since)
        except ApiError:
            return
        if total is not None and job.started:
            await self._jobs.start_job(job.id, job.started, total)

    async def _mark(self, job: Job) -> int:
        """How far the last sweep came, in ms of the side's clock; earlier by as much as that was set back since."""
        marks = await self._positions.load(_name(job))
        kept = marks.applied if marks else {}
        ahead = self._sides.clocks[job.direction.source].ahead
        step = ahead.back_since(int(kept[_AHEAD])) if ahead and _AHEAD in kept else 0
        return int(kept.get(NEWEST, 0)) - step


@dataclass(frozen=True, slots=True)
class Sweeping:
    """A sweep as the work of a job (`producers.runner.Work`). `remembers`: it says since when the next one is.

    `pays`: it reads all there is, and so carries what changes of the mapping still owe. `clock` is the side's. `mark`:
    how far the last one came, in ms of that.
    """

    sweep: Sweep
    position: JobSweep
    job: Job
    positions: SqlPositions
    remembers: bool = True
    pays: Definitions | None = None
    clock: SideClock | None = None
    mark: int = 0

    async def run(self, progress: Callable[[int], Awaitable[None]]) -> None:
        await self.position.run(self.sweep, progress)

    async def applied(self) -> bool:
        return await self.position.applied()

    async def finished(self) -> None:
        """Next time's "modified since" counts from the newest record seen; not from one of the future, which would hide
        what is modified before it (business-central-sync 3.4)."""
        marks = await self.positions.load(self.position.name)
        newest = marks.applied.get(NEWEST) if marks else None
        newest = max(newest, self.mark) if newest else None  # what was committed late moves nothing back
        ahead = self.clock.ahead if self.clock else None
        if newest and self.job.started:
            newest = min(newest, int(self.job.started.timestamp() * 1000) + (ahead.high if ahead else 0))
        if newest and self.remembers:
            clock = {_AHEAD: ahead.low} if ahead else {}
            await self.positions.begin(_name(self.job), {NEWEST: newest, **clock}, "")
        await self.positions.forget(self.position.name)
        if self.pays:
            await self.pays.swept(self.job.id, mapping_diff.Sweep.FULL)


def _since(mark: int) -> datetime | None:
    return datetime.fromtimestamp(mark / 1000, UTC) if mark > 0 else None


def _name(job: Job) -> str:
    return f"modified:{job.mapping}:{job.direction.value}"
