"""Two sides edited at random, events late, twice and in bunches: both end equal, after few writes."""

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import rows
from schemas.change import Change, encode
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.fakes import LOST
from tests.support.made import coupled
from tests.support.river import River
from tests.support.tries import tries

BC, SALES = Side.BC, Side.SALES
PAIRS = {"displayName": "name", "phoneNumber": "telephone1", "city": "address1_city"}
quick = tries(60)

sides = st.sampled_from([BC, SALES])
values = st.sampled_from(["", "A", "B", "C"])
edits = st.tuples(st.just("edit"), sides, st.sampled_from(sorted(PAIRS)), values)
deliveries = st.tuples(st.sampled_from(["deliver", "repeat", "lose"]), sides, st.integers(1, 3), st.none())
stories = st.lists(edits | deliveries, max_size=25)
# Each field is edited on one side only.
OWNER = {"displayName": BC, "phoneNumber": BC, "city": SALES}
calm = st.lists(st.tuples(st.just("edit"), st.none(), st.sampled_from(sorted(PAIRS)), values) | deliveries, max_size=25)


class Pair:
    """A customer and an account, coupled; every version of either is an event that waits to be delivered."""

    def __init__(self, policy: str) -> None:
        self.river = River(on_update_conflict=policy)
        blank = dict.fromkeys(PAIRS, "")
        there = dict.fromkeys(PAIRS.values())
        self.keys = {
            BC: self.river.bc.put(self.river.table(BC), **blank),
            SALES: self.river.sales.put(self.river.table(SALES), **there),
        }
        found = [self.river.sides[side].row(self.river.table(side), self.keys[side]) for side in (BC, SALES)]
        self.river.memory.couple(coupled(self.river.mapping, *found))
        self.waiting: dict[Side, deque[Change]] = {side: deque() for side in Side}
        self.past: dict[Side, list[Change]] = {side: [] for side in Side}
        self.edits = 0
        self.last: dict[str, Any] = {}

    def now(self, side: Side) -> Change:
        return self.river.change(side, self.keys[side])

    def capture(self) -> None:
        """Every version that came to be is on the topic: users' edits and our own writes alike."""
        for side in Side:
            seen = [*self.past[side], *self.waiting[side]]
            if self.now(side).version not in {change.version for change in seen}:
                self.waiting[side].append(self.now(side))

    def edit(self, side: Side, field: str, value: str) -> None:
        name = field if side is BC else PAIRS[field]
        self.river.edited(side, self.keys[side], **{name: value or ("" if side is BC else None)})
        self.edits += 1
        self.last[field] = value or None
        self.capture()

    async def deliver(self, kind: str, side: Side, count: int) -> None:
        """In order. `repeat`: after an older event once more; `lose`: our answer to the first write is lost."""
        batch = [self.waiting[side].popleft() for _ in range(min(count, len(self.waiting[side])))]
        self.past[side] += batch
        if kind == "repeat":
            batch += self.past[side][:count]
        if kind == "lose":
            self.river.sides[side.other].fail(self.keys[side.other], LOST, applied=True)
        if batch:
            await self.river.take(*batch)
        for one in self.river.sides.values():
            one._faults.clear()
        self.capture()

    async def tell(self, story: list[tuple[str, Any, Any, Any]]) -> None:
        self.capture()
        for kind, side, what, value in story:
            if kind == "edit":
                self.edit(side or OWNER[what], what, value)
            else:
                await self.deliver(kind, side, what)
        turns = 0
        while any(self.waiting.values()):
            for side in Side:
                await self.deliver("deliver", side, 2)
            turns += 1
            assert turns < 10 + 2 * self.edits, "the sides keep answering each other"

    def values(self, side: Side) -> dict[str, Any]:
        found = rows.values(self.river.mapping, side, self.now(side).after or {})
        return {name: found[name if side is BC else PAIRS[name]] for name in PAIRS}

    @property
    def writes(self) -> int:
        return len(self.river.bc.writes) + len(self.river.sales.writes)


def told(policy: str, story: list[tuple[str, Any, Any, Any]]) -> Pair:
    pair = Pair(policy)
    asyncio.run(pair.tell(story))
    return pair


@pytest.mark.parametrize("policy", ["bc_wins", "sales_wins", "merge", "fail"])
@quick
@given(story=stories)
def test_both_sides_end_equal_unless_a_conflict_says_otherwise(
    policy: str, story: list[tuple[str, Any, Any, Any]]
) -> None:
    pair = told(policy, story)
    if Outcome.CONFLICT not in pair.river.memory.outcomes:
        assert pair.values(BC) == pair.values(SALES)
    else:
        assert policy in {"merge", "fail"}


@pytest.mark.parametrize("policy", ["bc_wins", "sales_wins", "merge", "fail"])
@quick
@given(story=stories)
def test_every_edit_costs_few_writes(policy: str, story: list[tuple[str, Any, Any, Any]]) -> None:
    pair = told(policy, story)
    lost = sum(1 for kind, *_ in story if kind == "lose")
    assert pair.writes <= 2 * pair.edits + lost


@quick
@given(story=calm)
def test_edits_of_different_fields_are_never_lost_under_merge(story: list[tuple[str, Any, Any, Any]]) -> None:
    pair = told("merge", story)
    assert Outcome.CONFLICT not in pair.river.memory.outcomes
    expected = {**dict.fromkeys(PAIRS), **pair.last}
    assert pair.values(BC) == pair.values(SALES) == expected


@quick
@given(story=stories)
def test_deciding_twice_writes_once(story: list[tuple[str, Any, Any, Any]]) -> None:
    pair = told("bc_wins", story)
    before = pair.writes
    for side in Side:
        asyncio.run(pair.deliver("repeat", side, 25))
    assert pair.writes == before


@quick
@given(story=stories)
def test_every_event_delivered_has_one_outcome(story: list[tuple[str, Any, Any, Any]]) -> None:
    pair = Pair("merge")
    delivered = 0
    original = pair.river.synchronise.batch

    async def counting(topic: str, log: str, messages: Any) -> Any:
        nonlocal delivered
        delivered += len(messages)
        return await original(topic, log, messages)

    pair.river.synchronise.batch = counting  # type: ignore[method-assign]
    asyncio.run(pair.tell(story))
    assert delivered == len(pair.river.memory.settled)
    assert all(encode(one.change) for one in pair.river.memory.settled)
