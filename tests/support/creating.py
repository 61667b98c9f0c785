"""A bench for creating partners: one mapping, both sides, one push, and a memory that records as the store would."""

from collections.abc import Sequence
from typing import Any

from consumers.decide import Decision, decide
from consumers.patience import Patience
from consumers.ports import Applied, Flags
from consumers.push import Push
from schemas.mapping import TableMapping
from schemas.outcome import Settled
from schemas.side import Side
from tests.support.fakes import FakeMemory, FakeSide
from tests.support.made import mapping

NAME = {"bc": "displayName", "sales": "name"}
CITY = {"bc": "city", "sales": "address1_city"}


class Bench:
    """One mapping, both sides, and everything pushed from `source` recorded as the store would."""

    def __init__(self, source: Side, **settings: Any) -> None:
        self.mapping: TableMapping = mapping(**(settings or {"fields": [NAME, CITY]}))
        self.sides = {side: FakeSide(side) for side in Side}
        self.source, self.target = self.sides[source], self.sides[source.other]
        self.memory = FakeMemory()

    def new(self, **fields: Any) -> str:
        return self.source.put(self.mapping.table(self.source.side), **fields)

    def existing(self, **fields: Any) -> str:
        return self.target.put(self.mapping.table(self.target.side), **fields)

    def edit(self, key: str, **fields: Any) -> None:
        self.source.edit(self.mapping.table(self.source.side), key, **fields)

    def decided(self, *keys: str) -> list[Decision]:
        held = {one.half(self.source.side).id: one for one in self.memory.kept.values()}
        changes = [self.source.change(self.mapping.table(self.source.side), key) for key in keys]
        return [decide(one, self.mapping, held.get(one.key), {}, Flags(False, False)) for one in changes]

    async def carried_out(self, *keys: str) -> list[Settled]:
        push = Push(self.target, self.memory, self.target.side, _at_once, Patience((1, 1)))
        return await push.carry_out(self.mapping, self.decided(*keys), {})

    async def push(self, *keys: str) -> Sequence[Settled]:
        return await self.memory.record(await self.carried_out(*keys), Applied("topic", "log"))

    @property
    def partners(self) -> list[dict[str, Any]]:
        return list(self.target.tables[self.mapping.table(self.target.side).name].values())


async def _at_once(seconds: float) -> None:
    assert seconds > 0
