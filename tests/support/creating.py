"""A bench for creating partners: one mapping, both sides, one push, and a memory that records as the store would."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from consumers.decide import Decision, decide
from consumers.patience import Patience
from consumers.ports import Applied
from consumers.push import Push
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.outcome import Settled
from schemas.side import Side
from tests.support.fakes import FakeMemory, FakeSide
from tests.support.made import mapping

NAME = {"bc": "displayName", "sales": "name"}
CITY = {"bc": "city", "sales": "address1_city"}


class Bench:
    """One mapping, both sides, and everything pushed from `source` recorded as the store would. Sleeping moves time."""

    delays: Sequence[float] = (1, 1)

    def __init__(self, source: Side, **settings: Any) -> None:
        self.mapping: TableMapping = mapping(**(settings or {"fields": [NAME, CITY]}))
        self.sides = {side: FakeSide(side) for side in Side}
        self.source, self.target = self.sides[source], self.sides[source.other]
        self.memory = FakeMemory()
        self.now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
        self.at: list[tuple[datetime, Callable[[], object]]] = []

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
        patience = Patience(self.delays, jitter=lambda: 0.5)
        push = Push(self.target, self.memory, self.target.side, self.sleep, patience, self.clock)
        return await push.carry_out(self.mapping, self.decided(*keys), {})

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.later(seconds)

    def later(self, seconds: float) -> None:
        """Time passes, and what was to happen in it does."""
        self.now += timedelta(seconds=seconds)
        due = [what for when, what in self.at if when <= self.now]
        self.at = [one for one in self.at if one[0] > self.now]
        for happens in due:
            happens()

    async def push(self, *keys: str) -> Sequence[Settled]:
        return await self.memory.record(await self.carried_out(*keys), Applied("topic", "log"))

    async def push_again(self, end: Settled) -> None:
        """What of the source was not sent yet is told again, as it would be by `Recovery.tell_again`."""
        assert end.coupling
        assert end.coupling.half(self.source.side).version == ""
        await self.push(end.change.key)

    @property
    def partners(self) -> list[dict[str, Any]]:
        return list(self.target.tables[self.mapping.table(self.target.side).name].values())
