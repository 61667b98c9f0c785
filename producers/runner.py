"""Full and modified-only synchronisation: the jobs of a run in order, each a sweep, to the answer (DESIGN 5).

Everything it knows is in the store, so a kill at any moment leaves a run that goes on where it was (promise 6). One
runner works at a time: the leader's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from schemas.command_outcome import CommandOutcome, job_dict
from schemas.errors import CoupledError, Problem
from schemas.job import Job, JobState, Keep, Run, RunKind, RunState
from schemas.mapping import Mappings

_log = structlog.get_logger(__name__)


class Runs(Protocol):
    async def active_runs(self) -> Sequence[Run]: ...

    async def untold(self) -> Sequence[Run]:
        """Those that have ended, or wait for their answer, and whose command does not say so: a kill came between."""

    async def run(self, run_id: str) -> Run | None: ...

    async def jobs_of(self, run_id: str) -> Sequence[Job]: ...

    async def set_run(
        self,
        run_id: str,
        state: RunState,
        *,
        started: datetime | None = None,
        finished: datetime | None = None,
        error: Problem | None = None,
    ) -> None: ...

    async def start_job(self, job_id: int, at: datetime) -> None: ...

    async def swept(self, job_id: int, total: int | None = None) -> None: ...

    async def job_waits(self, job_id: int, message: str) -> None: ...

    async def finish_job(self, job_id: int, state: JobState, at: datetime, message: str = "") -> None: ...


class States(Protocol):
    async def set_only_coupled(self, names: Sequence[str], value: bool | None) -> None: ...


class Work(Protocol):
    """What a job does. Resumable: another `Work` of the same job goes on where this one was (promise 6)."""

    async def run(self, progress: Callable[[int], Awaitable[None]]) -> None:
        """To its end. `progress` gets the number of records of each page. CoupledError if a side or Kafka is away."""

    async def applied(self) -> bool:
        """Is the outcome of everything it has published stored?"""

    async def finished(self) -> None:
        """The job is through."""


class Works(Protocol):
    async def work(self, run: Run, job: Job) -> Work: ...

    async def left_out(self, run: Run, job: Job) -> str:
        """Why nothing is to be done for this job now, as its message says it; empty if there is something to do."""


class LostLead(Exception):
    """Another worker leads now, and goes on with the run."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When the runner goes on.

    `leads` is asked between any two steps; `pause` waits a moment for the consumers (a nudge may end it early); `wait`
    waits out a side that is away (it is given the number of tries so far), at most `tries` times in a row.
    """

    leads: Callable[[], bool]
    pause: Callable[[], Awaitable[None]]
    wait: Callable[[int], Awaitable[None]]
    tries: int = 20


class Runner:
    """`announce` publishes outcomes."""

    def __init__(
        self,
        mappings: Mappings,
        runs: Runs,
        states: States,
        works: Works,
        announce: Callable[[CommandOutcome], Awaitable[None]],
        now: Callable[[], datetime],
        pace: Pace,
    ) -> None:
        self._mappings = mappings
        self._runs = runs
        self._states = states
        self._works = works
        self._announce = announce
        self._now = now
        self._pace = pace

    async def once(self) -> bool:
        """Works on the oldest run that has something to do; False if none has, or another worker leads now."""
        try:
            for run in await self._runs.untold():
                await self._tell(run, run.state, run.error)
            for run in await self._runs.active_runs():
                if run.state is not RunState.AWAITING_ANSWER:
                    await self._work(run)
                    return True
                if run.answer is not None:
                    await self._finish(run)
                    return True
        except LostLead:
            _log.info("runner_stood_down")
        return False

    async def _work(self, run: Run) -> None:
        if run.state is RunState.ACCEPTED:
            await self._runs.set_run(run.id, RunState.RUNNING, started=self._now())
        for job in await self._runs.jobs_of(run.id):
            if job.state not in (JobState.FINISHED, JobState.FAILED):
                await self._job(run, job)
        latest = await self._runs.run(run.id) or run
        if run.kind is RunKind.FULL and latest.answer is None:
            await self._runs.set_run(run.id, RunState.AWAITING_ANSWER)
            await self._tell(run, RunState.AWAITING_ANSWER)
            return
        await self._finish(latest)

    async def _job(self, run: Run, job: Job) -> None:
        blocked = await self._blocked(run, job)
        if blocked:
            await self._runs.finish_job(job.id, JobState.FAILED, self._now(), f"not started, because {blocked} failed")
            return
        if left_out := await self._works.left_out(run, job):
            await self._runs.finish_job(job.id, JobState.FINISHED, self._now(), left_out)
            return
        if job.state is JobState.WAITING:
            started = self._now()
            await self._runs.start_job(job.id, started)
            job = replace(job, state=JobState.RUNNING, started=started)
        await self._tell(run, RunState.RUNNING)
        try:
            work = await self._worked(run, job)
        except LostLead:
            raise
        except Exception as error:  # whatever one job meets, the run goes on to its end
            self._check_lead()
            _log.warning("job_failed", mapping=job.mapping, direction=job.direction.value, error=str(error))
            message = str(error) if isinstance(error, CoupledError) else f"{type(error).__name__}: {error}"
            await self._runs.finish_job(job.id, JobState.FAILED, self._now(), message)
            return
        await self._runs.swept(job.id)
        while not await work.applied():
            await self._tell(run, RunState.RUNNING)
            await self._pace.pause()
        await work.finished()
        await self._runs.finish_job(job.id, JobState.FINISHED, self._now())
        await self._tell(run, RunState.RUNNING)

    async def _worked(self, run: Run, job: Job) -> Work:
        """Works to the end, going on where it was as often as a side or Kafka comes back (promise 7)."""
        tries = 0

        async def progress(count: int) -> None:
            nonlocal tries
            if tries:
                await self._runs.job_waits(job.id, "")
            tries = 0
            await self._tell(run, RunState.RUNNING)

        while True:
            try:
                work = await self._works.work(run, job)
                await work.run(progress)
            except CoupledError as error:
                if error.for_good or tries == self._pace.tries:
                    raise
                if not tries:
                    _log.warning("job_waits", mapping=job.mapping, direction=job.direction.value, error=str(error))
                    await self._waits(run, job, error)
                tries += 1
                self._check_lead()
                await self._pace.wait(tries)
            else:
                return work

    async def _waits(self, run: Run, job: Job, error: CoupledError) -> None:
        """Tells what a job waits for, as far as it can be told: it may be the store, or Kafka."""
        with suppress(CoupledError):
            await self._runs.job_waits(job.id, f"waits, and goes on by itself: {error}")
            await self._tell(run, RunState.RUNNING)

    async def _blocked(self, run: Run, job: Job) -> str:
        """A dependency of this run whose job itself failed; failed records do not block (business-central-sync 4.3)."""
        mapping = self._mappings.by_name.get(job.mapping)
        needed = set(mapping.depends_on) if mapping else set()
        failed = [j.mapping for j in await self._runs.jobs_of(run.id) if j.state is JobState.FAILED]
        return next((name for name in failed if name in needed), "")

    async def _finish(self, run: Run) -> None:
        """*keep*: scheduled synchronisation may create from now on. *restore*: the run's flags were never stored."""
        if run.answer is Keep.KEEP:
            await self._states.set_only_coupled(run.cleared, False)
        jobs = await self._runs.jobs_of(run.id)
        broken = [job for job in jobs if job.state is JobState.FAILED]
        state = RunState.FAILED if broken else RunState.DONE
        error = Problem("jobs-failed", f"{broken[0].mapping}: {broken[0].message}", "") if broken else None
        await self._runs.set_run(run.id, state, finished=self._now(), error=error)
        await self._tell(run, state, error)

    def _check_lead(self) -> None:
        if not self._pace.leads():
            raise LostLead

    async def _tell(self, run: Run, state: RunState, error: Problem | None = None) -> None:
        self._check_lead()
        jobs = [job_dict(job) for job in await self._runs.jobs_of(run.id)]
        await self._announce(CommandOutcome(run.id, run.kind.command, state, run.id, jobs, error))


async def run_forever(runner: Runner, woken: asyncio.Event, is_leader: Callable[[], bool], idle: float) -> None:
    """Works on runs while leader; sleeps until woken, or `idle` seconds, when there is nothing to do."""
    while True:
        woken.clear()
        if not (is_leader() and await runner.once()):
            try:
                async with asyncio.timeout(idle):
                    await woken.wait()
            except TimeoutError:
                continue
