"""Who waits for a pair and was not woken when it was coupled is found now and then (row 94, promise 7)."""

from dataclasses import replace

import pytest

from consumers.problems import NO_REFERENCE
from daemon.store.engine import Store
from daemon.store.waking import LateWakes
from producers.retry import Due
from schemas.coupling import Reference
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, failed

TO_SALES = Direction.TO_SALES
COMPANY = Reference(CUSTOMER, Side.BC, "contact", "CT|1")
DUE = Due(CUSTOMER, TO_SALES, "b1")


async def record(store: Store, *settled: Settled) -> None:
    await store.memory.record(settled, NOWHERE)


async def due(store: Store, clock: Clock) -> list[Due]:
    return await store.retries.due(clock(), 10, [(CUSTOMER, TO_SALES)])


def unseen() -> Settled:
    """The company is coupled by a transaction that does not see who waits."""
    return coupled("b9", "s9", outcome=Outcome.UNCHANGED, contact="CT|1")


async def test_a_failure_whose_partner_was_coupled_unseen_is_due_within_a_minute(store: Store, clock: Clock) -> None:
    await record(store, unseen())
    await record(store, failed("b1", "not-coupled", waits_for=COMPANY))
    assert await due(store, clock) == []
    clock.forward(61)
    assert await due(store, clock) == [DUE]


async def test_a_record_that_owes_a_partner_coupled_unseen_is_due_within_a_minute(store: Store, clock: Clock) -> None:
    assert await due(store, clock) == []
    await record(store, replace(coupled("b1", "s1"), owed=(COMPANY,)))
    await record(store, unseen())
    assert await due(store, clock) == []
    clock.forward(61)
    assert await due(store, clock) == [DUE]
    await store.retries.taken([DUE], clock())
    clock.forward(61)
    assert await due(store, clock) == []


async def test_what_was_carried_and_lost_with_its_log_is_carried_again(store: Store, clock: Clock) -> None:
    await record(store, replace(coupled("b1", "s1"), owed=(COMPANY,)))
    await record(store, coupled("b9", "s9", contact="CT|1"))
    await store.retries.taken(await due(store, clock), clock())
    clock.forward(3601)
    assert await due(store, clock) == [DUE]


async def test_what_a_coupled_partner_has_yet_to_get_keeps_nobody_busy(store: Store, clock: Clock) -> None:
    await record(store, unseen(), replace(coupled("b1", "s1"), lacking=(COMPANY,)))
    await record(store, failed("b2", NO_REFERENCE, waits_for=COMPANY))
    for _ in range(4):
        assert await due(store, clock.forward(60) and clock) == []
    clock.forward(3600)
    assert await due(store, clock) == [DUE, Due(CUSTOMER, TO_SALES, "b2")]


@pytest.mark.parametrize("count", [1, 3, 4])
async def test_many_names_are_looked_at_page_by_page(store: Store, clock: Clock, count: int) -> None:
    references = [Reference(CUSTOMER, Side.BC, "contact", f"CT{number}") for number in range(count)]
    for number, one in enumerate(references):
        await record(store, replace(coupled(f"b{number}", f"s{number}"), owed=(one,)))
    for one in references:
        await record(store, coupled(f"c{one.value}", f"t{one.value}", outcome=Outcome.UNCHANGED, contact=one.value))
    late = LateWakes(store.database, page=2)
    for _ in range(3):
        await late.once(clock())
    assert len(await due(store, clock)) == count


async def test_many_failures_that_rest_keep_none_back_that_is_due(store: Store, clock: Clock) -> None:
    await record(store, *(failed(f"a{number}", waits_for=COMPANY) for number in range(2100)))
    clock.forward(1)
    await record(store, failed("b1", transient=True))
    clock.forward(31)
    assert await due(store, clock) == [DUE]
