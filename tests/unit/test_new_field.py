"""A field is added to a mapping whose records are coupled already: no value of either side is lost by it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import rows
from schemas.coupling import Coupling, Half
from schemas.side import Side
from tests.support.made import CITY, NAME, coupled
from tests.support.river import River
from tests.support.tries import tries

BC, SALES = Side.BC, Side.SALES
CREDIT_BOTH_WAYS = {"bc": "creditLimit", "sales": "creditlimit"}
values = st.sampled_from(["", "Graz", "Wien"])


def _without(half: Half, *names: str) -> Half:
    """As the coupling was stored before the field was mapped."""
    return replace(half, base={name: value for name, value in half.base.items() if name not in names})


class Pair:
    """A coupled customer and account that agree in name; `field` is new to their mapping."""

    def __init__(
        self, field: dict[str, Any], bc: Any, sales: Any, policy: str = "merge", lines: Sequence[dict[str, Any]] = ()
    ) -> None:
        self.river = River(fields=[NAME, *(lines or [field])], on_update_conflict=policy)
        self.field = field
        self.keys = {
            BC: self.river.bc.put(self.river.table(BC), displayName="Adatum", **{field["bc"]: bc}),
            SALES: self.river.sales.put(self.river.table(SALES), name="Adatum", **{field["sales"]: sales}),
        }
        found = [self.river.sides[side].row(self.river.table(side), self.keys[side]) for side in (BC, SALES)]
        held = coupled(self.river.mapping, *found)
        self.river.memory.couple(
            Coupling(held.mapping, _without(held.bc, field["bc"]), _without(held.sales, field["sales"]))
        )

    def sweep(self, *sides: Side) -> "Pair":
        """What a full synchronisation of these directions carries."""

        async def run() -> None:
            for side in sides:
                await self.river.take(self.river.change(side, self.keys[side], job=1))

        asyncio.run(run())
        return self

    def value(self, side: Side) -> Any:
        row = self.river.sides[side].row(self.river.table(side), self.keys[side])
        return rows.values(self.river.mapping, side, row)[self.field[side.value]]


@tries(60)
@given(
    bc=values, sales=values, order=st.permutations([BC, SALES]), policy=st.sampled_from(["fail", "merge", "sales_wins"])
)
def test_a_full_synchronisation_fills_both_sides_from_whichever_has_a_value(
    bc: str, sales: str, order: list[Side], policy: str
) -> None:
    pair = Pair(CITY, bc, sales or None, policy).sweep(*order)
    mine = {BC: bc, SALES: sales}
    assert pair.value(BC) == pair.value(SALES) == (mine[order[0]] or mine[order[1]] or None)


@pytest.mark.parametrize("blank", [0, None])
def test_a_blank_number_of_business_central_overwrites_nothing(blank: Any) -> None:
    pair = Pair(CREDIT_BOTH_WAYS, blank, 500).sweep(BC)
    assert pair.value(SALES) == 500
    assert pair.sweep(SALES).value(BC) == 500


def test_a_field_that_travels_one_way_is_written_though_blank() -> None:
    assert Pair({**CITY, "direction": "to_sales"}, "", "Graz").sweep(BC).value(SALES) is None


@pytest.mark.parametrize("line", [BC, SALES])
def test_a_blank_overwrites_nothing_where_each_direction_has_its_own_line(line: Side) -> None:
    lines = [{**CITY, "direction": way, "transform": ["trim"]} for way in ("to_sales", "to_bc")]
    mine = {BC: "", SALES: None, line: "Graz"}
    pair = Pair(lines[0], mine[BC], mine[SALES], lines=lines).sweep(BC, SALES)
    assert pair.value(BC) == pair.value(SALES) == "Graz"


def test_clearing_the_field_afterwards_clears_it_on_both_sides() -> None:
    pair = Pair(CITY, "", "Graz").sweep(BC, SALES)
    pair.river.bc.edit(pair.river.table(BC), pair.keys[BC], city="")
    assert pair.sweep(BC).value(SALES) is None
