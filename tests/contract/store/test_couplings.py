"""Couplings: loaded as recorded, strictly 1:1, found by their references (DESIGN 2, promises 3 and 7)."""

import asyncio
from dataclasses import replace

import pytest

from consumers.decide import unagreed
from daemon.store.coupled import coupled_ids
from daemon.store.engine import Store
from schemas.change import Op
from schemas.coupling import Reference
from schemas.outcome import Outcome, Settled
from schemas.side import Side

from .conftest import Another
from .made import CUSTOMER, NOWHERE, change, coupled, coupling, ended, failed, uncoupled


async def test_a_recorded_coupling_is_loaded_as_it_was_from_either_side(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1", number="10000")], NOWHERE)

    from_bc = await store.memory.couplings([CUSTOMER], Side.BC, ["b1", "b2"])
    from_sales = await store.memory.couplings([CUSTOMER, "OTHER"], Side.SALES, ["s1"])

    assert from_bc == {(CUSTOMER, "b1"): coupling("b1", "s1", number="10000")}
    assert from_sales == {(CUSTOMER, "s1"): coupling("b1", "s1", number="10000")}


async def test_more_ids_than_one_query_takes(store: Store) -> None:
    await store.memory.record([coupled(f"b{n}", f"s{n}") for n in range(1203)], NOWHERE)

    assert len(await store.memory.couplings([CUSTOMER], Side.SALES, (f"s{n}" for n in range(1203)))) == 1203


async def test_writing_again_replaces_both_halves_and_their_references(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1", number="10000", contact="c1")], NOWHERE)
    await store.memory.record([coupled("b1", "s1", number="20000", outcome=Outcome.MODIFIED)], NOWHERE)

    found = await store.memory.couplings([CUSTOMER], Side.BC, ["b1"])

    assert found[CUSTOMER, "b1"].bc.references == {"number": "20000"}
    assert await store.views.coupling_counts() == {CUSTOMER: 1}


async def test_a_partner_that_is_taken_fails_one_record_and_no_other(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1")], NOWHERE)

    recorded = await store.memory.record([coupled("b2", "s1"), coupled("b3", "s3")], NOWHERE)

    assert [one.outcome for one in recorded] == [Outcome.FAILED, Outcome.COUPLED]
    problem = recorded[0].problem
    assert problem is not None
    assert problem.code == "already-coupled"
    assert all(name in problem.message for name in ("b2", "s1", "b1"))
    assert await _pairs(store) == {("b1", "s1"), ("b3", "s3")}
    assert [failure.problem for failure in await store.views.failures()] == [problem]


async def test_a_coupled_record_is_not_coupled_with_a_second_partner(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1")], NOWHERE)

    recorded = await store.memory.record([coupled("b1", "s2")], NOWHERE)

    assert recorded[0].outcome is Outcome.FAILED
    assert await _pairs(store) == {("b1", "s1")}


async def test_two_of_one_batch_cannot_share_a_partner(store: Store) -> None:
    recorded = await store.memory.record([coupled("b1", "s1"), coupled("b2", "s1"), coupled("b1", "s9")], NOWHERE)

    assert [one.outcome for one in recorded] == [Outcome.COUPLED, Outcome.FAILED, Outcome.FAILED]
    assert await _pairs(store) == {("b1", "s1")}


async def test_another_mapping_may_couple_the_same_record(store: Store) -> None:
    """Tables need not be unique among mappings (business-central-sync U15)."""
    recorded = await store.memory.record([coupled("b1", "s1"), coupled("b1", "s2", mapping="OTHER")], NOWHERE)

    assert [one.outcome for one in recorded] == [Outcome.COUPLED, Outcome.COUPLED]


async def test_uncoupling_frees_both_for_the_next_of_the_same_batch(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1", number="10000"), coupled("b2", "s2")], NOWHERE)

    recorded = await store.memory.record(
        [uncoupled("s1", Side.SALES), coupled("b1", "s3"), uncoupled("b2"), coupled("b4", "s4"), uncoupled("b4")],
        NOWHERE,
    )

    assert [one.outcome for one in recorded].count(Outcome.FAILED) == 0
    assert await _pairs(store) == {("b1", "s3")}
    assert await store.memory.lookups([Reference(CUSTOMER, Side.BC, "number", "10000")]) == {}


@pytest.mark.parametrize("new", ["b2", "b1"])
async def test_a_restored_record_takes_the_deleted_ones_place(store: Store, new: str) -> None:
    await store.memory.record([coupled("b1", "s1", number="10000")], NOWHERE)
    told = change("s1", Side.SALES)
    restored = Settled(
        told, CUSTOMER, Outcome.INSERTED, coupling(new, "s1", number="20000"), uncouple=True, partner=new, gone="b1"
    )

    (recorded,) = await store.memory.record([restored], NOWHERE)

    assert recorded.outcome is Outcome.INSERTED
    assert await _pairs(store) == {(new, "s1")}
    found = await store.memory.couplings([CUSTOMER], Side.SALES, ["s1"])
    assert found[CUSTOMER, "s1"].bc.references == {"number": "20000"}


async def test_no_coupling_given_leaves_the_stored_one(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1")], NOWHERE)
    await store.memory.record([ended("b1", Outcome.UNCHANGED)], NOWHERE)

    assert await _pairs(store) == {("b1", "s1")}


async def test_two_workers_that_couple_the_same_record_at_once(store: Store, another: Another) -> None:
    """Whoever is second loses its record, not its batch."""
    second = await another()

    batches = await asyncio.gather(
        *(
            worker.memory.record([coupled(f"b{n}", f"{name}{n}") for n in range(50)], NOWHERE)
            for name, worker in (("x", store), ("y", second))
        )
    )

    outcomes = [one.outcome for batch in batches for one in batch]
    assert outcomes.count(Outcome.COUPLED) == outcomes.count(Outcome.FAILED) == 50
    assert await store.views.coupling_counts() == {CUSTOMER: 50}


async def test_lookups_answer_with_the_other_side(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1", code="EUR"), coupled("b2", "s2", code="USD")], NOWHERE)
    by_code = Reference(CUSTOMER, Side.BC, "code", "EUR")
    by_uom = Reference(CUSTOMER, Side.SALES, "uom", "u1")
    by_id = Reference(CUSTOMER, Side.SALES, "id", "s2")
    nobody = Reference(CUSTOMER, Side.BC, "code", "GBP")
    elsewhere = Reference("OTHER", Side.BC, "code", "EUR")

    found = await store.memory.lookups([by_code, by_uom, by_id, nobody, elsewhere])

    assert found == {
        by_code: {"id": "s1", "uom": "u1"},
        by_uom: {"id": "b1", "code": "EUR"},  # the one coupled first
        by_id: {"id": "b2", "code": "USD"},
    }


async def _pairs(store: Store) -> set[tuple[str, str]]:
    return {(view.coupling.bc.id, view.coupling.sales.id) for view in await store.views.couplings(CUSTOMER)}


async def test_lookups_of_a_field_answer_with_what_the_record_itself_last_agreed_on(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1", number="10000"), coupled("b2", "s2", number="20000")], NOWHERE)
    named = [Reference(CUSTOMER, Side.BC, "number", number, "creditLimit") for number in ("10000", "20000", "30000")]
    by_id = Reference(CUSTOMER, Side.SALES, "id", "s1", "name")
    unknown = Reference(CUSTOMER, Side.SALES, "id", "s1", "telephone1")
    partner = Reference(CUSTOMER, Side.BC, "number", "10000")
    found = await store.memory.lookups([*named, by_id, unknown, partner])
    assert [found.get(one) for one in named] == [{"creditLimit": 12.5}, {"creditLimit": 12.5}, None]
    assert (found[by_id], found[unknown]) == ({"name": "Æther Ltd"}, {})
    assert found[partner]["id"] == "s1"


async def test_coupled_ids_come_once_each_in_parts_without_those_skipped_for_their_deletion(store: Store) -> None:
    await store.memory.record([coupled(f"b{n}", f"s{n}") for n in range(7)], NOWHERE)
    told = failed("b3", partner="s3")
    told = replace(told, change=replace(told.change, op=Op.DELETE))
    # The partner's deletion, a change that was refused, and one that could not be created again.
    theirs = failed("s2", side=Side.SALES, partner="b2")
    theirs = replace(theirs, change=replace(theirs.change, op=Op.DELETE))
    for _ in range(2):
        restored = failed("s5", side=Side.SALES, partner="b5", coupling=unagreed(coupling("b5", "s5")))
        await store.memory.record([failed("b1"), told, theirs, restored], NOWHERE)
    parts = [list(part) async for part in coupled_ids(store.database, [CUSTOMER, "OTHER"], Side.BC, size=3)]
    assert parts == [["b0", "b1", "b2"], ["b4", "b6"]]
    there = [key async for part in coupled_ids(store.database, [CUSTOMER], Side.SALES) for key in part]
    assert there == ["s0", "s1", "s3", "s4", "s5", "s6"]
    assert [part async for part in coupled_ids(store.database, ["OTHER"], Side.BC)] == []
