"""What leaves the store after a while, and what never does (business-central-sync 3.9)."""

from datetime import timedelta

from daemon.store.engine import Store
from daemon.store.tidying import tidy
from schemas.job import Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, ended, failed


async def run_with(store: Store, clock: Clock, run_id: str, state: RunState = RunState.DONE) -> int:
    """A run of one job; the job's number."""
    await store.jobs.create_run(
        Run(run_id, RunKind.MODIFIED, RunState.ACCEPTED, (CUSTOMER,), created=clock()), [(CUSTOMER, Direction.TO_SALES)]
    )
    await store.jobs.set_run(run_id, state, started=clock(), finished=clock() if state.final else None)
    [job] = await store.jobs.jobs_of(run_id)
    return job.id


async def left(store: Store) -> set[str]:
    return {run.id for run in await store.jobs.runs(10)}


async def test_runs_that_ended_long_ago_leave_with_their_jobs(store: Store, clock: Clock) -> None:
    await run_with(store, clock, "old")
    await run_with(store, clock, "waiting", RunState.AWAITING_ANSWER)
    await store.memory.record([coupled("b1", "s1")], NOWHERE)
    await store.commands.receive("old", {"command": "sync"}, RunState.DONE)
    before = clock.forward(1)
    await run_with(store, clock, "new")

    assert await tidy(store.database, before) == 1

    assert await left(store) == {"waiting", "new"}
    assert len(await store.views.recent_jobs()) == 2
    assert await store.commands.get("old") is not None, "however late it is delivered again (promise 8)"
    assert await store.views.coupling_counts() == {CUSTOMER: 1}


async def test_a_run_stays_while_an_open_failure_leads_to_it(store: Store, clock: Clock) -> None:
    job = await run_with(store, clock, "old")
    await store.memory.record([failed("b1", job=job)], NOWHERE)
    assert await tidy(store.database, clock.forward(1)) == 0
    assert await left(store) == {"old"}

    await store.memory.record([ended("b1", Outcome.UNCHANGED)], NOWHERE)

    assert await tidy(store.database, clock() - timedelta(seconds=0.5)) == 1
    assert len(await store.views.failures(open_only=False)) == 1, "it was resolved only now"
    await tidy(store.database, clock.forward(1))
    assert await store.views.failures(open_only=False) == []
