"""Read models: what the command line, the console and the metrics ask."""

from daemon.store.engine import Store
from daemon.store.views import FailureCount
from schemas.outcome import Outcome

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


async def test_the_newest_failure_of_each_cause(store: Store, clock: Clock) -> None:
    await store.memory.record([failed("b1"), failed("b2"), failed("b3", "http-403")], NOWHERE)
    clock.forward(1)
    await store.memory.record([failed("b1"), failed("b4", "http-500")], NOWHERE)
    clock.forward(1)
    await store.memory.record([ended("b4", Outcome.MODIFIED)], NOWHERE)

    newest = await store.views.newest_failures()

    assert [(one.problem.code, one.source_key) for one in newest] == [("http-400", "b1"), ("http-403", "b3")]
