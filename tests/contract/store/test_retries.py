"""What becomes of failed records: tried again, waiting, skipped, left alone (promise 7, business-central-sync 3.8)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.store.engine import Store
from producers.retry import Due
from schemas.change import Version
from schemas.coupling import Reference
from schemas.outcome import Outcome
from schemas.side import Direction, Side

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, ended, failed

TO_SALES, TO_BC = Direction.TO_SALES, Direction.TO_BC
SERVED = [(CUSTOMER, TO_SALES), (CUSTOMER, TO_BC)]
COMPANY = Reference(CUSTOMER, Side.BC, "contact", "CT1")


async def record(store: Store, *settled: Any) -> list[Outcome]:
    return [one.outcome for one in await store.memory.record(settled, NOWHERE)]


def due(key: str, direction: Direction = TO_SALES) -> Due:
    return Due(CUSTOMER, direction, key)


async def test_a_transient_failure_comes_again_after_a_pause_that_doubles(store: Store, clock: Clock) -> None:
    await record(store, failed("b1", transient=True), failed("b2"))
    assert await store.retries.due(clock(), 10, SERVED) == []
    clock.forward(31)
    assert await store.retries.due(clock(), 10, SERVED) == [due("b1")]

    await store.retries.taken([due("b1")], clock())
    assert await store.retries.due(clock(), 10, SERVED) == []
    await record(store, failed("b1", transient=True))
    assert await store.retries.due(clock() + timedelta(seconds=59), 10, SERVED) == []
    assert await store.retries.due(clock() + timedelta(seconds=61), 10, SERVED) == [due("b1")]


async def test_a_waiting_record_is_due_as_soon_as_its_partner_is_coupled(store: Store, clock: Clock) -> None:
    await record(store, failed("b1", waits_for=COMPANY))
    await record(store, coupled("b8", "s8", contact="CT8"))
    assert await store.retries.due(clock(), 10, SERVED) == []
    await record(store, coupled("b9", "s9", contact="CT1"))
    assert await store.retries.due(clock(), 10, SERVED) == [due("b1")]


async def test_a_waiting_record_nobody_wakes_is_looked_at_now_and_then(store: Store, clock: Clock) -> None:
    await record(store, failed("b1", waits_for=COMPANY))
    assert await store.retries.due(clock() + timedelta(minutes=6), 10, SERVED) == [due("b1")]


async def test_the_same_permanent_failure_twice_skips_the_record_in_both_directions(store: Store) -> None:
    assert await record(store, failed("b1", partner="s1")) == [Outcome.FAILED]
    assert await store.memory.skipped(CUSTOMER, Side.BC) == frozenset()
    assert await record(store, failed("b1", partner="s1")) == [Outcome.SKIPPED]
    assert await store.memory.skipped(CUSTOMER, Side.BC) == {"b1"}
    assert await store.memory.skipped(CUSTOMER, Side.SALES) == {"s1"}
    (failure,) = await store.views.failures()
    assert (failure.state, failure.attempts) == ("skipped", 2)


async def test_a_version_that_is_delivered_again_is_not_tried_again(store: Store) -> None:
    live = failed("b1", partner="s1")
    swept = replace(failed("b2"), change=replace(failed("b2").change, job=7, mapping=CUSTOMER))
    for _ in range(3):
        assert await record(store, live, swept) == [Outcome.FAILED] * 2
    assert await store.memory.skipped(CUSTOMER, Side.BC) == frozenset()
    by_a_job, by_a_retry = replace(live.change, job=8, mapping=CUSTOMER), replace(swept.change, job=None, retry=True)
    again = [replace(live, change=by_a_job), replace(swept, change=by_a_retry)]
    assert await record(store, *again) == [Outcome.SKIPPED] * 2


async def test_another_message_a_success_between_or_a_transient_cause_skips_nothing(store: Store) -> None:
    await record(store, failed("b1"), failed("b2"), failed("b3", transient=True), failed("b4", waits_for=COMPANY))
    await record(store, ended("b2", Outcome.MODIFIED))
    again = [failed("b1", "http-403"), failed("b2"), failed("b3", transient=True), failed("b4", waits_for=COMPANY)]
    assert await record(store, *again) == [Outcome.FAILED] * 4
    assert await store.memory.skipped(CUSTOMER, Side.BC) == frozenset()


async def test_retrying_ends_the_skipping_and_makes_the_record_due(store: Store, clock: Clock) -> None:
    for key in ("b1", "b2"):
        await record(store, failed(key))
        await record(store, failed(key))
    assert await store.retries.failed(CUSTOMER, TO_SALES, "", 10) == []
    assert await store.retries.retry([CUSTOMER], ["B1"]) == 1
    assert await store.memory.skipped(CUSTOMER, Side.BC) == {"b2"}
    assert await store.retries.due(clock(), 10, SERVED) == [due("b1")]
    assert await store.retries.retry([CUSTOMER]) == 2
    assert await store.retries.retry(["OTHER"]) == 0


async def test_what_has_failed_or_ended_well_since_is_known(store: Store, clock: Clock) -> None:
    await record(store, failed("b1", partner="s1"), failed("b2"))
    then = clock.forward(10)
    assert not await store.retries.touched([CUSTOMER], ["b1", "b2"], then)
    assert not await store.retries.touched([CUSTOMER], None, then)
    await record(store, ended("b1", Outcome.MODIFIED))
    for records in (["S1"], ["b1"], None):
        assert await store.retries.touched([CUSTOMER], records, then)
    assert not await store.retries.touched([CUSTOMER], ["b2"], then)
    assert not await store.retries.touched(["OTHER"], ["b1"], then)
    await record(store, failed("b2"))
    assert await store.retries.touched([CUSTOMER], ["b2"], then)


async def test_the_retry_set_of_a_direction_is_its_open_failures(store: Store) -> None:
    await record(store, failed("b1"), failed("b2"), failed("s1", side=Side.SALES))
    await record(store, ended("b2", Outcome.UNCHANGED))
    assert await store.retries.failed(CUSTOMER, TO_SALES, "", 10) == [due("b1")]
    assert await store.retries.failed(CUSTOMER, TO_BC, "", 10) == [due("s1", TO_BC)]


async def test_the_retry_set_is_read_page_by_page(store: Store) -> None:
    """What fails anew while it is read changes neither what is behind, nor what is still to come."""
    await record(store, *(failed(f"b{number}") for number in (5, 1, 4, 2)), failed("a9", "http-403"))
    first = await store.retries.failed(CUSTOMER, TO_SALES, "", 3)
    assert first == [due("a9"), due("b1"), due("b2")]
    await record(store, failed("b1", "http-403"), failed("b3"), ended("b4", Outcome.UNCHANGED))
    assert await store.retries.failed(CUSTOMER, TO_SALES, first[-1].key, 3) == [due("b3"), due("b5")]


async def test_of_a_record_that_is_gone_nothing_is_left_to_carry(store: Store) -> None:
    await record(store, failed("b1"), failed("b2"))
    await record(store, ended("s1", Outcome.DELETED, side=Side.SALES, partner="b1", gone="b1"))
    assert await store.retries.failed(CUSTOMER, TO_SALES, "", 10) == [due("b2")]


async def test_one_conflict_is_told_once_and_the_side_that_did_not_settle_it_is_read_again(
    store: Store, clock: Clock
) -> None:
    await record(
        store,
        failed("b1", "update-conflict", partner="s1", outcome=Outcome.CONFLICT),
        failed("s1", "update-conflict", side=Side.SALES, partner="b1", outcome=Outcome.CONFLICT),
    )
    (failure,) = await store.views.failures()
    assert failure.state == "conflict"
    await record(store, ended("b1", Outcome.MODIFIED, partner="s1"))
    assert await store.retries.due(clock(), 10, SERVED) == [due("s1", TO_BC)]
    await record(store, ended("s1", Outcome.UNCHANGED, side=Side.SALES, partner="b1"))
    assert await store.views.failures() == []


async def test_a_retried_record_that_has_left_the_filter_is_done_with_unless_the_mapping_is_paused(
    store: Store,
) -> None:
    await record(store, failed("b1"), failed("b2"), failed("b3"))
    out, paused, live = (ended(key, Outcome.IGNORED) for key in ("b1", "b2", "b3"))
    retried = [replace(one, change=replace(one.change, retry=True)) for one in (out, paused)]
    await record(store, retried[0], replace(retried[1], missed=True), live)
    assert {failure.source_key for failure in await store.views.failures()} == {"b2", "b3"}


async def test_failures_of_directions_that_are_not_served_any_more_take_nobodys_place(
    store: Store, clock: Clock
) -> None:
    await record(store, failed("s1", side=Side.SALES, transient=True), failed("b1", transient=True))
    clock.forward(31)
    assert await store.retries.due(clock(), 1, [(CUSTOMER, TO_SALES)]) == [due("b1")]


async def test_a_failure_told_anew_while_it_was_carried_is_not_put_off(store: Store, clock: Clock) -> None:
    await record(store, failed("b1", transient=True))
    carried = await store.retries.due(clock.forward(31), 10, SERVED)
    await record(store, failed("b1", waits_for=COMPANY))
    await record(store, coupled("b9", "s9", contact="CT1"))
    await store.retries.taken(carried, clock())
    assert await store.retries.due(clock(), 10, SERVED) == [due("b1")]


async def test_a_change_skipped_for_its_partners_failure_is_carried_by_the_retry_too(
    store: Store, clock: Clock
) -> None:
    await record(store, failed("b1", partner="s1"))
    await record(store, failed("b1", partner="s1"))
    await record(store, ended("s1", Outcome.SKIPPED, side=Side.SALES, partner="b1"))
    assert {one.state for one in await store.views.failures()} == {"skipped"}
    assert await store.retries.due(clock(), 10, SERVED) == []
    assert await store.retries.retry([CUSTOMER], ["b1"]) == 2
    assert await store.retries.due(clock(), 10, SERVED) == [due("s1", TO_BC), due("b1")]


async def test_a_cause_is_retried_with_all_its_records_in_both_directions(store: Store, clock: Clock) -> None:
    for _ in range(2):
        await record(store, failed("b1", partner="s1"), failed("b2"), failed("b3", "other-code"))
    await record(store, ended("s1", Outcome.SKIPPED, side=Side.SALES, partner="b1"))
    [cause] = [one for one in await store.views.causes() if one.count == 2]
    assert await store.retries.retry(["OTHER"], causes=[cause.id]) == 0
    assert await store.retries.retry([CUSTOMER], causes=[cause.id]) == 3
    assert await store.retries.due(clock(), 10, SERVED) == [due("s1", TO_BC), due("b1"), due("b2")]
    assert await store.retries.skipped(CUSTOMER, Side.BC) == {"b3"}


async def test_the_version_that_failed_is_known_until_the_record_ends_well(store: Store) -> None:
    mine = failed("b1")
    await record(store, mine, failed("b2"), ended("b3", Outcome.UNCHANGED))
    assert await store.memory.failed(CUSTOMER, Side.BC, ["b1", "b3"]) == {
        "b1": Version(mine.change.version, mine.change.sequence)
    }
    assert await store.memory.failed(CUSTOMER, Side.SALES, ["b1"]) == {}
    await record(store, ended("b1", Outcome.UNCHANGED))
    assert await store.memory.failed(CUSTOMER, Side.BC, ["b1"]) == {}


async def test_many_of_one_mapping_do_not_keep_those_of_another_waiting(store: Store, clock: Clock) -> None:
    await record(store, *(failed(f"b{number}", transient=True) for number in range(9)))
    clock.forward(1)
    await record(store, replace(failed("c1", transient=True), mapping="OTHER"))
    clock.forward(60)

    served = [*SERVED, ("OTHER", TO_SALES)]
    assert await store.retries.due(clock(), 4, served) == [
        due("b0"),
        due("b1"),
        due("b2"),
        Due("OTHER", TO_SALES, "c1"),
    ]


async def test_what_is_due_of_a_mapping_that_is_not_served_stays_so(store: Store, clock: Clock) -> None:
    await record(store, failed("b1", transient=True))
    clock.forward(60)
    assert await store.retries.due(clock(), 4, []) == []
    assert await store.retries.due(clock(), 4, SERVED) == [due("b1")]
