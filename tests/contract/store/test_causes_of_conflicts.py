"""A conflict is noticed from both sides, and one entry wherever causes are listed, opened or acted upon."""

from datetime import datetime

from daemon.store.engine import Store
from daemon.store.views import FailureCause
from producers.retry import Due
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, conflict, ended, failed

CITY = "city ↔ address1_city"
BC, SALES = Side.BC, Side.SALES
SERVED = [(CUSTOMER, Direction.TO_SALES), (CUSTOMER, Direction.TO_BC)]


async def record(store: Store, *settled: Settled) -> None:
    await store.memory.record(settled, NOWHERE)


async def hit(store: Store, cause: str, until: datetime | None = None) -> list[tuple[str | None, str | None]]:
    return [one async for page in store.retries.hit(CUSTOMER, [cause], until) for one in page]


async def _told_by_both(store: Store, clock: Clock) -> FailureCause:
    """By Business Central's change, and then by Sales', whose record has failed before; the cause as it was between."""
    await record(store, failed("s1", side=SALES))
    await record(store, ended("s1", Outcome.MODIFIED, side=SALES))
    await record(store, conflict("b1", "s1", BC, CITY))
    [cause] = await store.views.causes()
    clock.forward(60)
    await record(store, conflict("b1", "s1", SALES, CITY))
    return cause


async def test_it_stays_one_cause_when_the_other_side_tells_it_anew(store: Store, clock: Clock) -> None:
    cause = await _told_by_both(store, clock)
    [again] = await store.views.causes()
    assert (again.id, again.count, again.place) == (cause.id, 1, cause.place)
    assert {cause.direction, again.direction} == {Direction.BOTH}
    assert (again.last_at, again.examples[0].source_key) == (clock.now, "s1"), "as it was told last"


async def test_its_page_stays_when_the_other_side_tells_it_anew(store: Store, clock: Clock) -> None:
    cause = await _told_by_both(store, clock)
    assert [one.bc_id for one in await store.views.failures(cause=cause.id)] == ["b1"]
    assert await store.views.failures_count(cause=cause.id) == 1
    assert await store.tallies.open_failures(cause=cause.id) == 1


async def test_its_page_stays_when_one_of_its_sides_is_over(store: Store, clock: Clock) -> None:
    for over in (ended("b1", Outcome.UNCHANGED), ended("s1", Outcome.UNCHANGED, side=SALES)):
        cause = await _told_by_both(store, clock)
        await record(store, over)
        assert [one.id for one in await store.views.causes()] == [cause.id]
        assert [one.bc_id for one in await store.views.failures(cause=cause.id)] == ["b1"]
        assert await hit(store, cause.id) == [("b1", "s1")]


async def test_a_command_for_it_reaches_both_sides(store: Store, clock: Clock) -> None:
    cause = await _told_by_both(store, clock)
    assert await store.retries.hitting([CUSTOMER], [cause.id]) == {CUSTOMER}
    assert await hit(store, cause.id) == [("b1", "s1")]
    assert await store.retries.retry([CUSTOMER], causes=[cause.id]) == 2
    due = await store.retries.due(clock(), 10, SERVED)
    assert {(one.direction, one.key) for one in due} == {(Direction.TO_SALES, "b1"), (Direction.TO_BC, "s1")}
    assert all(isinstance(one, Due) for one in due)


async def test_what_was_in_conflict_when_a_command_came_is_meant_though_one_side_told_it_later(
    store: Store, clock: Clock
) -> None:
    await record(store, failed("s1", side=SALES))
    await record(store, ended("s1", Outcome.MODIFIED, side=SALES))
    await record(store, conflict("b1", "s1", BC, CITY))
    [cause], came = await store.views.causes(), clock.now
    clock.forward(60)
    await record(store, conflict("b1", "s1", SALES, CITY), conflict("b2", "s2", SALES, CITY))
    assert await hit(store, cause.id, came) == [("b1", "s1")]
    assert sorted(await hit(store, cause.id)) == [("b1", "s1"), ("b2", "s2")]


async def test_records_that_either_side_told_are_one_entry(store: Store, clock: Clock) -> None:
    """Some by one side, some by the other, and some by both."""
    for number in range(9):
        for side in ((BC,), (SALES,), (SALES, BC))[number % 3]:
            clock.forward(1)
            await record(store, conflict(f"b{number}", f"s{number}", side, CITY))
    clock.forward(1)
    await record(store, conflict("b1", "s1", BC, CITY))
    [cause] = await store.views.causes()
    assert (cause.count, [one.bc_id for one in cause.examples]) == (9, ["b1", "b8", "b7"])
    page = await store.views.failures(cause=cause.id)
    assert sorted(one.bc_id or "" for one in page) == [f"b{number}" for number in range(9)]
    assert sorted(await hit(store, cause.id)) == [(f"b{number}", f"s{number}") for number in range(9)]
    listed = await store.tallies.cause_list()
    assert (list(listed.items), listed.causes, listed.records) == ([cause], 1, 9)


async def test_a_list_in_pages_has_each_once(store: Store) -> None:
    """Also of as many records as another, and in the order of the program on each database."""
    for number, field in enumerate(("city", "city", "phone", "name", "name")):
        for side in (BC, SALES)[number % 2 :]:
            await record(store, conflict(f"b{number}", f"s{number}", side, field))
    await record(store, failed("b8"), failed("b9", "http-500"), failed("s9", "http-500", side=SALES))
    every, upto = await store.views.causes(), await store.views.newest_failure()
    found: list[FailureCause] = []
    while page := await store.views.causes(limit=1, upto=upto, after=found[-1].place if found else None):
        found += page
        await record(store, conflict("b0", "s0", SALES, "city"), conflict("b1", "s1", BC, "city"))
    assert [(one.id, one.count) for one in found] == [(one.id, one.count) for one in every]
    assert sorted(one.count for one in found) == [1, 1, 1, 1, 2, 2]


async def test_what_an_earlier_version_told_stays_until_it_is_told_anew(store: Store) -> None:
    """By each side as another cause."""
    for number in range(3):
        for side in (BC, SALES):
            await record(store, conflict(f"b{number}", f"s{number}", side))
    [old] = await store.views.causes()
    assert (old.count, len(await store.views.failures(cause=old.id))) == (3, 3)
    assert sorted(await hit(store, old.id)) == [("b0", "s0"), ("b1", "s1"), ("b2", "s2")]
    await record(store, conflict("b0", "s0", BC, CITY), conflict("b1", "s1", SALES, CITY))
    causes = await store.views.causes()
    assert all(len(one.examples) == min(one.count, 3) for one in causes)
    counts = {one.id: one.count for one in causes}
    assert sum(counts.values()) == len(await store.views.failures()) == await store.views.failures_count() == 3
    assert counts[old.id] == 2
    assert await store.retries.retry([CUSTOMER], causes=list(counts)) == 6
