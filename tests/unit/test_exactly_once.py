"""New records on both sides, answers lost, sides away, kills before the record: one partner each (promise 2)."""

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.synchronise import Message
from schemas.change import Change, encode
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.fakes import ANY, BUSY, LOST, Killed
from tests.support.river import River
from tests.support.tries import tries

BC, SALES = Side.BC, Side.SALES
NAME = {BC: "displayName", SALES: "name"}
CITY = {BC: "city", SALES: "address1_city"}

sides = st.sampled_from([BC, SALES])
births = st.tuples(st.just("new"), sides, st.sampled_from(["Adatum", "Contoso"]))
edits = st.tuples(st.just("edit"), sides, st.sampled_from(["Graz", "Wien"]))
deliveries = st.tuples(st.sampled_from(["deliver", "lose", "away", "kill", "lose and kill"]), sides, st.integers(1, 3))
Story = list[tuple[str, Side, Any]]


class Firms:
    """Records that users make and edit on their own side; every version waits on its topic until it is applied."""

    def __init__(self) -> None:
        self.river = River(on_update_conflict="fail")
        self.born: dict[Side, list[str]] = {BC: [], SALES: []}
        self.waiting: dict[Side, deque[Message]] = {BC: deque(), SALES: deque()}
        self.seen: set[tuple[Side, str, str]] = set()

    def capture(self) -> None:
        for side in Side:
            for row in self.river.rows(side):
                change = self.river.change(side, row[self.river.table(side).id])
                if (side, change.key, change.version) not in self.seen:
                    self.seen.add((side, change.key, change.version))
                    self._put(change)
        while self.river.told:
            self._put(self.river.told.pop(0))

    def _put(self, change: Change) -> None:
        message = self.river.message(self.river.topic(change.side), encode(change))
        self.waiting[change.side].append(message)

    async def deliver(self, fault: str, side: Side, count: int) -> None:
        batch = list(self.waiting[side])[:count]
        if "lose" in fault:
            self.river.sides[side.other].fail(ANY, LOST, applied=True)
        if fault == "away":
            self.river.sides[side.other].fail(ANY, BUSY, times=99)
        self.river.memory.fail_record = [Killed()] if "kill" in fault else []
        try:
            await self.river.deliver(side, batch)
            for _ in batch:
                self.waiting[side].popleft()
        except Killed:  # what was cut off is delivered again, before or after its echo, with what came since or alone
            self.river.memory.fail_record = []
        self.river.sides[side.other]._faults.clear()

    async def tell(self, story: Story) -> None:
        for kind, side, what in story:
            if kind == "new":
                # No two alike: a look-alike that nobody coupled would be taken for what a lost answer left.
                fields = {NAME[side]: f"{what} {len(self.seen)}", CITY[side]: "Linz"}
                self.born[side].append(self.river.new(side, **fields).key)
            elif kind == "edit" and self.born[side]:
                self.river.edited(side, self.born[side][-1], **{CITY[side]: what})
            elif kind != "edit":
                await self.deliver(kind, side, what)
            self.capture()
        await self.settle()
        for side in Side:  # those that failed while a side was away are tried again with their next change
            for key in self.born[side]:
                self.river.edited(side, key, **{CITY[side]: "Rom"})
                self.capture()
        await self.settle()

    async def settle(self) -> None:
        while any(self.waiting.values()):
            for side in Side:
                await self.deliver("deliver", side, 5)
                self.capture()


@tries(150)
@given(st.lists(births | edits | deliveries, max_size=14))
def test_every_record_has_exactly_one_partner(story: Story) -> None:
    firms = Firms()
    asyncio.run(firms.tell(story))
    born = sum(len(keys) for keys in firms.born.values())
    assert len(firms.river.rows(BC)) == len(firms.river.rows(SALES)) == len(firms.river.memory.kept) == born
    assert Outcome.CONFLICT not in firms.river.memory.outcomes
    for coupling in firms.river.memory.kept.values():
        here = firms.river.bc.row(firms.river.table(BC), coupling.bc.id)
        there = firms.river.sales.row(firms.river.table(SALES), coupling.sales.id)
        assert (here["displayName"], here["city"]) == (there["name"], there["address1_city"])


async def test_what_was_created_for_a_record_that_is_deleted_before_it_is_recorded_gets_a_partner_of_its_own() -> None:
    """Where a deletion only uncouples."""
    river = River(on_delete="uncouple")
    born = river.message(river.topic(SALES), encode(river.new(SALES, name="Adatum")))
    river.memory.fail_record = [Killed()]
    with pytest.raises(Killed):
        await river.deliver(SALES, [born])
    (account,) = [row["accountid"] for row in river.rows(SALES)]
    river.sales.remove(river.table(SALES), account)
    await river.deliver(SALES, [born, river.message(river.topic(SALES), encode(river.change(SALES, account)))])
    (customer,) = [row["id"] for row in river.rows(BC)]
    (end,) = await river.take(river.change(BC, customer))
    assert end.outcome is Outcome.INSERTED
    assert (river.memory.begun, [row["accountid"] for row in river.rows(SALES)]) == ({}, [customer])


async def test_what_came_of_a_creation_is_known_when_its_source_was_edited_before_it_was_recorded() -> None:
    """Killed after the creation, and again after the record had been edited; then BC's topic, which tells of the
    partner, is read first. The edit is carried once the pair is recorded."""
    river = River()
    topic = river.topic(SALES)
    born = river.new(SALES, name="Adatum", address1_city="Linz")
    waiting = [river.message(topic, encode(born))]
    for city in ("Linz", "Graz"):
        if city == "Graz":
            waiting.append(river.message(topic, encode(river.edited(SALES, born.key, address1_city=city))))
        river.memory.fail_record = [Killed()]
        with pytest.raises(Killed):
            await river.deliver(SALES, waiting)
    (customer,) = river.rows(BC)
    assert customer["city"] == "Linz"
    (echo,) = await river.take(river.change(BC, customer["id"]))
    await river.deliver(SALES, waiting)
    await river.take(*river.told)
    assert (echo.outcome, river.rows(BC)[0]["city"]) == (Outcome.IGNORED, "Graz")
    assert (len(river.rows(BC)), len(river.rows(SALES)), len(river.memory.kept)) == (1, 1, 1)
    assert river.memory.begun == {}


async def test_who_has_lost_a_partner_that_was_found_takes_none_that_was_created_for_another() -> None:
    """Killed after one record's partner was found and changed, and another's created; then the first one is deleted."""
    river = River(couple_existing=True, match_on=[[{"bc": NAME[BC], "sales": NAME[SALES]}]])
    found = river.bc.put(river.table(BC), displayName="Adatum", city="Linz")
    born = [river.new(SALES, name=name, address1_city="Graz") for name in ("Adatum", "Contoso")]
    waiting = [river.message(river.topic(SALES), encode(one)) for one in born]
    river.memory.fail_record = [Killed()]
    with pytest.raises(Killed):
        await river.deliver(SALES, waiting)
    river.bc.remove(river.table(BC), found)
    await river.deliver(SALES, waiting)
    assert sorted(row["displayName"] for row in river.rows(BC)) == ["Adatum", "Contoso"]
    for one in river.memory.kept.values():
        account = river.sales.row(river.table(SALES), one.sales.id)
        assert river.bc.row(river.table(BC), one.bc.id)["displayName"] == account["name"]
