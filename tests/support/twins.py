"""A customer and an account, coupled, with a field of every kind; edited, captured and delivered in any order.

Fields are told by what they mean, a number of `MEANINGS`, whatever form each side gives it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas import rows
from schemas.change import Change
from schemas.coupling import Coupling, Half
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.write import Answer, Write
from tests.support.fakes import LOST
from tests.support.made import coupled, part
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
MEANINGS = 4


def currency(number: int) -> str:
    return f"0000000{number}-0000-4000-8000-00000000c0de"


@dataclass(frozen=True)
class Field:
    """`forms`, by side: what a user enters for each meaning, one value for each column. The first means blank."""

    columns: dict[Side, tuple[str, ...]]
    forms: dict[Side, tuple[tuple[Any, ...], ...]]
    owners: tuple[Side, ...] = (BC, SALES)

    def columns_in_base(self, side: Side) -> tuple[str, ...]:
        return tuple(name.removeprefix("_").removesuffix("_value") for name in self.columns[side])


def _text(bc: str, sales: str, **more: Any) -> Field:
    forms = {BC: (("",), ("A",), ("B",), ("C",)), SALES: ((None,), ("A",), ("B",), ("C",))}
    return Field({BC: (bc,), SALES: (sales,)}, forms, **more)


FIELDS = {
    "phone": _text("phoneNumber", "telephone1"),
    "name": Field(
        {BC: ("displayName",), SALES: ("firstname", "lastname")},
        {
            BC: (("",), ("Ann Lee",), ("Cher",), ("Bob Ray Fox",)),
            SALES: ((None, None), ("Ann", "Lee"), (None, "Cher"), ("Bob Ray", "Fox")),
        },
    ),
    "currency": Field(
        {BC: ("currencyCode",), SALES: ("_transactioncurrencyid_value",)},
        {
            BC: (("",), ("C1",), ("C2",), ("C3",)),
            SALES: ((None,), (currency(1),), (currency(2),), (currency(3),)),
        },
    ),
    "country": Field(
        {BC: ("country",), SALES: ("address1_country",)},
        {BC: (("",), ("DE",), ("AT",), ("FR",)), SALES: ((None,), ("Germany",), ("Austria",), ("France",))},
    ),
    "credit": Field(
        {BC: ("creditLimit",), SALES: ("creditlimit",)},
        {BC: ((0,), (5,), (7.5,), (9,)), SALES: ((0,), (5,), (7.5,), (9,))},
        (BC,),
    ),
    "website": _text("website", "websiteurl", owners=(SALES,)),
}
BOTH_WAYS = sorted(name for name, field in FIELDS.items() if len(field.owners) == 2)
CONSTANT = 3
_COUNTRIES = {"DE": "Germany", "AT": "Austria", "FR": "France"}
_MAPPED = [
    {"bc": "phoneNumber", "sales": "telephone1"},
    {"bc": "displayName", "sales": ["firstname", "lastname"], "max_length": 100},
    {"bc": "currencyCode", "sales": "transactioncurrencyid", "lookup": "CURRENCY"},
    {
        "bc": "country",
        "sales": "address1_country",
        "direction": "to_sales",
        "transform": [{"map": _COUNTRIES}],
    },
    {
        "bc": "country",
        "sales": "address1_country",
        "direction": "to_bc",
        "transform": [{"map": {there: here for here, there in _COUNTRIES.items()}}],
    },
    {"bc": "creditLimit", "sales": "creditlimit", "direction": "to_sales"},
    {"bc": "website", "sales": "websiteurl", "direction": "to_bc"},
    {"sales": "customertypecode", "constant": CONSTANT, "direction": "to_sales"},
]
_CURRENCY = part(
    "CURRENCY",
    bc={"table": "currencies"},
    sales={"table": "transactioncurrencies"},
    direction="to_sales",
    fields=[{"bc": "code", "sales": "isocurrencycode"}],
)


class Twins:
    """`open`: the sides whose last event ended in a conflict. `overwritten`: the bidirectional fields that were written
    over an edit nobody had carried yet. Every version that came to be is an event."""

    def __init__(self, policy: str) -> None:
        self.river = River(part(fields=_MAPPED, on_update_conflict=policy, depends_on=["CURRENCY"]), _CURRENCY)
        self.memory = self.river.memory
        for number in range(1, MEANINGS):
            bc = Half(f"0000000{number}-0000-4000-8000-0000000000cc", references={"code": f"C{number}"})
            self.memory.couple(Coupling("CURRENCY", bc, Half(currency(number))))
        blank = {side: dict(pair for each in FIELDS.values() for pair in _cells(each, side, 0)) for side in Side}
        blank[SALES]["customertypecode"] = CONSTANT
        self.keys = {side: self.river.sides[side].put(self.river.table(side), **blank[side]) for side in Side}
        found = [self.river.sides[side].row(self.river.table(side), self.keys[side]) for side in (BC, SALES)]
        self.memory.couple(coupled(self.river.mapping, *found))
        self.waiting: dict[Side, deque[Change]] = {side: deque() for side in Side}
        self.past: dict[Side, list[Change]] = {side: [] for side in Side}
        self.open: dict[Side, Settled] = {}
        self.overwritten: list[str] = []
        for side in Side:
            self._watch(side)
        self.edits = 0
        self.capture()

    def _watch(self, side: Side) -> None:
        fake = self.river.sides[side]
        write = fake.write

        async def watched(writes: Sequence[Write]) -> Sequence[Answer]:
            for one in writes:
                if one.version == self.row(side)["@odata.etag"]:
                    self.overwritten += self.moved(side) & {n for n in BOTH_WAYS if self._written(one, side, n)}
            return await write(writes)

        fake.write = watched  # type: ignore[method-assign]

    def _written(self, write: Write, side: Side, field: str) -> bool:
        return any(name in write.fields for name in FIELDS[field].columns_in_base(side))

    def row(self, side: Side) -> dict[str, Any]:
        return self.river.sides[side].row(self.river.table(side), self.keys[side])

    def capture(self) -> None:
        for side in Side:
            now = self.river.change(side, self.keys[side])
            if now.version not in {change.version for change in [*self.past[side], *self.waiting[side]]}:
                self.waiting[side].append(now)

    def edit(self, side: Side, field: str, meaning: int) -> None:
        self.river.edited(side, self.keys[side], **dict(_cells(FIELDS[field], side, meaning)))
        self.edits += 1
        self.capture()

    def meaning(self, side: Side, field: str) -> int:
        """What the field means on this side now; a blank number is null in Sales."""
        found, row = FIELDS[field], self.row(side)
        values = tuple(row[name] for name in found.columns[side])
        joined = " ".join(str(value) for value in values if value not in (None, "", 0))
        forms = [" ".join(str(v) for v in form if v not in (None, "", 0)) for form in found.forms[side]]
        return forms.index(joined)

    async def deliver(self, kind: str, side: Side, count: int) -> None:
        """In order. `repeat`: after older events once more; `lose`: the answer to the first write is lost."""
        batch = [self.waiting[side].popleft() for _ in range(min(count, len(self.waiting[side])))]
        self.past[side] += batch
        if kind == "repeat":
            batch += self.past[side][:count]
        if kind == "lose":
            self.river.sides[side.other].fail(self.keys[side.other], LOST, applied=True)
        if batch:
            for settled in await self.river.take(*batch):
                self._ended(settled)
        for one in self.river.sides.values():
            one._faults.clear()
        self.capture()

    def _ended(self, settled: Settled) -> None:
        """As the store does: a conflict that one side has settled is tried again from the other (`failing.wake`)."""
        side = settled.change.side
        if settled.outcome is Outcome.CONFLICT:
            self.open[side] = settled
        elif not settled.superseded:
            self.open.pop(side, None)
            if side.other in self.open:
                again = self.river.change(side.other, self.keys[side.other])
                self.waiting[side.other].append(replace(again, mapping=self.river.mapping.name, retry=True))

    async def come_to_rest(self) -> None:
        turns = 0
        while any(self.waiting.values()):
            for side in Side:
                await self.deliver("deliver", side, 2)
            turns += 1
            assert turns < 20 + 3 * self.edits, "the sides keep answering each other"

    def tell(self, story: list[tuple[str, Any, Any, Any]]) -> "Twins":
        async def run() -> None:
            for kind, side, what, value in story:
                if kind == "edit":
                    self.edit(side, what, value)
                else:
                    await self.deliver(kind, side, what)
            await self.come_to_rest()

        asyncio.run(run())
        return self

    def told_anew(self) -> list[Settled]:
        """How a change of each side would end now: each record is carried again as it is."""

        async def run() -> list[Settled]:
            found = []
            for side in Side:
                again = replace(self.river.change(side, self.keys[side]), mapping=self.river.mapping.name, retry=True)
                found += await self.river.take(again)
            return found

        return asyncio.run(run())

    def moved(self, side: Side) -> set[str]:
        """The bidirectional fields that are not as both sides last agreed."""
        base = self.memory.coupling(BC, self.keys[BC]).half(side).base
        now = rows.values(self.river.mapping, side, self.row(side))
        return {name for name in BOTH_WAYS if any(now[c] != base.get(c) for c in FIELDS[name].columns_in_base(side))}

    def apart(self) -> set[str]:
        return {name for name in FIELDS if self.meaning(BC, name) != self.meaning(SALES, name)}

    def told_in(self, settled: Settled) -> set[str]:
        """The fields that a conflict names."""
        assert settled.problem
        there = settled.change.side.other
        text = settled.problem.message
        return {n for n in BOTH_WAYS if any(f"{c}: " in text for c in FIELDS[n].columns_in_base(there))}

    @property
    def writes(self) -> int:
        return len(self.river.bc.writes) + len(self.river.sales.writes)


def _cells(field: Field, side: Side, meaning: int) -> list[tuple[str, Any]]:
    return list(zip(field.columns[side], field.forms[side][meaning], strict=True))
