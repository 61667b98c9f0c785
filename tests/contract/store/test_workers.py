"""Two workers on one database: nothing is counted twice, no mapping is worked on twice at once (promises 2 and 3)."""

import asyncio

import psycopg
import pytest

from consumers.ports import Applied, Overtaken
from daemon.store.engine import Store
from schemas.job import Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction

from .conftest import Another
from .made import CUSTOMER, TOPIC, coupled, ended

LOG = "log-1"


async def _progress(store: Store) -> dict[int, int]:
    return dict((await store.memory.applied(TOPIC, LOG)).offsets)


async def test_a_batch_moves_progress_from_where_it_began(store: Store) -> None:
    await store.memory.record([], Applied(TOPIC, LOG, {0: 4}))
    await store.memory.record([], Applied(TOPIC, LOG, {0: 9, 1: 2}, since={0: 4}))

    assert await _progress(store) == {0: 9, 1: 2}


@pytest.mark.parametrize("since", [{}, {0: 3}, {0: 11}])
async def test_a_batch_that_another_worker_has_recorded_leaves_nothing(store: Store, since: dict[int, int]) -> None:
    run = Run("run-1", RunKind.FULL, RunState.RUNNING, (CUSTOMER,))
    await store.jobs.create_run(run, [(CUSTOMER, Direction.TO_SALES)])
    [job] = await store.jobs.jobs_of("run-1")
    await store.memory.record([ended("b1", Outcome.INSERTED, job=job.id)], Applied(TOPIC, LOG, {0: 9}))

    with pytest.raises(Overtaken):
        await store.memory.record(
            [ended("b1", Outcome.INSERTED, job=job.id), coupled("b2", "s2")], Applied(TOPIC, LOG, {0: 12, 1: 1}, since)
        )

    assert await _progress(store) == {0: 9}
    assert [job.settled for job in await store.jobs.jobs_of("run-1")] == [1]
    assert await store.views.coupling_counts() == {}


async def test_of_two_that_record_one_batch_at_once_one_does(store: Store, another: Another) -> None:
    run = Run("run-1", RunKind.FULL, RunState.RUNNING, (CUSTOMER,))
    await store.jobs.create_run(run, [(CUSTOMER, Direction.TO_SALES)])
    [job] = await store.jobs.jobs_of("run-1")
    workers = [store, *[await another() for _ in range(3)]]

    for number in range(10):
        applied = Applied(TOPIC, LOG, {0: number, 3: number}, await _progress(store))
        batch = [ended(f"b{number}", Outcome.MODIFIED, job=job.id)]
        ends = await asyncio.gather(
            *(worker.memory.record(batch, applied) for worker in workers), return_exceptions=True
        )
        assert sorted(isinstance(end, Overtaken) for end in ends) == [False, True, True, True]

    assert [job.settled for job in await store.jobs.jobs_of("run-1")] == [10]


async def test_a_log_that_is_left_behind_overtakes_nobody(store: Store) -> None:
    await store.memory.record([], Applied(TOPIC, "an older log", {0: 99}))
    await store.memory.record([], Applied(TOPIC, LOG, {0: 0}))

    with pytest.raises(Overtaken):
        await store.memory.record([], Applied(TOPIC, "an older log", {0: 100}, since={0: 99}))
    assert await _progress(store) == {0: 0}


async def test_a_turn_is_one_batchs_in_this_worker(store: Store) -> None:
    await _are_one_after_the_other(store, store)


async def test_a_turn_is_one_batchs_among_all_workers(store: Store, another: Another, url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite is for one worker")
    await _are_one_after_the_other(store, await another())


async def _are_one_after_the_other(first: Store, second: Store) -> None:
    inside = 0

    async def batch(worker: Store) -> None:
        nonlocal inside
        async with worker.memory.turn(CUSTOMER):
            inside += 1
            assert inside == 1
            await worker.memory.applied(TOPIC, LOG)
            assert inside == 1
            inside -= 1

    await asyncio.gather(*(batch(worker) for worker in (first, second) * 10))


async def test_many_turns_at_once_leave_the_store_to_work_with(store: Store, another: Another) -> None:
    """More mappings than the pool has connections, and another worker waiting for each of them."""
    second = await another()

    async def batch(worker: Store, name: str) -> None:
        async with worker.memory.turn(name):
            await worker.memory.record([coupled(f"{name}-{id(worker)}", f"s-{name}-{id(worker)}")], Applied(TOPIC, LOG))

    await asyncio.gather(*(batch(worker, f"M{n}") for n in range(25) for worker in (store, second)))

    assert await store.views.coupling_counts() == {CUSTOMER: 50}


async def test_a_turn_ends_with_what_ended_it(store: Store, another: Another) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.memory.turn(CUSTOMER):
            raise ZeroDivisionError
    waiting = asyncio.create_task(_take(store))
    async with (await another()).memory.turn("OTHER"), store.memory.turn(CUSTOMER):
        for _ in range(20):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    async with (await another()).memory.turn(CUSTOMER), store.memory.turn("OTHER"):
        pass


async def _take(store: Store) -> None:
    async with store.memory.turn(CUSTOMER):
        pass


async def test_a_connection_lost_in_a_turn_harms_nothing(store: Store, url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite needs no connection for it")
    async with store.memory.turn(CUSTOMER):
        with psycopg.connect(url, autocommit=True) as admin:
            ended = admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            assert ended.fetchall() == [(True,)]
    async with store.memory.turn(CUSTOMER):
        pass
