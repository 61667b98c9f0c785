"""Records born, edited and deleted on both sides, answers lost, any number of kills at any step: in the end both sides
agree on what there is, and nothing is lost or there twice (promise 2)."""

import asyncio
from collections import Counter, deque
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consumers.synchronise import Message
from schemas.change import Change, encode
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.fakes import ANY, LOST, Killed
from tests.support.river import River
from tests.support.tries import tries

BC, SALES = Side.BC, Side.SALES
NAME = {BC: "displayName", SALES: "name"}
CITY = {BC: "city", SALES: "address1_city"}
PHONE = {BC: "phoneNumber", SALES: "telephone1"}

sides = st.sampled_from([BC, SALES])
births = st.tuples(st.just("new"), sides, st.just(0))
deletions = st.tuples(st.just("delete"), sides, st.integers(0, 3))
edits = st.tuples(st.just("edit"), sides, st.integers(0, 3))
faults = st.sampled_from(["deliver", "lose", "kill", "lose and kill", "kill later", "killed before it wrote"])
deliveries = st.tuples(faults, sides, st.integers(1, 3))
Story = list[tuple[str, Side, int]]


class Firms:
    """Users make, edit and delete any record; every version and deletion waits on its topic until it is applied."""

    def __init__(self, policy: str) -> None:
        self.river = River(on_delete=policy, on_update_conflict="bc_wins")
        self.waiting: dict[Side, deque[Message]] = {BC: deque(), SALES: deque()}
        self.seen: set[tuple[Side, str, str]] = set()
        self.known: dict[Side, set[str]] = {BC: set(), SALES: set()}
        self.deleted: Counter[str] = Counter()
        self.born: list[str] = []

    def keys(self, side: Side) -> list[str]:
        return [row[self.river.table(side).id] for row in self.river.rows(side)]

    def capture(self) -> None:
        for side in Side:
            now = set(self.keys(side))
            for key in sorted(now | self.known[side]):
                change = self.river.change(side, key)
                if (side, key, change.version) not in self.seen or key in self.known[side] - now:
                    self.seen.add((side, key, change.version))
                    self._put(side, change)
            self.known[side] = now
        while self.river.told:
            self._put(self.river.told[0].side, self.river.told.pop(0))

    def _put(self, side: Side, change: Change) -> None:
        self.waiting[side].append(self.river.message(self.river.topic(side), encode(change)))

    async def deliver(self, fault: str, side: Side, count: int) -> None:
        """After a kill the messages stay, and come again in whatever batches."""
        batch = list(self.waiting[side])[:count]
        for one in self.river.sides.values():
            if fault.startswith("lose"):
                one.fail(ANY, LOST, applied=True)
            if fault == "killed before it wrote":
                one.fail(ANY, Killed())
        if "kill" in fault.split() and batch:
            # Before a record is created again in Sales, that is recorded; a later kill comes after it.
            self.river.memory.fail_record = [None, Killed()] if "later" in fault else [Killed()]
        with suppress(Killed):
            await self.river.deliver(side, batch)
            for _ in batch:
                self.waiting[side].popleft()
        self.river.memory.fail_record = []
        for one in self.river.sides.values():
            one._faults.clear()

    async def tell(self, story: Story) -> None:
        for kind, side, what in story:
            if kind in ("new", "edit", "delete"):
                self.work(kind, side, what)
            else:
                await self.deliver(kind, side, what)
            self.capture()
        await self.settle()
        for side in Side:  # what is coupled and gone is told by the ids, again and again
            for coupling in list(self.river.memory.kept.values()):
                if (key := coupling.half(side).id) not in self.keys(side):
                    self._put(side, self.river.change(side, key))
        await self.settle()
        self.river.pass_hour()
        for side in Side:
            for key in self.keys(side):
                self._put(side, self.river.change(side, key))
        await self.settle()

    def work(self, kind: str, side: Side, what: int) -> None:
        keys, table = self.keys(side), self.river.table(side)
        if kind == "new":
            self.born.append(f"Firm {len(self.born)}")
            self.river.new(
                side, **{NAME[side]: self.born[-1], CITY[side]: "Linz", PHONE[side]: f"+43 {len(self.born)}"}
            )
        elif kind == "edit":
            if keys:
                self.river.edited(side, keys[what % len(keys)], **{CITY[side]: f"Graz {what}"})
        elif keys:
            key = keys[what % len(keys)]
            self.deleted[self.river.sides[side].row(table, key)[NAME[side]]] += 1
            self.river.sides[side].remove(table, key)

    async def settle(self) -> None:
        while any(self.waiting.values()):
            for side in Side:
                await self.deliver("deliver", side, 5)
                self.capture()

    def agree(self) -> None:
        pairs: list[Any] = list(self.river.memory.kept.values())
        for side in Side:
            assert sorted(self.keys(side)) == sorted(coupling.half(side).id for coupling in pairs)
            there = Counter(row[NAME[side]] for row in self.river.rows(side))
            assert set(self.born) - set(self.deleted) <= set(there)
            # What people delete on both sides, with a kill around each, may come back as two.
            assert all(count == 1 for name, count in there.items() if self.deleted[name] < 2)
        assert (self.river.memory.begun, self.river.memory.changing) == ({}, {})


@tries(150)
@given(st.lists(births | edits | deletions | deliveries, max_size=14))
def test_under_restore_every_record_has_exactly_one_partner(story: Story) -> None:
    firms = Firms("restore")
    asyncio.run(firms.tell(story))
    firms.agree()


@tries(150)
@given(st.lists(births | deletions | deliveries, max_size=14))
def test_under_delete_nothing_is_left_of_what_was_deleted(story: Story) -> None:
    firms = Firms("delete")
    asyncio.run(firms.tell(story))
    firms.agree()
    last = {(one.change.side, one.change.key): one.outcome for one in firms.river.memory.settled}
    assert Outcome.FAILED not in last.values()
