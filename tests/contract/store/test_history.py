"""What became of pairs, by either side's id, as long as the store keeps it."""

from dataclasses import replace

import pytest

from daemon.store.engine import Store
from daemon.store.history import LAST
from daemon.store.tidying import tidy
from schemas.explanation import Event
from schemas.outcome import Outcome
from schemas.side import Direction, Side

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, ended, failed, uncoupled

BOTH = {Side.BC: "b1", Side.SALES: "s1"}


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
