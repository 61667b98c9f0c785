"""All couplings of a mapping, page by page, on both databases."""

from daemon.store.engine import Store
from daemon.store.standing import Standing
from schemas.coupling import Coupling

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, uncoupled


async def pages(standing: Standing, *until: object) -> list[list[Coupling]]:
    return [page async for page in standing.pages(CUSTOMER, *until)]  # type: ignore[arg-type]


async def test_every_coupling_of_the_mapping_comes_once_with_its_references(store: Store) -> None:
    await store.memory.record([coupled(f"b{n}", f"s{n}", contact=f"CT{n}") for n in range(5)], NOWHERE)
    found = await pages(Standing(store.database, size=2))
    assert [[one.bc.id for one in page] for page in found] == [["b0", "b1"], ["b2", "b3"], ["b4"]]
    assert found[2][0].bc.references == {"contact": "CT4"}
    assert [page async for page in store.standing.pages("OTHER")] == []


async def test_those_made_after_a_moment_are_left_out(store: Store, clock: Clock) -> None:
    await store.memory.record([coupled("b1", "s1")], NOWHERE)
    moment = clock()
    clock.forward(1)
    await store.memory.record([coupled("b2", "s2")], NOWHERE)
    ((one,),) = await pages(store.standing, moment)
    assert one.bc.id == "b1"


async def test_those_that_end_meanwhile_leave_no_gap(store: Store) -> None:
    await store.memory.record([coupled(f"b{n}", f"s{n}") for n in range(4)], NOWHERE)
    seen = []
    async for page in Standing(store.database, size=2).pages(CUSTOMER):
        seen += [one.bc.id for one in page]
        await store.memory.record([uncoupled(one.bc.id) for one in page], NOWHERE)
    assert seen == ["b0", "b1", "b2", "b3"]
    assert await pages(store.standing) == []
