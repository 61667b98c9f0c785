"""Read models: what the command line, the console and the metrics ask."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.store import causes
from daemon.store.engine import Store
from daemon.store.pauses import TRANSIENT
from daemon.store.views import FailureCount
from schemas.coupling import Reference
from schemas.outcome import Outcome
from schemas.side import Side

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, ended, failed


async def test_couplings_are_paged_last_coupled_first(store: Store) -> None:
    await store.memory.record([coupled(f"b{n}", f"s{n}") for n in range(5)], NOWHERE)
    await store.memory.record([coupled("bx", "sx", mapping="OTHER")], NOWHERE)

    page = await store.views.couplings(CUSTOMER, limit=2, offset=1)

    assert [view.coupling.bc.id for view in page] == ["b3", "b2"]
    assert len(await store.views.couplings()) == 6


async def test_couplings_are_found_by_ids_references_and_values(store: Store) -> None:
    await store.memory.record([coupled("b1", "s1", number="C100%"), coupled("b2", "s2", number="C1000")], NOWHERE)

    async def found(search: str) -> list[str]:
        return [view.coupling.bc.id for view in await store.views.couplings(CUSTOMER, search=search)]

    assert await found("S2") == ["b2"]
    assert await found("c100%") == ["b1"]
    assert await found("ther ltd") == ["b2", "b1"]
    assert await found("nothing like it") == []


async def test_couplings_are_found_by_names_with_quotes_and_other_signs(store: Store) -> None:
    """The values are kept as JSON, in which some characters are written as two."""
    name = 'Restaurant "Größenwahn" \\ Söhne, 100 %'
    made = coupled("b3", "s3")
    assert made.coupling
    bc = replace(made.coupling.bc, base={"displayName": name})
    await store.memory.record([replace(made, coupling=replace(made.coupling, bc=bc))], NOWHERE)
    for search in ('"Größenwahn"', 'restaurant "', "\\ Söhne", "100 %", name):
        assert [one.coupling.bc.id for one in await store.views.couplings(search=search)] == ["b3"], search
    assert await store.views.couplings(search="\\n") == []


async def test_failures_by_mapping_job_and_code(store: Store) -> None:
    await store.memory.record([failed("b1"), failed("b2"), failed("b3", "http-403", job=7)], NOWHERE)
    await store.memory.record([ended("b1", Outcome.MODIFIED)], NOWHERE)

    assert await store.views.failure_counts() == [
        FailureCount(CUSTOMER, "http-400", open=1, resolved=1),
        FailureCount(CUSTOMER, "http-403", open=1, resolved=0),
    ]
    assert [one.source_key for one in await store.views.failures(job=7)] == ["b3"]
    assert len(await store.views.failures(CUSTOMER, limit=1)) == 1
    assert await store.views.failures("OTHER") == []


async def test_failures_are_paged_exactly(store: Store) -> None:
    await store.memory.record([failed(f"b{n}", "odd" if n % 2 else "even") for n in range(9)], NOWHERE)
    await store.memory.record([ended("b1", Outcome.MODIFIED)], NOWHERE)

    page = await store.views.failures(CUSTOMER, code="odd", limit=2, offset=1)

    assert [one.source_key for one in page] == ["b5", "b3"]
    assert await store.views.failures_count(CUSTOMER, code="odd") == 3
    assert await store.views.failures_count(open_only=False) == 9
    assert await store.views.failures_count("OTHER") == 0


async def test_one_cause_is_told_once_with_the_newest_of_its_records(store: Store, clock: Clock) -> None:
    await store.memory.record([failed(f"b{n}") for n in range(5)], NOWHERE)
    clock.forward(1)
    await store.memory.record([failed("b7"), failed("c1", "http-500"), failed("c2", "http-500")], NOWHERE)
    clock.forward(1)
    await store.memory.record([ended("c1", Outcome.MODIFIED)], NOWHERE)

    many, one = await store.views.causes()

    assert (many.count, many.problem.message) == (6, "b7 is not good.")
    assert [record.source_key for record in many.examples] == ["b7", "b4", "b3"]
    assert (one.count, one.problem.code, one.examples[0].source_key) == (1, "http-500", "c2")
    assert {record.source_key for record in await store.views.failures(cause=many.id)} == {
        "b0", "b1", "b2", "b3", "b4", "b7"
    }  # fmt: skip
    assert await store.views.failures_count(cause=many.id) == 6
    assert [each.id for each in await store.views.causes(code="http-500")] == [one.id]
    assert await store.views.causes("OTHER") == []
    assert len(await store.views.causes(limit=1)) == 1


async def test_a_cause_that_is_over_before_its_records_are_read_is_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL shows it gone at once; SQLite shows all as it was when the question came."""
    await store.memory.record([failed("b1"), failed("c1", "http-500")], NOWHERE)
    count = causes.numbers

    async def over(*given: Any) -> list[tuple[causes.Cause, int]]:
        counted = await count(*given)
        await store.memory.record([ended("b1", Outcome.MODIFIED)], NOWHERE)
        return counted

    monkeypatch.setattr(causes, "numbers", over)
    found = [one.problem.code for one in await store.views.causes()]
    assert found in (["http-500"], ["http-400", "http-500"])


async def test_a_missing_partner_is_one_cause_for_all_that_name_it(store: Store) -> None:
    gone = [Reference("SALESPEOPLE", Side.BC, "code", code) for code in ("JR", "JR", "LM")]
    waiting = [failed(f"b{n}", "not-coupled", waits_for=one) for n, one in enumerate(gone)]
    await store.memory.record(waiting, NOWHERE)
    assert [one.count for one in await store.views.causes()] == [2, 1]


async def test_a_conflict_is_counted_once_though_both_sides_notice_it(store: Store) -> None:
    conflict = {"outcome": Outcome.CONFLICT}
    await store.memory.record([replace(failed("b1", **conflict), partner="s1")], NOWHERE)
    await store.memory.record([replace(failed("s1", side=Side.SALES, **conflict), partner="b1")], NOWHERE)
    assert [one.count for one in await store.views.causes()] == [1]
    assert [one.open for one in await store.views.failure_counts()] == [1]


async def test_it_is_told_when_a_failure_is_carried_again(store: Store, clock: Clock) -> None:
    await store.memory.record([failed("b1", transient=True), failed("b2")], NOWHERE)
    again = {one.source_key: one.again_at for one in await store.views.failures()}
    assert again == {"b1": clock.now + TRANSIENT, "b2": None}
