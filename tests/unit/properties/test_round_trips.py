"""Any value a side can hold, carried across and stored as the other side stores it, comes to rest there (C35)."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.translate import rules_for, translate
from schemas import rows
from schemas.canonical import canonical, cut
from schemas.field_mapping import When
from schemas.outcome import Outcome
from schemas.side import Direction, Side
from tests.support.fakes import LOST
from tests.support.made import coupled, part
from tests.support.river import River
from tests.support.storing import Kind, dates, moments, numbers, storing, texts
from tests.support.tries import tries

BC, SALES = Side.BC, Side.SALES
thorough = tries(40)

_ENUM = [
    {"direction": "to_sales", "transform": [{"map": {"Ship": 1, "Non_x002D_Inventory": 2}}]},
    {"direction": "to_bc", "transform": [{"map": {1: "Ship", 2: "Non_x002D_Inventory"}}]},
]
# What is mapped with what, and what a user of either side may enter.
KINDS: dict[str, tuple[Kind, list[dict[str, Any]], st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "text": (Kind("text", 30, 12), [{"max_length": 12}], texts(30), st.none() | texts(12)),
    "short text": (Kind("text", 9, 40), [{"max_length": 9}], texts(9), st.none() | texts(40)),
    "code": (Kind("code", 10, 40), [{"max_length": 10}], texts(10), st.none() | texts(40)),
    "trimmed": (Kind("text", 30, 12), [{"transform": ["trim", "upper"], "max_length": 8}], texts(30), texts(12)),
    "money": (Kind("number", 0, 4), [{}], numbers, st.none() | numbers),
    "boolean": (Kind("bool"), [{}], st.booleans(), st.none() | st.booleans()),
    "date": (Kind("date"), [{}], st.just("0001-01-01") | dates, st.none() | dates),
    "moment": (Kind("moment"), [{}], st.just("0001-01-01T00:00:00Z") | moments, st.none() | moments),
    "choice": (Kind("enum"), _ENUM, st.sampled_from(["_x0020_", "Ship"]), st.sampled_from([None, 1, 2])),
}
_BLANK = {"money": 0, "boolean": False, "date": "0001-01-01", "moment": "0001-01-01T00:00:00Z", "choice": "_x0020_"}
_NAMES = {"code": ("country", "address1_country")}


class Scene:
    """One field (or one and two: a name) of a coupled pair, each side storing as it does."""

    def __init__(self, kind: Kind, lines: list[dict[str, Any]], names: tuple[str, Any]) -> None:
        fields = [{"bc": names[0], "sales": names[1], **line} for line in lines]
        self.river = River(part(fields=fields, on_update_conflict="merge"))
        self.columns = {BC: [names[0]], SALES: [names[1]] if isinstance(names[1], str) else names[1]}
        self.keys: dict[Side, str] = {}
        for side in Side:
            self.river.sides[side].stores = storing(side, dict.fromkeys(self.columns[side], kind))

    def put(self, bc: Any, *sales: Any) -> None:
        given = {BC: [bc], SALES: list(sales)}
        for side in Side:
            values = dict(zip(self.columns[side], given[side], strict=True))
            self.keys[side] = self.river.sides[side].put(self.river.table(side), **values)
        found = [self.row(side) for side in (BC, SALES)]
        self.river.memory.couple(coupled(self.river.mapping, *found))

    def row(self, side: Side) -> dict[str, Any]:
        return self.river.sides[side].row(self.river.table(side), self.keys[side])

    def edit(self, side: Side, *values: Any) -> None:
        self.river.edited(side, self.keys[side], **dict(zip(self.columns[side], values, strict=True)))

    async def told(self, side: Side) -> Outcome:
        """What became of the record as it is now."""
        return (await self.river.take(self.river.change(side, self.keys[side])))[-1].outcome

    @property
    def writes(self) -> int:
        return len(self.river.bc.writes) + len(self.river.sales.writes)

    def comes_to_rest(self, side: Side, tries: int = 1) -> None:
        """One write at most, and none for its echo, for the same event again, or for a sweep of both sides."""
        asyncio.run(self._comes_to_rest(side, tries))
        assert self.agrees(BC) or self.agrees(SALES)

    async def _comes_to_rest(self, side: Side, tries: int) -> None:
        before = self.writes
        assert await self.told(side) in {Outcome.MODIFIED, Outcome.UNCHANGED}
        after = self.writes
        assert after - before <= tries
        for again in (side.other, side, side.other, side):
            assert await self.told(again) is Outcome.UNCHANGED
        assert self.writes == after

    def agrees(self, source: Side) -> bool:
        """Would carrying the record anew find nothing to write? One way may: BC capitalises codes."""
        way = Direction.from_side(source)
        mapping = self.river.mapping
        carried = translate(
            rules_for(mapping, way, When.ALWAYS), way, rows.values(mapping, source, self.row(source)), {}
        )
        there = rows.values(mapping, source.other, self.row(source.other))
        return all(_near(value, there[name]) for name, value in carried.items())


def _near(value: Any, stored: Any) -> bool:
    """Sales rounds money; BC stores 0 and false for a blank."""
    if isinstance(value, int | float):
        return abs(value - (stored or 0)) <= 0.00005 + 1e-12 * abs(value)
    return bool(value == stored) or (not value and not stored)


def scene(kind: str) -> Scene:
    model, lines, *_ = KINDS[kind]
    return Scene(model, lines, _NAMES.get(kind, ("field", "column")))


@pytest.mark.parametrize("kind", KINDS)
@thorough
@given(data=st.data())
def test_what_is_carried_across_comes_to_rest(kind: str, data: st.DataObject) -> None:
    pair = scene(kind)
    *_, in_bc_now, in_sales_now = KINDS[kind]
    pair.put(_BLANK.get(kind, ""), None)
    for _ in range(3):
        pair.edit(BC, data.draw(in_bc_now))
        pair.comes_to_rest(BC)
        pair.edit(SALES, data.draw(in_sales_now))
        pair.comes_to_rest(SALES)


@pytest.mark.parametrize("kind", KINDS)
@thorough
@given(data=st.data())
def test_a_lost_answer_is_not_taken_for_an_edit_of_the_other_side(kind: str, data: st.DataObject) -> None:
    pair = scene(kind)
    *_, in_bc_now, in_sales_now = KINDS[kind]
    pair.put(_BLANK.get(kind, ""), None)
    for side, values in ((BC, in_bc_now), (SALES, in_sales_now)):
        pair.edit(side, data.draw(values))
        pair.river.sides[side.other].fail(pair.keys[side.other], LOST, applied=True)
        pair.comes_to_rest(side, tries=2)
        pair.river.sides[side.other]._faults.clear()


_HALVES = st.none() | texts(50) | st.sampled_from(["Anna  Maria", "von der  Au", " ", "x" * 50, "x" * 48 + "👍"])
_WHOLE = texts(100) | st.sampled_from(
    ["Anna  Maria   von Au", "A" * 60 + " B", "Ann " + "👍" * 48, "Ann " + " " * 90 + "end"]
)


@thorough
@given(data=st.data())
def test_a_split_name_comes_to_rest(data: st.DataObject) -> None:
    pair = Scene(Kind("text", 100, 50), [{"max_length": 100}], ("displayName", ["firstname", "lastname"]))
    pair.put("", None, None)
    for _ in range(3):
        pair.edit(BC, data.draw(_WHOLE))
        pair.comes_to_rest(BC)
        pair.edit(SALES, data.draw(_HALVES), data.draw(_HALVES))
        pair.comes_to_rest(SALES)


@given(first=texts(50), last=texts(50))
def test_a_name_that_fits_is_joined_without_loss(first: str, last: str) -> None:
    pair = Scene(Kind("text", 100, 50), [{"max_length": 100}], ("displayName", ["firstname", "lastname"]))
    pair.put("", None, None)
    pair.edit(SALES, first, last)
    asyncio.run(pair.told(SALES))
    parts = (canonical(part) for part in (first, last))
    whole = canonical(cut(" ".join(filter(None, parts)), 100))
    assert pair.row(BC)["displayName"] == (whole or "")
