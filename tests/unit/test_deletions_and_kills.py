"""Records born, edited and deleted on both sides, answers lost, kills before the record: in the end both sides agree on
what there is (promise 2)."""

import asyncio
from collections import deque
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

sides = st.sampled_from([BC, SALES])
births = st.tuples(st.just("new"), sides, st.just(0))
deletions = st.tuples(st.just("delete"), sides, st.integers(0, 3))
edits = st.tuples(st.just("edit"), sides, st.integers(0, 3))
deliveries = st.tuples(st.sampled_from(["deliver", "lose", "kill"]), sides, st.integers(1, 3))
Story = list[tuple[str, Side, int]]


class Firms:
    """Users make, edit and delete any record; every version and deletion waits on its topic until it is applied."""

    def __init__(self, policy: str) -> None:
        self.river = River(on_delete=policy, on_update_conflict="bc_wins")
        self.waiting: dict[Side, deque[Message]] = {BC: deque(), SALES: deque()}
        self.seen: set[tuple[Side, str, str]] = set()
        self.known: dict[Side, set[str]] = {BC: set(), SALES: set()}
        self.steps = 0

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

    def _put(self, side: Side, change: Change) -> None:
        self.waiting[side].append(self.river.message(self.river.topic(side), encode(change)))

    async def deliver(self, fault: str, side: Side, count: int) -> None:
        batch = list(self.waiting[side])[:count]
        if fault == "lose":
            for one in Side:
                self.river.sides[one].fail(ANY, LOST, applied=True)
        self.river.memory.fail_record = [Killed()] if fault == "kill" else []
        try:
            await self.river.deliver(side, batch)
        except Killed:
            self.river.memory.fail_record = []
            await self.river.deliver(side, batch)
        for _ in batch:
            self.waiting[side].popleft()
        for one in Side:
            self.river.sides[one]._faults.clear()

    async def tell(self, story: Story) -> None:
        for kind, side, what in story:
            self.steps += 1
            keys = self.keys(side)
            if kind == "new":
                self.river.new(side, **{NAME[side]: f"Firm {self.steps}", CITY[side]: "Linz"})
            elif kind in ("edit", "delete") and keys:
                key = keys[what % len(keys)]
                if kind == "edit":
                    self.river.edited(side, key, **{CITY[side]: f"Graz {self.steps}"})
                else:
                    self.river.sides[side].remove(self.river.table(side), key)
            elif kind not in ("edit", "delete"):
                await self.deliver(kind, side, what)
            self.capture()
        await self.settle()
        for side in Side:  # what is coupled and gone is told by the ids, again and again
            for coupling in list(self.river.memory.kept.values()):
                if (key := coupling.half(side).id) not in self.keys(side):
                    self._put(side, self.river.change(side, key))
        await self.settle()

    async def settle(self) -> None:
        while any(self.waiting.values()):
            for side in Side:
                await self.deliver("deliver", side, 5)
                self.capture()

    def agree(self) -> None:
        pairs: list[Any] = list(self.river.memory.kept.values())
        for side in Side:
            assert sorted(self.keys(side)) == sorted(coupling.half(side).id for coupling in pairs)
        assert self.river.memory.begun == {}


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
    assert Outcome.FAILED not in firms.river.memory.outcomes
