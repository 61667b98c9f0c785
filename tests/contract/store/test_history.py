"""What became of pairs, by either side's id, as long as the store keeps it."""

from dataclasses import replace

import pytest
from sqlalchemy import insert

from daemon.store.engine import Store
from daemon.store.history import LAST, Among
from daemon.store.tables_of_history import HistoryRow
from daemon.store.tidying import tidy
from schemas.explanation import Event
from schemas.outcome import Outcome
from schemas.side import Direction, Side

from .asking import asked
from .conftest import Clock
from .made import CUSTOMER, NOWHERE, change, coupled, ended, failed, uncoupled
from .test_many_failures import analyse, costs

BOTH = {Side.BC: "b1", Side.SALES: "s1"}
JOB, OTHER = 7, 8
MANY = 20_000


async def test_what_changed_a_pair_is_told_newest_first_with_what_was_written(store: Store, clock: Clock) -> None:
    made = clock()
    await store.memory.record([coupled("b1", "s1", outcome=Outcome.INSERTED)], NOWHERE)
    moved = clock.forward(60)
    change = replace(coupled("b1", "s1", outcome=Outcome.MODIFIED), wrote=("name", "fax"), overruled={"fax": None})
    await store.memory.record([change, coupled("b2", "s2")], NOWHERE)

    newest = Event(moved, Direction.TO_SALES, Outcome.MODIFIED, "b1", "s1", ["fax", "name"], {"fax": None})
    first = Event(made, Direction.TO_SALES, Outcome.INSERTED, "b1", "s1", [])
    assert await store.history.of(CUSTOMER, BOTH) == [newest, first]
    assert await store.history.of(CUSTOMER, {Side.SALES: "s1"}) == [newest, first]
    assert await store.history.of("ITEM-PRODUCT", BOTH) == []


@pytest.mark.parametrize("outcome", [Outcome.UNCHANGED, Outcome.IGNORED, Outcome.SKIPPED])
async def test_what_changed_nothing_is_not_kept_unless_it_settled_a_conflict(store: Store, outcome: Outcome) -> None:
    await store.memory.record([ended("b1", outcome), failed("b1")], NOWHERE)
    assert await store.history.of(CUSTOMER, BOTH) == []
    await store.memory.record([ended("b1", outcome, overruled={"name": "Lost"})], NOWHERE)
    assert [one.overruled for one in await store.history.of(CUSTOMER, BOTH)] == [{"name": "Lost"}]


async def test_what_is_said_of_both_records_of_a_pair_is_said_once(store: Store) -> None:
    here = coupled("b1", "s1")
    there = replace(here, change=replace(here.change, side=Side.SALES, key="s1"), partner="b1")
    await store.memory.record([replace(here, partner="s1"), there], NOWHERE)
    both = [replace(uncoupled("b1"), partner="s1"), replace(uncoupled("s1", Side.SALES), partner="b1")]
    await store.memory.record(both, NOWHERE)
    assert [one.outcome for one in await store.history.of(CUSTOMER, BOTH)] == [Outcome.UNCOUPLED, Outcome.COUPLED]


async def test_whose_pair_has_ended_is_known_by_either_id(store: Store, clock: Clock) -> None:
    ends = [
        replace(ended("b1", Outcome.DELETED), partner="s1"),
        replace(ended("s2", Outcome.DELETED, side=Side.SALES), partner="b2"),
    ]
    await store.memory.record([*ends, coupled("b3", "s3"), replace(uncoupled("b4"), partner="s4")], NOWHERE)
    for side, over in ((Side.BC, {"b1", "b2", "b4"}), (Side.SALES, {"s1", "s2", "s4"})):
        every = [f"{side.value[0]}{number}" for number in range(5)]
        assert await store.memory.ended(CUSTOMER, side, every) == dict.fromkeys(over, clock())
        assert await store.memory.ended("CONTACTS", side, every) == {}


async def test_it_names_the_last_few_and_leaves_the_store_with_its_time(store: Store, clock: Clock) -> None:
    await store.memory.record([ended("b1", Outcome.INSERTED, partner="s1")] * (LAST + 1), NOWHERE)
    before = clock.forward(1)
    await store.memory.record([coupled("b1", "s1", outcome=Outcome.MODIFIED)], NOWHERE)
    found = await store.history.of(CUSTOMER, BOTH)
    assert [one.outcome for one in found] == [Outcome.MODIFIED] + [Outcome.INSERTED] * (LAST - 1)
    await tidy(store.database, before)
    assert [one.outcome for one in await store.history.of(CUSTOMER, BOTH)] == [Outcome.MODIFIED]


async def test_what_a_job_did_is_told_newest_first_and_by_outcome(store: Store, clock: Clock) -> None:
    made = [coupled(f"b{n}", f"s{n}", job=JOB, outcome=Outcome.INSERTED) for n in range(3)]
    await store.memory.record([*made, coupled("bx", "sx", job=OTHER), coupled("by", "sy")], NOWHERE)
    at = clock.forward(60)
    modified = replace(made[1], outcome=Outcome.MODIFIED, wrote=("name", "fax"), overruled={"fax": None})
    await store.memory.record([modified, ended("b2", Outcome.UNCHANGED, job=JOB), failed("b9", job=JOB)], NOWHERE)

    newest, *others = await store.history.listed(Among(JOB), None, 9)
    assert (newest.mapping, newest.at, newest.direction, newest.job) == (CUSTOMER, at, Direction.TO_SALES, JOB)
    assert (newest.outcome, newest.bc_id, newest.sales_id) == (Outcome.MODIFIED, "b1", "s1")
    assert (newest.wrote, newest.overruled) == (["fax", "name"], {"fax": None})
    assert [one.bc_id for one in others] == ["b2", "b1", "b0"]
    assert await store.history.listed(Among(JOB), Outcome.INSERTED, 9) == others
    assert await store.history.listed(Among(JOB), Outcome.DELETED, 9) == []
    counts = [await store.history.number(Among(JOB), one) for one in (None, Outcome.INSERTED, Outcome.DELETED)]
    assert counts == [4, 3, 0]


async def test_a_settled_conflict_that_left_the_partner_as_it_was_is_none_of_what_a_job_did(store: Store) -> None:
    """It is counted as unchanged, and stands in the history of its pair."""
    lost = ended("b2", Outcome.UNCHANGED, job=JOB, overruled={"city": "Linz"}, partner="s2")
    await store.memory.record([coupled("b1", "s1", job=JOB), lost], NOWHERE)
    assert [one.bc_id for one in await store.history.listed(Among(JOB), None, 9)] == ["b1"]
    assert await store.history.number(Among(JOB), None) == 1
    assert len(await store.history.of(CUSTOMER, {Side.BC: "b2"})) == 1


async def test_what_a_job_did_is_paged(store: Store) -> None:
    for n in range(7):
        outcome = Outcome.MODIFIED if n % 2 else Outcome.INSERTED
        await store.memory.record([coupled(f"b{n}", f"s{n}", job=JOB, outcome=outcome)], NOWHERE)
    first = await store.history.listed(Among(JOB), Outcome.INSERTED, 2)
    assert [one.bc_id for one in first] == ["b6", "b4"]
    await store.memory.record([coupled("b8", "s8", job=JOB, outcome=Outcome.INSERTED)], NOWHERE)
    behind = await store.history.listed(Among(JOB), Outcome.INSERTED, 9, after=(first[-1].id,))
    assert [one.bc_id for one in behind] == ["b2", "b0"]
    assert [one.bc_id for one in await store.history.listed(Among(JOB), None, 2, 3)] == ["b4", "b3"]


async def test_a_record_of_a_job_has_its_name_as_long_as_it_is_coupled(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1", job=JOB), coupled("b2", "s2", job=JOB)], NOWHERE)
    await store.memory.record([replace(uncoupled("b2"), partner="s2")], NOWHERE)
    named = await store.pairs.named(await store.history.listed(Among(JOB), None, 9))
    assert [(one.bc_id, one.name) for one in named] == [("b2", ""), ("b1", "Æther Ltd")]


async def test_what_is_said_of_both_records_is_said_of_the_job_that_counts_it(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1")], NOWHERE)
    here = replace(uncoupled("b1"), change=change("b1", job=JOB), partner="s1")
    await store.memory.record([here, replace(uncoupled("s1", Side.SALES), partner="b1")], NOWHERE)
    assert [one.job for one in await store.history.of(CUSTOMER, BOTH)] == [JOB, None]


async def test_a_few_records_of_a_large_job_are_found_without_a_look_through_all(
    store: Store, url: str, clock: Clock
) -> None:
    kept = {"at": clock(), "mapping": CUSTOMER, "direction": "to_sales", "wrote": [], "overruled": {}}
    ends = [("modified", JOB), *[("inserted", JOB)] * MANY, *[("modified", None)] * MANY]
    rows = [kept | {"bc_id": f"b{n}", "outcome": one, "job_id": job} for n, (one, job) in enumerate(ends)]
    async with store.database.write() as connection:
        await connection.execute(insert(HistoryRow), rows)
    analyse(url)
    with asked(store) as statements:
        assert len(await store.history.listed(Among(JOB), Outcome.MODIFIED, 51)) == 1
        assert await store.history.number(Among(JOB), Outcome.MODIFIED) == 1
        assert len(await store.history.listed(Among(JOB), Outcome.INSERTED, 51)) == 51
    found = costs(url, statements, "history")
    assert len(found) >= 2
    # SQLite counts some dozen steps for each row.
    most = 6000 if url.startswith("sqlite") else 300
    assert {statement: cost for statement, cost in found.items() if cost > most} == {}
