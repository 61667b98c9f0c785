"""People of either side edit fields of their own while the daemon is killed, unanswered or without its log: no edit is
lost, none conflicts, and none comes back over a newer one (promises 2, 3 and 5)."""

import asyncio
from collections import deque
from itertools import count
from typing import Any

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
# Who edits it, and what either side calls it.
FIELDS = {BC: {BC: "city", SALES: "address1_city"}, SALES: {BC: "phoneNumber", SALES: "telephone1"}}

sides = st.sampled_from([BC, SALES])
edits = st.tuples(st.just("edit"), sides, st.sampled_from(["1", "2", "3"]))
faults = st.sampled_from(
    ["", "lose", "away", "kill", "lose and kill", "killed before it wrote", "slow", "slow and killed", "late meanwhile"]
)
late = st.tuples(st.just("late"), sides, st.just(0))
deliveries = st.tuples(faults, sides, st.integers(1, 3))
losses = st.tuples(st.just("log lost"), sides, st.just(0))
Story = list[tuple[str, Side, Any]]


class Pair:
    """Two coupled records; every version of either waits on its topic until it is applied."""

    def __init__(self, policy: str) -> None:
        self.river = River(on_update_conflict=policy)
        self.waiting: dict[Side, deque[Message]] = {BC: deque(), SALES: deque()}
        self.seen: set[tuple[Side, str]] = set()
        self.last: dict[Side, str | None] = {BC: None, SALES: None}
        self.ids: dict[Side, str] = {}  # a record that is not there yet has none
        self.text = count()

    async def begin(self) -> None:
        await self.river.take(self.river.new(BC, displayName="Adatum", city="", phoneNumber=""))
        ((_, coupling),) = self.river.memory.kept.items()
        self.ids = {side: coupling.half(side).id for side in Side}
        self.capture()

    def capture(self) -> None:
        for side in Side:
            for key in self.river.sides[side].tables[self.river.table(side).name]:
                self.ids.setdefault(side, key)
                change = self.river.change(side, key)
                if (side, change.version) not in self.seen:
                    self.seen.add((side, change.version))
                    self._put(change)
        while self.river.told:
            self._put(self.river.told.pop(0))

    def _put(self, change: Change) -> None:
        self.waiting[change.side].append(self.river.message(self.river.topic(change.side), encode(change)))

    def edit(self, side: Side, value: str) -> None:
        if key := self.ids.get(side):
            self.last[side] = value
            self.river.edited(side, key, **{FIELDS[side][side]: value})

    def lose_log(self, side: Side) -> None:
        """What waited is gone; each record is captured anew as it is now."""
        self.waiting[side].clear()
        self.seen = {one for one in self.seen if one[0] is not side}

    async def deliver(self, fault: str, side: Side, number: int) -> None:
        batch, there = list(self.waiting[side])[:number], self.river.sides[side.other]
        if "lose" in fault:
            there.fail(ANY, LOST, applied=True)
        if fault == "away":
            there.fail(ANY, BUSY, times=99)
        if fault == "killed before it wrote":
            there.fail(ANY, Killed())
        if fault.startswith("slow"):
            there.slow = True
            there.fail(ANY, Killed() if fault == "slow and killed" else LOST, times=99)
        if fault == "late meanwhile":
            there.before_write = there.arrive
        self.river.memory.fail_record = [Killed()] if fault.endswith("kill") else []
        try:
            await self.river.deliver(side, batch)
            for _ in batch:
                self.waiting[side].popleft()
        except Killed:
            pass
        self.river.memory.fail_record = []
        there._faults.clear()
        there.slow, there.before_write = False, lambda: None

    async def tell(self, story: Story) -> None:
        await self.begin()
        for kind, side, what in story:
            if kind == "edit":
                self.edit(side, what)
            elif kind == "log lost":
                self.lose_log(side)
            elif kind == "late":
                self.river.sides[side].arrive()
            else:
                await self.deliver(kind, side, what)
            self.capture()
        await self.settle()
        for side in Side:
            self.river.sides[side].arrive()
            self.capture()
        await self.settle()
        # Failures that may pass are tried again: carried as they are now.
        self.river.pass_hour()
        for side in Side:
            self.lose_log(side)
            self.capture()
        await self.settle()

    async def settle(self) -> None:
        while any(self.waiting.values()):
            for side in Side:
                await self.deliver("", side, 5)
                self.capture()

    def held(self, side: Side) -> dict[Side, object]:
        (row,) = self.river.rows(side)
        return {owner: row[names[side]] or None for owner, names in FIELDS.items()}


class Newcomer(Pair):
    """A record that is to get its partner: every fault may come before that is recorded, and every edit after."""

    def __init__(self, policy: str, source: Side, first: str) -> None:
        super().__init__(policy)
        self.source, self.first = source, first

    async def begin(self) -> None:
        blank, name = ("", "displayName") if self.source is BC else (None, "name")
        owned = {names[self.source]: self.first or blank for names in FIELDS.values()}
        self.river.new(self.source, **{name: "Adatum", **owned})
        self.last = dict.fromkeys(Side, self.first or None)
        self.capture()


stories = st.lists(edits | deliveries | losses | late, max_size=14)
policies = st.sampled_from(["merge", "bc_wins", "sales_wins"])


@tries(200)
@given(stories, policies, sides, st.sampled_from(["", "0"]))
def test_every_last_edit_of_a_new_pair_is_on_both_sides(story: Story, policy: str, source: Side, first: str) -> None:
    pair = Newcomer(policy, source, first)
    asyncio.run(pair.tell(story))
    assert (pair.held(BC), pair.held(SALES)) == (pair.last, pair.last)
    assert pair.river.memory.changing == {}


@tries(200)
@given(stories, policies)
def test_every_last_edit_is_on_both_sides(story: Story, policy: str) -> None:
    pair = Pair(policy)
    asyncio.run(pair.tell(story))
    assert (pair.held(BC), pair.held(SALES)) == (pair.last, pair.last)
    assert Outcome.CONFLICT not in pair.river.memory.outcomes
    assert pair.river.memory.changing == {}
