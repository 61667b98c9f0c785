"""The mappings the daemon last ran with: changes are found, couplings stay, what is owed stays until paid."""

from dataclasses import replace
from typing import Any

from daemon.store.engine import Store
from schemas.job import MappingState, Run, RunKind, RunState
from schemas.mapping_diff import GONE, Kind, Sweep
from schemas.side import Direction

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled

RUN = Run("run-1", RunKind.FULL, RunState.ACCEPTED, (CUSTOMER,))


def given(filter_text: str = "", **settings: Any) -> dict[str, Any]:
    bc = {"table": "customers", **({"filter": filter_text} if filter_text else {})}
    return {"name": CUSTOMER, "bc": bc, "sales": {"table": "accounts"}, "fields": [], **settings}


async def owed(store: Store) -> list[str]:
    return sorted((await store.definitions.known())[CUSTOMER].owed)


async def swept(store: Store, clock: Clock, way: Direction) -> None:
    """A full synchronisation of a direction, begun now, reaches its end."""
    run = replace(RUN, id=f"run-{way}-{clock().timestamp()}")
    await store.jobs.create_run(run, [(CUSTOMER, way)])
    [job] = await store.jobs.jobs_of(run.id)
    await store.jobs.start_job(job.id, clock())
    clock.forward(60)
    await store.definitions.swept(job.id, Sweep.FULL)


async def test_the_first_start_owes_nothing(store: Store, clock: Clock) -> None:
    assert await store.definitions.run_with({CUSTOMER: given()}, clock()) == ()
    assert await owed(store) == []
    assert await store.definitions.run_with({CUSTOMER: given()}, clock()) == ()


async def test_a_changed_filter_is_owed_until_a_full_synchronisation_begun_since_has_finished(
    store: Store, clock: Clock
) -> None:
    await store.definitions.run_with({CUSTOMER: given()}, clock())
    await swept(store, clock, Direction.TO_SALES)
    [diff] = await store.definitions.run_with({CUSTOMER: given("city eq 'Graz'")}, clock())
    assert (diff.kind, diff.commands) == (Kind.CHANGED, (f"coupled full-sync {CUSTOMER}",))
    assert await owed(store) == ["full-sync to_sales"]
    assert await store.definitions.run_with({CUSTOMER: given("city eq 'Graz'")}, clock.forward(60)) == ()
    assert await owed(store) == ["full-sync to_sales"]
    await swept(store, clock, Direction.TO_BC)
    assert await owed(store) == ["full-sync to_sales"]
    await swept(store, clock, Direction.TO_SALES)
    assert await owed(store) == []


async def test_a_sweep_that_began_before_the_change_pays_nothing(store: Store, clock: Clock) -> None:
    await store.definitions.run_with({CUSTOMER: given()}, clock())
    began = clock()
    await store.definitions.run_with({CUSTOMER: given("city eq 'Graz'")}, clock.forward(60))
    clock.now = began
    await swept(store, clock, Direction.TO_SALES)
    assert await owed(store) == ["full-sync to_sales"]


async def test_a_change_resets_neither_couplings_nor_states(store: Store, clock: Clock) -> None:
    await store.definitions.run_with({CUSTOMER: given()}, clock())
    await store.memory.record([coupled("b1", "s1")], NOWHERE)
    await store.states.set_only_coupled([CUSTOMER], False)
    couplings = await store.views.coupling_counts()
    await store.definitions.run_with({CUSTOMER: given("city eq 'Graz'")}, clock())
    await store.definitions.run_with({}, clock())
    assert couplings == await store.views.coupling_counts()
    assert couplings[CUSTOMER] == 1
    assert await store.states.get(CUSTOMER) == MappingState(CUSTOMER, only_coupled=False)


async def test_a_mapping_that_is_gone_is_told_once_and_owes_what_it_missed_when_it_comes_back(
    store: Store, clock: Clock
) -> None:
    await store.definitions.run_with({CUSTOMER: given(), "OTHER": given()}, clock())
    [gone] = await store.definitions.run_with({"OTHER": given()}, clock.forward(60))
    assert (gone.name, gone.kind) == (CUSTOMER, Kind.REMOVED)
    assert await store.definitions.run_with({"OTHER": given()}, clock.forward(60)) == ()
    assert await store.definitions.run_with({CUSTOMER: given(), "OTHER": given()}, clock.forward(60)) == ()
    known = (await store.definitions.known())[CUSTOMER]
    assert {key: entry["because"] for key, entry in known.owed.items()} == {
        "full-sync to_sales": [GONE],
        "full-sync to_bc": [GONE],
    }


async def test_a_mapping_that_came_later_owes_a_full_synchronisation(store: Store, clock: Clock) -> None:
    await store.definitions.run_with({CUSTOMER: given()}, clock())
    [diff] = await store.definitions.run_with({CUSTOMER: given(), "NEW": given(direction="to_bc")}, clock())
    assert (diff.kind, diff.commands) == (Kind.ADDED, ("coupled full-sync NEW",))
    assert sorted((await store.definitions.known())["NEW"].owed) == ["full-sync to_bc"]
