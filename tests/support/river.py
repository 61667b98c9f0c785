"""Both sides, both pushes and the synchroniser around one memory: a change goes in, outcomes come out."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from consumers.patience import Patience
from consumers.push import Push
from consumers.synchronise import Message, Synchronise
from schemas.change import Change, encode
from schemas.mapping import Mappings, Table
from schemas.outcome import Settled
from schemas.side import Side
from tests.support.fakes import NOON, FakeMemory, FakeSide
from tests.support.made import mappings, part

LOG = "log-1"


async def at_once(seconds: float) -> None:
    """Waits for nothing, but lets the others go on for some turns of the loop."""
    for _ in range(10):
        turn = asyncio.get_running_loop().create_future()
        turn.get_loop().call_soon(turn.set_result, None)
        await turn


class River:
    """`CUSTOMER` unless mappings are given; new records get partners unless `only_coupled`."""

    def __init__(self, *parts: dict[str, Any], **settings: Any) -> None:
        given = parts or (part(**{"only_coupled": False, "on_update_conflict": "merge", **settings}),)
        self.mappings: Mappings = mappings(*given)
        self.mapping = self.mappings.all[0]
        self.sides = {side: FakeSide(side) for side in Side}
        self.bc, self.sales = self.sides[Side.BC], self.sides[Side.SALES]
        self.memory = FakeMemory()
        self.observed: list[Settled] = []
        self.told: list[Change] = []  # what is put on topics beside what capture finds
        pushes = {side: Push(self.sides[side], self.memory, side, at_once, Patience((1, 1)), self.now) for side in Side}
        self.synchronise = Synchronise(self.mappings, self.memory, pushes, self.observed.extend, self._tell)
        self._offsets: dict[str, int] = {}
        self.passed = 0

    async def _tell(self, changes: Sequence[Change]) -> None:
        self.told += changes

    def now(self) -> datetime:
        return NOON + timedelta(hours=self.passed)

    def pass_hour(self) -> None:
        """No creation that was lost before can come any more."""
        self.passed += 1
        for side in self.sides.values():
            side.hours = self.passed

    def table(self, side: Side) -> Table:
        return self.mapping.table(side)

    def topic(self, side: Side) -> str:
        return f"{side.value}.{self.table(side).name}"

    def message(self, topic: str, value: bytes | None, partition: int = 0) -> Message:
        """The next message of the topic."""
        offset = self._offsets[topic] = self._offsets.get(topic, -1) + 1
        return Message(partition, offset, None, value)

    async def take(self, *changes: Change) -> list[Settled]:
        """One batch of one topic, a message per change; the outcomes it ended in."""
        side = changes[0].side
        await self.deliver(side, [self.message(self.topic(side), encode(change)) for change in changes])
        return self.observed[-len(changes) :]

    async def deliver(self, side: Side, messages: Sequence[Message]) -> list[tuple[Message, str]]:
        return await self.synchronise.batch(self.topic(side), LOG, messages)

    def new(self, side: Side, **fields: Any) -> Change:
        return self.change(side, self.sides[side].put(self.table(side), **fields))

    def edited(self, side: Side, key: str, **fields: Any) -> Change:
        self.sides[side].edit(self.table(side), key, **fields)
        return self.change(side, key)

    def change(self, side: Side, key: str, job: int | None = None) -> Change:
        return self.sides[side].change(self.table(side), key, None if job is None else (job, self.mapping.name))

    def rows(self, side: Side) -> list[dict[str, Any]]:
        return list(self.sides[side].tables[self.table(side).name].values())
