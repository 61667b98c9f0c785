"""How changes ended: counted for all workers, and listed record by record."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from consumers.ports import Applied
from daemon.store.ended import SLOT, TOLD, half_hour
from daemon.store.engine import Store
from daemon.store.history import Among, EndedRecord
from daemon.store.tables_of_history import EndedCountRow, EndedRow
from daemon.store.tidying import tidy
from schemas.outcome import LASTING, Outcome
from schemas.side import Direction, Side

from .asking import Asked, asked
from .conftest import Another, Clock
from .made import CUSTOMER, NOWHERE, TOPIC, change, coupled, ended, failed
from .test_many_failures import analyse, costs

JOB, OTHER = 7, 8
PLAIN = sorted(set(Outcome) - set(LASTING))


def ids(found: list[EndedRecord]) -> list[str | None]:
    return [one.bc_id or one.sales_id for one in found]


@pytest.mark.parametrize("outcome", PLAIN)
async def test_which_records_ended_so_in_a_job_is_told_newest_first(
    store: Store, clock: Clock, outcome: Outcome
) -> None:
    """Also of one that a newer version decides, and of one that comes twice: as many as the job counts."""
    first = clock()
    batch = [
        ended("b1", outcome, job=JOB),
        ended("b2", outcome, job=JOB, superseded=True),
        ended("b2", outcome, job=JOB),
    ]
    await store.memory.record([*batch, ended("x", outcome, job=OTHER), ended("y", outcome)], NOWHERE)
    later = clock.forward(60)
    await store.memory.record([ended("s3", outcome, job=JOB, side=Side.SALES)], NOWHERE)

    found = await store.ended.listed(Among(JOB), outcome, 9)
    assert ids(found) == ["s3", "b2", "b2", "b1"]
    assert (found[0].at, found[0].direction, found[0].sales_id, found[0].bc_id) == (later, Direction.TO_BC, "s3", None)
    assert (found[3].at, found[3].mapping, found[3].outcome, found[3].job) == (first, CUSTOMER, outcome, JOB)
    assert len({one.id for one in found}) == 4
    assert await store.ended.number(Among(JOB), outcome) == 4
    assert await store.history.listed(Among(JOB), None, 9) == []


async def _batches(store: Store, clock: Clock, sizes: list[int]) -> list[str]:
    """Of so many records each; their keys in the order they are listed."""
    keys = iter(f"b{number}" for number in range(sum(sizes)))
    batches = [[next(keys) for _ in range(size)] for size in sizes]
    for batch in batches:
        clock.forward(7)
        await store.memory.record([ended(key, Outcome.UNCHANGED, job=JOB) for key in batch], NOWHERE)
        await store.memory.record([ended("other", Outcome.IGNORED, job=JOB)], NOWHERE)
    return [key for batch in reversed(batches) for key in reversed(batch)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 20])
async def test_pages_have_every_record_once_whatever_the_batches_were(store: Store, clock: Clock, limit: int) -> None:
    every = await _batches(store, clock, [1, 4, 2, 1, 6])
    for among in (Among(JOB), store.ended.day()):
        by_offset = [
            await store.ended.listed(among, Outcome.UNCHANGED, limit, first) for first in range(0, len(every), limit)
        ]
        assert [key for page in by_offset for key in ids(page)] == every
        paged: list[EndedRecord] = []
        while page := await store.ended.listed(
            among, Outcome.UNCHANGED, limit, after=among.place(paged[-1]) if paged else None
        ):
            assert len(page) == min(limit, len(every) - len(paged))
            paged += page
            await store.memory.record([ended("new", Outcome.UNCHANGED, job=JOB)] * 3, NOWHERE)
        assert ids(paged)[: len(every)] == every or among.since, "what comes meanwhile moves nothing"
        assert len({one.id for one in paged}) == len(paged)
        every = ["new"] * (len(paged) // limit + bool(len(paged) % limit)) * 3 + every


async def test_a_place_behind_all_of_them_has_none(store: Store, clock: Clock) -> None:
    """Whatever number somebody writes into the address of a page."""
    await _batches(store, clock, [2, 3])
    last = await store.ended.listed(Among(JOB), Outcome.UNCHANGED, 1, 4)
    for among in (Among(JOB), store.ended.day()):
        for outcome in (Outcome.UNCHANGED, Outcome.MODIFIED, None):
            assert await store.ended.listed(among, outcome, 50, 2**53 - 1) == []
        assert await store.ended.listed(among, Outcome.UNCHANGED, 50, after=among.place(last[0])) == []


async def test_a_list_goes_on_behind_a_place_whose_row_has_left_the_store(store: Store, clock: Clock) -> None:
    """It was older than another that stands behind it, as when the clocks of two workers differ."""
    await _batches(store, clock, [3])
    since = clock()
    clock.forward(-3600)
    await _batches(store, clock, [3])
    [_, last] = await store.ended.listed(Among(JOB), Outcome.UNCHANGED, 2)
    await tidy(store.database, since, since)
    left = await store.ended.listed(Among(JOB), Outcome.UNCHANGED, 9, after=Among(JOB).place(last))
    assert ids(left) == ["b2", "b1", "b0"]


async def test_what_changed_records_is_listed_by_the_day_too(store: Store, clock: Clock) -> None:
    await store.memory.record([coupled("old", "s0", outcome=Outcome.INSERTED)], NOWHERE)
    clock.forward(86_400 + 60)
    made = [coupled(f"b{n}", f"s{n}", outcome=Outcome.INSERTED) for n in range(1, 4)]
    await store.memory.record([*made, ended("b9", Outcome.UNCHANGED), failed("b8")], NOWHERE)
    day = store.ended.day()
    for outcome in (Outcome.INSERTED, None):
        first = await store.ended.listed(day, outcome, 2)
        assert ids(first) == ["b3", "b2"]
        assert ids(await store.ended.listed(day, outcome, 9, after=day.place(first[-1]))) == ["b1"]
        assert await store.ended.number(day, outcome) == 3
    assert ids(await store.ended.listed(day, Outcome.FAILED, 9)) == ["b8"]
    elsewhere = Among(since=day.since, mapping="ITEM-PRODUCT")
    assert await store.ended.listed(elsewhere, None, 9) == []
    assert await store.ended.number(elsewhere, None) == 0


async def test_the_last_24_hours_are_counted_as_they_are_listed(store: Store, clock: Clock) -> None:
    await store.memory.record([ended("b0", Outcome.UNCHANGED)] * 5, NOWHERE)
    clock.forward(86_400)
    everyone = [ended(f"b{n}", outcome) for n, outcome in enumerate(sorted(Outcome)) if outcome not in LASTING]
    await store.memory.record([*everyone, coupled("b1", "s1"), coupled("b2", "s2", outcome=Outcome.INSERTED)], NOWHERE)
    await store.memory.record([ended("b1", Outcome.UNCHANGED, superseded=True)], NOWHERE)
    found, day = await store.ended.lately(), store.ended.day()
    assert found.since == day.since == clock() - timedelta(days=1)
    assert found.changes == 5 + len(PLAIN) + 2 + 1
    for outcome in Outcome:
        listed = await store.ended.listed(day, outcome, 99)
        assert len(listed) == found.outcomes.get(outcome, 0) == await store.ended.number(day, outcome)
    assert [slot.number for slot in found.slots] == [5, found.changes - 5]
    assert [slot.at for slot in found.slots] == [half_hour(day.since), half_hour(clock())]
    assert all(slot.at.timestamp() % SLOT.total_seconds() == 0 for slot in found.slots)
    clock.forward(60)
    assert (await store.ended.lately()).outcomes.get(Outcome.UNCHANGED) == 2, "the first five are older by now"


async def test_a_pair_that_both_sides_tell_is_counted_as_it_is_listed(store: Store) -> None:
    here = coupled("b1", "s1")
    there = ended("s1", Outcome.COUPLED, side=Side.SALES, partner="b1")
    await store.memory.record([here, there], NOWHERE)
    assert (await store.ended.lately()).outcomes == {Outcome.COUPLED: 1}
    assert len(await store.ended.listed(store.ended.day(), Outcome.COUPLED, 9)) == 1


async def test_the_rate_is_of_the_last_five_minutes(store: Store, clock: Clock) -> None:
    await store.memory.record([ended("b1", Outcome.UNCHANGED)] * 10, NOWHERE)
    assert (await store.ended.lately()).per_minute == 2
    clock.forward(240)
    await store.memory.record([ended("b1", Outcome.IGNORED)] * 5, NOWHERE)
    assert (await store.ended.lately()).per_minute == 3
    clock.forward(60)
    assert (await store.ended.lately()).per_minute == 1
    clock.forward(300)
    assert (await store.ended.lately()).per_minute == 0


async def test_all_workers_are_counted_together(store: Store, another: Another) -> None:
    workers = [store, *[await another() for _ in range(2)]]

    async def work(number: int, worker: Store) -> None:
        since: dict[int, int] = {}
        for offset in range(6):
            batch = [ended(f"b{n}", Outcome.UNCHANGED) for n in range(4)] + [ended("b9", Outcome.IGNORED)]
            await worker.memory.record(batch, Applied(TOPIC, "log-1", {number: offset}, since))
            since = {number: offset}

    await asyncio.gather(*(work(number, worker) for number, worker in enumerate(workers)))
    assert (await store.ended.lately()).outcomes == {Outcome.UNCHANGED: 72, Outcome.IGNORED: 18}


async def test_a_batch_that_comes_to_nothing_is_not_counted(store: Store) -> None:
    unstorable = coupled("b2", "s2")
    assert unstorable.coupling is not None
    unstorable.coupling.bc.base["bad"] = object()  # type: ignore[index]
    with pytest.raises(Exception, match="JSON"):
        await store.memory.record([ended("b1", Outcome.UNCHANGED), unstorable], NOWHERE)
    assert (await store.ended.lately()).changes == 0
    assert await store.ended.listed(store.ended.day(), Outcome.UNCHANGED, 9) == []


async def test_what_no_job_counts_is_kept_a_day_and_else_as_long_as_a_history(store: Store, clock: Clock) -> None:
    await store.memory.record([ended("b1", Outcome.UNCHANGED), ended("b2", Outcome.UNCHANGED, job=JOB)], NOWHERE)
    await tidy(store.database, clock() - timedelta(days=90), clock.forward(86_400) - TOLD)
    assert await _kept(store) == {None: 1, JOB: 1}
    assert (await store.ended.lately()).changes == 2
    now = clock.forward(7200)
    await tidy(store.database, now - timedelta(days=90), now - TOLD)
    assert await _kept(store) == {JOB: 1}
    async with store.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(EndedCountRow)) == 0
    assert ids(await store.ended.listed(Among(JOB), Outcome.UNCHANGED, 9)) == ["b2"]
    await tidy(store.database, now, now)
    assert await _kept(store) == {}


async def test_who_keeps_histories_for_a_day_only_is_listed_the_day_as_it_is_counted(
    store: Store, clock: Clock
) -> None:
    """Whole minutes are counted: the first of them is a little more than a day ago."""
    clock.forward(10)
    made = coupled("b1", "s1", outcome=Outcome.INSERTED, job=JOB)
    await store.memory.record([made, ended("b2", Outcome.UNCHANGED, job=JOB)], NOWHERE)
    now = clock.forward(86_400 + 30)
    await tidy(store.database, now - timedelta(days=1), now - TOLD)
    day = store.ended.day()
    for outcome in (Outcome.INSERTED, Outcome.UNCHANGED):
        assert len(await store.ended.listed(day, outcome, 9)) == await store.ended.number(day, outcome) == 1


async def _kept(store: Store) -> Counter[int | None]:
    async with store.database.read() as connection:
        return Counter(await connection.scalars(select(EndedRow.job_id)))


MANY = 20_000


async def _filled(store: Store, url: str, clock: Clock) -> None:
    """With many rows, every other of a job, and one of another job."""
    row: dict[str, Any] = {"at": clock(), "mapping": CUSTOMER, "direction": "to_sales", "number": 1}
    rows = [row | {"keys": [f"b{n}"], "outcome": "ignored", "job_id": n % 2 or None} for n in range(MANY)]
    few = [row | {"keys": ["few"], "outcome": "skipped", "job_id": JOB}]
    async with store.database.write() as connection:
        await connection.execute(insert(EndedRow), rows + few)
    analyse(url)


def _too_dear(url: str, statements: Asked, number: int) -> dict[str, int]:
    found = costs(url, statements, "ended_records")
    assert len(found) == number
    most = 6000 if url.startswith("sqlite") else 300
    return {statement: cost for statement, cost in found.items() if cost > most}


async def test_the_few_among_many_are_found_without_a_look_through_all(store: Store, url: str, clock: Clock) -> None:
    await _filled(store, url, clock)
    with asked(store) as statements:
        assert ids(await store.ended.listed(Among(JOB), Outcome.SKIPPED, 51)) == ["few"]
        assert await store.ended.number(Among(JOB), Outcome.SKIPPED) == 1
        assert ids(await store.ended.listed(store.ended.day(), Outcome.SKIPPED, 51)) == ["few"]
    assert _too_dear(url, statements, 3) == {}


async def test_a_page_of_many_is_found_without_a_look_through_those_behind_it(
    store: Store, url: str, clock: Clock
) -> None:
    await _filled(store, url, clock)
    with asked(store) as statements:
        for among in (Among(1), store.ended.day()):
            page = await store.ended.listed(among, Outcome.IGNORED, 5)
            assert len(await store.ended.listed(among, Outcome.IGNORED, 5, after=among.place(page[-1]))) == 5
    assert _too_dear(url, statements, 4) == {}


async def test_a_change_of_a_job_keeps_its_job(store: Store) -> None:
    one = ended("b1", Outcome.UNCHANGED, job=JOB)
    assert one.change == change("b1", job=JOB)
    await store.memory.record([one], NOWHERE)
    [found] = await store.ended.listed(store.ended.day(), Outcome.UNCHANGED, 9)
    assert found.job == JOB
