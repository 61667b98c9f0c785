"""What a batch leaves behind besides couplings: counters, failures, intents, progress, all or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consumers.ports import Applied
from daemon.store.engine import Store
from schemas.change import Op
from schemas.errors import Problem
from schemas.job import Run, RunKind, RunState
from schemas.outcome import Begun, Intent, Outcome
from schemas.side import Direction, Side

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, TOPIC, coupled, ended, failed


async def _job(store: Store) -> int:
    run = Run("run-1", RunKind.FULL, RunState.RUNNING, (CUSTOMER,))
    await store.jobs.create_run(run, [(CUSTOMER, Direction.TO_SALES)])
    return (await store.jobs.jobs_of("run-1"))[0].id


async def test_counters_add_up_over_batches_and_ignore_live_changes(store: Store) -> None:
    job = await _job(store)

    await store.memory.record([ended("b1", Outcome.INSERTED, job=job), failed("b2", job=job)], NOWHERE)
    await store.memory.record([ended("b3", Outcome.INSERTED, job=job), ended("b4", Outcome.INSERTED)], NOWHERE)

    found = await store.jobs.job(job)
    assert found is not None
    assert found.counters == {Outcome.INSERTED: 2, Outcome.FAILED: 1}
    assert found.settled == 3


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_every_outcome_has_a_counter(store: Store, outcome: Outcome) -> None:
    job = await _job(store)

    await store.memory.record([ended("b1", outcome, job=job)], NOWHERE)

    found = await store.jobs.job(job)
    assert found is not None
    assert found.counters == {outcome: 1}


async def test_a_refused_coupling_counts_as_failed(store: Store) -> None:
    job = await _job(store)

    await store.memory.record([coupled("b1", "s1", job=job), coupled("b2", "s1", job=job)], NOWHERE)

    found = await store.jobs.job(job)
    assert found is not None
    assert found.counters == {Outcome.COUPLED: 1, Outcome.FAILED: 1}


async def test_a_failure_counts_its_attempts_until_a_good_outcome_resolves_it(store: Store, clock: Clock) -> None:
    first = clock()
    await store.memory.record([failed("b1"), failed("b2")], NOWHERE)
    again = clock.forward(60)
    await store.memory.record([failed("b1", "http-403", partner="s1"), ended("b2", Outcome.MODIFIED)], NOWHERE)

    [failure] = await store.views.failures()

    assert (failure.bc_id, failure.sales_id, failure.attempts) == ("b1", "s1", 2)
    assert (failure.first_at, failure.last_at, failure.problem.code) == (first, again, "http-403")
    assert {one.source_key: one.resolved_at for one in await store.views.failures(open_only=False)} == {
        "b1": None,
        "b2": again,
    }


async def test_a_resolved_failure_starts_anew(store: Store, clock: Clock) -> None:
    await store.memory.record([failed("b1")], NOWHERE)
    await store.memory.record([ended("b1", Outcome.UNCHANGED)], NOWHERE)
    later = clock.forward(3600)
    await store.memory.record([failed("b1")], NOWHERE)

    [failure] = await store.views.failures()

    assert (failure.attempts, failure.first_at, failure.resolved_at) == (1, later, None)


@pytest.mark.parametrize("outcome", [Outcome.IGNORED, Outcome.SKIPPED])
async def test_a_record_left_alone_keeps_its_failure(store: Store, outcome: Outcome) -> None:
    await store.memory.record([failed("b1")], NOWHERE)
    await store.memory.record([ended("b1", outcome)], NOWHERE)

    assert len(await store.views.failures()) == 1


async def test_the_other_direction_does_not_resolve_a_failure(store: Store) -> None:
    await store.memory.record([failed("r1")], NOWHERE)
    await store.memory.record([ended("r1", Outcome.MODIFIED, side=Side.SALES)], NOWHERE)

    assert len(await store.views.failures()) == 1


async def test_within_a_batch_the_last_outcome_of_a_record_decides(store: Store) -> None:
    batch = [failed("b1"), ended("b1", Outcome.MODIFIED), ended("b2", Outcome.MODIFIED), failed("b2")]

    await store.memory.record(batch, NOWHERE)

    assert [failure.source_key for failure in await store.views.failures()] == ["b2"]


async def test_a_text_that_postgresql_cannot_hold_does_not_stop_the_batch(store: Store) -> None:
    broken = Problem("http-400", "The name 'A\0B' is not good.")
    await store.memory.record([ended("b1", Outcome.FAILED, problem=broken)], NOWHERE)

    assert [one.problem.message for one in await store.views.failures()] == ["The name 'AB' is not good."]


async def test_progress_is_of_one_log(store: Store) -> None:
    """After the log is lost, old offsets mean nothing (promise 5)."""
    await store.memory.record([], Applied(TOPIC, "log-1", {0: 41, 3: 7}))

    assert (await store.memory.applied(TOPIC, "log-1")).offsets == {0: 41, 3: 7}
    assert (await store.memory.applied(TOPIC, "log-2")).offsets == {}
    assert (await store.memory.applied("another", "log-1")).offsets == {}

    await store.memory.record([], Applied(TOPIC, "log-2", {0: 2}))

    assert (await store.memory.applied(TOPIC, "log-2")).offsets == {0: 2}
    assert (await store.memory.applied(TOPIC, "log-1")).offsets == {3: 7}


async def test_what_a_newer_version_decides_says_nothing_about_the_record(store: Store) -> None:
    """Neither in the batch of the failure nor in a later one; its job counts it all the same (promises 3 and 7)."""
    job = await _job(store)
    older = ended("b1", Outcome.UNCHANGED, superseded=True, job=job)

    await store.memory.record([failed("b1", job=job), older], NOWHERE)
    await store.memory.record([older], NOWHERE)

    assert [failure.attempts for failure in await store.views.failures()] == [1]
    found = await store.jobs.job(job)
    assert found is not None
    assert found.counters == {Outcome.FAILED: 1, Outcome.UNCHANGED: 2}


async def test_a_batch_is_recorded_as_a_whole_or_not_at_all(store: Store) -> None:
    unstorable = coupled("b2", "s2")
    assert unstorable.coupling is not None
    unstorable.coupling.bc.base["bad"] = object()  # type: ignore[index]

    with pytest.raises(Exception, match="JSON"):
        await store.memory.record([coupled("b1", "s1"), unstorable], Applied(TOPIC, "log-1", {0: 1}))

    assert await store.views.coupling_counts() == {}
    assert (await store.memory.applied(TOPIC, "log-1")).offsets == {}


async def test_intents_live_until_their_change_has_ended(store: Store) -> None:
    """Promise 2: a crash between creating and recording finds what it began."""
    await store.memory.intend([Intent(CUSTOMER, "s1", {"code": "A"}), Intent(CUSTOMER, "s2", {"code": "B"})])
    await store.memory.intend([Intent(CUSTOMER, "s1", {"code": "C"})])

    assert await store.memory.intents(CUSTOMER, ["s1", "s9"]) == {"s1": Intent(CUSTOMER, "s1", {"code": "C"})}

    batch = [
        ended("s1", Outcome.INSERTED, side=Side.SALES),
        ended("s2", Outcome.INSERTED),  # BC's change of an equal id says nothing about Sales' record
        ended("s2", Outcome.IGNORED, side=Side.SALES),
    ]
    await store.memory.record(batch, NOWHERE)

    assert set(await store.memory.intents(CUSTOMER, ["s1", "s2"])) == {"s2"}


async def test_a_change_that_was_begun_is_known_until_it_is_recorded(store: Store) -> None:
    """Promises 2 and 3: a crash between changing and recording leaves a write that is known again."""
    await store.memory.record([coupled("b1", "s1"), coupled("b2", "s2")], NOWHERE)
    first, again = (
        Begun(CUSTOMER, "b1", Side.SALES, {"address1_city": city, "n": None}, {"city": city}, 'W/"7"', 7)
        for city in ("Graz", "Wien")
    )
    other = replace(first, bc_id="b2", side=Side.BC)
    await store.memory.begin([first, other])
    await store.memory.begin([again])
    await store.memory.begin([])
    assert await store.memory.changes_begun(CUSTOMER, ["b1", "b2", "b9"]) == {"b1": [again], "b2": [other]}
    assert await store.memory.changes_begun("OTHER", ["b1"]) == {}

    unknown = [failed("b1", partner="s1", transient=True), ended("b2", Outcome.UNCHANGED, partner="s2")]
    await store.memory.record(unknown, NOWHERE)
    assert set(await store.memory.changes_begun(CUSTOMER, ["b1", "b2"])) == {"b1", "b2"}

    await store.memory.record([coupled("b1", "s1"), failed("b2", partner="s2", refused=True)], NOWHERE)
    assert await store.memory.changes_begun(CUSTOMER, ["b1", "b2"]) == {}


async def test_a_creation_in_sales_that_was_begun_is_known_until_it_is_recorded_or_its_record_is_gone(
    store: Store,
) -> None:
    """Promise 2: what was sent is what both sides agreed on, whatever people have made of it meanwhile."""
    begun = [Begun(CUSTOMER, key, Side.SALES, {"name": key}, {"displayName": key}, 'W/"7"', 7) for key in ("b1", "b2")]
    await store.memory.begin(begun)
    await store.memory.record([failed("b1", transient=True), ended("b2", Outcome.IGNORED)], NOWHERE)
    assert await _begun(store) == {"b1": begun[:1], "b2": begun[1:]}

    gone = ended("b2", Outcome.IGNORED)
    gone = replace(gone, change=replace(gone.change, op=Op.DELETE, after=None))
    await store.memory.record([coupled("b1", "b1"), gone], NOWHERE)
    assert await _begun(store) == {}


async def test_what_was_recovered_is_stored_with_the_end_of_what_was_begun(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1"), coupled("b2", "s2")], NOWHERE)
    change = Begun(CUSTOMER, "b1", Side.SALES, {"address1_city": "Graz"}, {"city": "Graz"}, 'W/"7"', 7)
    await store.memory.begin([change, replace(change, bc_id="b2")])
    known = await store.memory.couplings([CUSTOMER], Side.BC, ["b1", "b2"])
    agreed = replace(known[CUSTOMER, "b1"].sales, version="", sequence=9, base={"address1_city": "Graz"})
    recovered = known[CUSTOMER, "b1"].with_half(Side.SALES, agreed)
    await store.memory.recover([recovered], [])
    await store.memory.recover([], [])
    await store.memory.recover([replace(recovered, bc=replace(recovered.bc, id="b9"))], [])
    await store.memory.recover([known[CUSTOMER, "b1"]], [change])  # by one that has read before
    expected = {**known, (CUSTOMER, "b1"): recovered}
    assert await store.memory.couplings([CUSTOMER], Side.BC, ["b1", "b2", "b9"]) == expected
    assert set(await store.memory.changes_begun(CUSTOMER, ["b1", "b2"])) == {"b2"}


async def test_what_may_come_late_is_known_until_its_partner_has_another_version(store: Store) -> None:
    """Promise 3: of each pair and side by itself; the oldest first, and what was begun last."""
    await store.memory.record([coupled("b1", "s1"), coupled("b2", "s2")], NOWHERE)
    one, two = (await store.memory.couplings([CUSTOMER], Side.BC, ["b1", "b2"])).values()
    first = Begun(CUSTOMER, "b1", Side.SALES, {"address1_city": "Graz"}, {"city": "Graz"}, 'W/"7"', 7, 'W/"1"')
    there = [first, replace(first, side=Side.BC), replace(first, bc_id="b2")]
    await store.memory.begin([first, there[2]])
    await store.memory.recover([one, two], [first, there[2]])
    await store.memory.begin([there[1]])
    await store.memory.recover([one], there[:2])
    newer = replace(first, version='W/"8"', sequence=8)
    await store.memory.begin([newer])
    late = [replace(begun, late=True) for begun in there]
    assert await _begun(store) == {"b1": [late[1], late[0], newer], "b2": [late[2]]}

    unwritten = [ended("b1", Outcome.UNCHANGED, partner="s1"), failed("b2", partner="s2", refused=True)]
    await store.memory.record(unwritten, NOWHERE)
    assert await _begun(store) == {"b1": [late[1], late[0], newer], "b2": [late[2]]}

    written = replace(coupled("b1", "s1"), outcome=Outcome.MODIFIED)
    await store.memory.record([written, replace(coupled("b2", "s2"), uncouple=True, coupling=None)], NOWHERE)
    assert await _begun(store) == {"b1": [late[1]]}


async def _begun(store: Store) -> Mapping[str, Sequence[Begun]]:
    return await store.memory.changes_begun(CUSTOMER, ["b1", "b2"])


async def test_the_partner_that_came_of_an_intent_is_known_by_its_id(store: Store) -> None:
    """Once it is changed it need not carry what was sent; one that was only found has no such values."""
    await store.memory.intend([Intent(CUSTOMER, "s1", {"code": "A"})])
    await store.memory.name_partners({(CUSTOMER, "s1"): "b1", (CUSTOMER, "s2"): "b2"})
    await store.memory.name_partners({})
    expected = {"s1": Intent(CUSTOMER, "s1", {"code": "A"}, bc_id="b1"), "s2": Intent(CUSTOMER, "s2", {}, bc_id="b2")}
    assert await store.memory.intents(CUSTOMER, ["s1", "s2"]) == expected
    assert {one.sales_id: one for one in await store.memory.open_intents(CUSTOMER)} == expected
    await store.memory.intend([Intent(CUSTOMER, "s1", {"code": "B"})])
    assert (await store.memory.intents(CUSTOMER, ["s1"]))["s1"].bc_id == ""


async def test_when_a_creation_was_lost_outlasts_a_stop_and_is_over_with_the_next_try(store: Store) -> None:
    """Promise 2: what may still come is not made again before."""
    lost = Intent(CUSTOMER, "s1", {"code": "A"}, datetime(2026, 1, 1, 12, 0, 0, 5000, tzinfo=UTC))
    await store.memory.intend([lost])
    assert await store.memory.intents(CUSTOMER, ["s1"]) == {"s1": lost}
    await store.memory.intend([Intent(CUSTOMER, "s1", {"code": "A"})])
    assert (await store.memory.intents(CUSTOMER, ["s1"]))["s1"].lost_at is None


async def test_when_a_creation_was_sent_is_known_however_it_is_asked_for(store: Store) -> None:
    """Promise 2: by that a record that was edited since is told from one that was there before."""
    at = datetime(2026, 1, 1, 12, 0, 0, 5000, tzinfo=UTC)
    await store.memory.intend([Intent(CUSTOMER, "s1", {"code": "A"}, sent_at=at)])
    (found,) = await store.memory.open_intents(CUSTOMER)
    assert (found.sent_at, (await store.memory.intents(CUSTOMER, ["s1"]))["s1"].sent_at) == (at, at)


async def test_a_creation_that_left_nothing_is_forgotten(store: Store) -> None:
    await store.memory.intend([Intent(CUSTOMER, key, {"code": key}) for key in ("s1", "s2")])
    await store.memory.begin([Begun(CUSTOMER, key, Side.SALES, {}, {}) for key in ("b1", "b2")])
    await store.memory.withdraw(CUSTOMER, Side.BC, "s1")
    await store.memory.withdraw(CUSTOMER, Side.SALES, "b1")
    assert set(await _begun(store)) == {"b2"}
    assert [one.sales_id for one in await store.memory.open_intents(CUSTOMER)] == ["s2"]


async def test_changes_that_a_pause_let_by_are_remembered(store: Store) -> None:
    await store.memory.record([ended("b1", Outcome.IGNORED, missed=True)], NOWHERE)

    assert (await store.states.get(CUSTOMER)).missed
