"""Records that owe a look-up: due once it is coupled, and no failures meanwhile (business-central-sync row 94)."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.store.engine import Store
from producers.retry import Due
from schemas.coupling import Reference
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, ended, failed, uncoupled

TO_SALES, TO_BC = Direction.TO_SALES, Direction.TO_BC
SERVED = [(CUSTOMER, TO_SALES), (CUSTOMER, TO_BC)]
FIRST = Reference(CUSTOMER, Side.BC, "contact", "CT1")
SECOND = Reference(CUSTOMER, Side.BC, "contact", "CT2")
ONE = Due(CUSTOMER, TO_SALES, "b1")


def owing(*owed: Reference, key: str = "b1", **more: Any) -> Settled:
    return replace(coupled(key, f"s-{key}", **more), owed=owed)


async def record(store: Store, *settled: Settled) -> None:
    await store.memory.record(settled, NOWHERE)


async def due(store: Store, clock: Clock) -> list[Due]:
    return await store.retries.due(clock(), 10, SERVED)


async def test_a_record_is_due_as_soon_as_what_it_owes_is_coupled(store: Store, clock: Clock) -> None:
    await record(store, owing(FIRST))
    await record(store, coupled("b8", "s8", contact="CT8"))
    clock.forward(86_400)
    assert await due(store, clock) == []
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await due(store, clock) == [ONE]
    assert await store.retries.due(clock(), 10, [(CUSTOMER, TO_BC)]) == []


async def test_it_is_to_be_seen_until_it_is_filled_in(store: Store, clock: Clock) -> None:
    await record(store, owing(FIRST, SECOND), owing(FIRST, key="b2"), owing(FIRST, key="b3"))
    await record(store, uncoupled("b3"), replace(ended("b4", Outcome.IGNORED), owed=(FIRST,)))
    assert await store.blanks.counts() == {CUSTOMER: 3}
    found = await store.blanks.listed(CUSTOMER)
    assert [(one.key, one.waits_for, one.again_at) for one in found] == [
        ("b1", FIRST, None),
        ("b1", SECOND, None),
        ("b2", FIRST, None),
    ]
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert [one.again_at for one in await store.blanks.listed()] == [clock(), None, clock()]
    await record(store, ended("b1", Outcome.MODIFIED), ended("b2", Outcome.MODIFIED))
    assert (await store.blanks.counts(), await store.blanks.listed()) == ({}, [])


async def test_taken_it_is_not_due_again_and_going_through_ends_it(store: Store, clock: Clock) -> None:
    await record(store, owing(FIRST))
    await record(store, coupled("b9", "s9", contact="CT1"))
    await store.retries.taken(await due(store, clock), clock())
    assert await due(store, clock) == []
    await record(store, ended("b1", Outcome.MODIFIED))
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await due(store, clock) == []


@pytest.mark.parametrize("outcome", [Outcome.UNCHANGED, Outcome.MODIFIED, Outcome.UNCOUPLED])
async def test_a_change_that_owes_nothing_ends_it(store: Store, clock: Clock, outcome: Outcome) -> None:
    await record(store, owing(FIRST))
    await record(store, ended("b1", outcome))
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await due(store, clock) == []


@pytest.mark.parametrize("outcome", [Outcome.IGNORED, Outcome.SKIPPED])
async def test_a_change_that_was_not_looked_at_does_not(store: Store, clock: Clock, outcome: Outcome) -> None:
    await record(store, owing(FIRST))
    await record(store, ended("b1", outcome), ended("b1", Outcome.UNCHANGED, superseded=True))
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert ONE in await due(store, clock)


async def test_another_value_is_owed_in_place_of_the_old_one(store: Store, clock: Clock) -> None:
    await record(store, owing(FIRST))
    await record(store, owing(SECOND, outcome=Outcome.MODIFIED))
    await record(store, coupled("b8", "s8", contact="CT1"))
    assert await due(store, clock) == []
    await record(store, coupled("b9", "s9", contact="CT2"))
    assert await due(store, clock) == [ONE]


async def test_several_are_owed_side_by_side_and_wake_once(store: Store, clock: Clock) -> None:
    await record(store, owing(FIRST, SECOND), owing(SECOND, key="b2"))
    await record(store, coupled("b8", "s8", contact="CT1"), coupled("b9", "s9", contact="CT2"))
    assert await due(store, clock) == [ONE, Due(CUSTOMER, TO_SALES, "b2")]


async def test_what_was_coupled_in_the_same_batch_or_by_another_worker_is_due_at_once(
    store: Store, clock: Clock
) -> None:
    await record(store, coupled("b9", "s9", contact="CT1"))
    await record(store, owing(FIRST), owing(SECOND, key="b2"), coupled("b8", "s8", contact="CT2"))
    assert await due(store, clock) == [ONE, Due(CUSTOMER, TO_SALES, "b2")]


@pytest.mark.parametrize("side", Side)
async def test_a_record_that_has_been_uncoupled_from_either_side_is_not_carried(
    store: Store, clock: Clock, side: Side
) -> None:
    await record(store, owing(FIRST))
    await record(store, uncoupled("b1" if side is Side.BC else "s-b1", side))
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await due(store, clock) == []


async def test_it_is_no_failure(store: Store) -> None:
    await record(store, owing(FIRST))
    assert await store.views.failures() == []
    await record(store, failed("b2"))
    assert [one.bc_id for one in await store.views.failures()] == ["b2"]


def left_out(*owed: Reference, **more: Any) -> Settled:
    return replace(ended("b1", Outcome.IGNORED, **more), owed=owed)


async def test_a_record_that_takes_no_part_is_due_once_what_it_names_is_coupled(store: Store, clock: Clock) -> None:
    await record(store, left_out(FIRST))
    clock.forward(86_400)
    assert await due(store, clock) == []
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await due(store, clock) == [ONE]


async def test_what_it_names_may_change(store: Store, clock: Clock) -> None:
    await record(store, left_out(FIRST))
    await record(store, left_out(SECOND))
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await due(store, clock) == []
    await record(store, coupled("b8", "s8", contact="CT2"))
    assert await due(store, clock) == [ONE]


async def test_once_it_fails_its_failure_is_carried_again_in_its_place(store: Store, clock: Clock) -> None:
    await record(store, left_out(FIRST))
    await record(store, failed("b1"))
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await due(store, clock) == []


async def test_one_that_has_left_the_mapping_by_then_is_forgotten(store: Store, clock: Clock) -> None:
    await record(store, left_out(FIRST))
    await record(store, coupled("b9", "s9", contact="CT1"))
    await store.retries.taken(await due(store, clock), clock())
    again = ended("b1", Outcome.IGNORED)
    await record(store, replace(again, change=replace(again.change, retry=True)))
    clock.forward(86_400)
    assert await due(store, clock) == []
