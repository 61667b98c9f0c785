"""Runs, jobs and the command log: every step may be repeated after a kill (promises 6 and 8)."""

import pytest

from daemon.store.engine import Store
from producers.ports import Published
from schemas.errors import Problem
from schemas.job import JobState, Keep, Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, ended

BOTH = [("CURRENCY", Direction.TO_SALES), (CUSTOMER, Direction.TO_SALES), (CUSTOMER, Direction.TO_BC)]


def _run(clock: Clock, run_id: str = "run-1", kind: RunKind = RunKind.FULL) -> Run:
    return Run(
        run_id,
        kind,
        RunState.ACCEPTED,
        ("CURRENCY", CUSTOMER),
        cleared=(CUSTOMER,),
        requested_by="ann",
        created=clock(),
    )


async def test_a_run_is_created_once_with_its_jobs_in_order(store: Store, clock: Clock) -> None:
    await store.jobs.create_run(_run(clock), BOTH)
    await store.jobs.create_run(_run(clock, kind=RunKind.MODIFIED), BOTH)

    assert await store.jobs.run("run-1") == _run(clock)
    assert [(job.mapping, job.direction) for job in await store.jobs.jobs_of("run-1")] == BOTH
    assert {job.state for job in await store.jobs.jobs_of("run-1")} == {JobState.WAITING}


async def test_a_run_is_moved_on_and_keeps_what_is_not_given(store: Store, clock: Clock) -> None:
    await store.jobs.create_run(_run(clock), BOTH)
    started = clock.forward(1)
    await store.jobs.set_run("run-1", RunState.RUNNING, started=started)
    await store.jobs.answer("run-1", Keep.KEEP)
    problem = Problem("x", "It broke.", "Mend it.")
    await store.jobs.set_run("run-1", RunState.FAILED, finished=clock.forward(1), error=problem)
    await store.jobs.answer("run-1", Keep.RESTORE)

    found = await store.jobs.run("run-1")

    assert found is not None
    assert (found.state, found.started, found.finished) == (RunState.FAILED, started, clock())
    assert (found.answer, found.error, found.cleared) == (Keep.KEEP, problem, (CUSTOMER,))


async def test_runs_are_listed_newest_first_and_active_ones_oldest_first(store: Store, clock: Clock) -> None:
    for number in (1, 2, 3):
        await store.jobs.create_run(_run(clock, f"run-{number}"), [])
        clock.forward(1)
    await store.jobs.set_run("run-2", RunState.DONE)

    assert [run.id for run in await store.jobs.runs(limit=2)] == ["run-3", "run-2"]
    assert [run.id for run in await store.jobs.runs(10, [RunState.DONE])] == ["run-2"]
    assert [run.id for run in await store.jobs.active_runs()] == ["run-1", "run-3"]


async def test_the_life_of_a_job(store: Store, clock: Clock) -> None:
    await store.jobs.create_run(_run(clock), BOTH)
    job = (await store.jobs.jobs_of("run-1"))[1].id
    started = clock()
    await store.jobs.start_job(job, started)
    await store.jobs.start_job(job, clock.forward(60), total=7)
    await store.positions.begin(f"job:{job}", {}, "log-1")
    await store.positions.published(f"job:{job}", {}, Published("topic", {}), 2, job=job)
    await store.positions.published(f"job:{job}", {}, Published("topic", {}), 3, job=job)
    await store.jobs.swept(job)
    await store.memory.record([ended("b1", Outcome.COUPLED, job=job)], NOWHERE)
    await store.jobs.finish_job(job, JobState.FINISHED, clock.forward(1), "done")

    found = await store.jobs.job(job)

    assert found is not None
    assert (found.state, found.started, found.finished, found.message) == (JobState.FINISHED, started, clock(), "done")
    assert (found.published, found.total, found.swept, found.settled) == (5, 7, True, 1)


async def test_jobs_are_listed_newest_first(store: Store, clock: Clock) -> None:
    await store.jobs.create_run(_run(clock), BOTH)
    await store.jobs.create_run(_run(clock, "run-2"), BOTH[:1])

    assert [job.run for job in await store.jobs.jobs(limit=2)] == ["run-2", "run-1"]
    assert [job.direction for job in await store.jobs.jobs(mapping=CUSTOMER)] == [Direction.TO_BC, Direction.TO_SALES]
    assert len(await store.jobs.jobs(run="run-1")) == 3
    assert await store.views.recent_jobs(1) == await store.jobs.jobs(limit=1)
    assert await store.jobs.job(999) is None


async def test_a_command_is_received_once(store: Store, clock: Clock) -> None:
    command = {"id": "c1", "command": "sync", "mappings": None}

    assert await store.commands.receive("c1", command, RunState.ACCEPTED)
    assert not await store.commands.receive("c1", {"other": 1}, RunState.REFUSED)

    found = await store.commands.get("c1")
    assert found is not None
    assert (found.command, found.state, found.received_at) == (command, RunState.ACCEPTED, clock())


async def test_a_final_command_stays_as_it_ended(store: Store, clock: Clock) -> None:
    problem = Problem("no", "Not now.", "Later.")
    await store.commands.receive("c1", {}, RunState.ACCEPTED)
    await store.commands.update("c1", RunState.REFUSED, error=problem, result={"jobs": [1]})
    ended_at = clock()
    clock.forward(5)
    await store.commands.update("c1", RunState.DONE, result={})

    found = await store.commands.get("c1")

    assert found is not None
    assert (found.state, found.error, found.result) == (RunState.REFUSED, problem, {"jobs": [1]})
    assert found.finished_at == ended_at


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.AWAITING_ANSWER])
async def test_a_command_at_work_is_not_merely_accepted_again(store: Store, state: RunState) -> None:
    """The announcement of its acceptance may come after its run has begun (promise 8)."""
    await store.commands.receive("c1", {}, RunState.ACCEPTED)
    await store.commands.update("c1", RunState.ACCEPTED)
    await store.commands.update("c1", state)
    await store.commands.announced("c1", state)
    await store.commands.update("c1", RunState.ACCEPTED)

    found = await store.commands.get("c1")

    assert found is not None
    assert (found.state, found.announced) == (state, True)


async def test_pending_commands_come_in_the_order_of_receipt(store: Store) -> None:
    for name in ("z", "a", "m"):
        await store.commands.receive(name, {}, RunState.ACCEPTED)
    await store.commands.receive("bad", {}, RunState.REFUSED, Problem("x", "y"))
    await store.commands.update("a", RunState.DONE)

    assert [command.id for command in await store.commands.pending()] == ["z", "m"]


async def test_what_moved_on_meanwhile_stays_to_be_announced(store: Store) -> None:
    await store.commands.receive("c1", {}, RunState.ACCEPTED)
    await store.commands.update("c1", RunState.RUNNING)
    await store.commands.announced("c1", RunState.ACCEPTED)
    assert [command.id for command in await store.commands.unannounced()] == ["c1"]

    await store.commands.announced("c1", RunState.RUNNING)
    assert await store.commands.unannounced() == []

    await store.commands.update("c1", RunState.DONE)
    assert [command.id for command in await store.commands.unannounced()] == ["c1"]
