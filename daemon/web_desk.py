"""What the console does beside reading the store and submitting commands: dead letters, and the set-up check."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from daemon.letter_rows import row_of
from daemon.letters import Letters, PutBack
from daemon.web.ports import Letter
from schemas.dead_letter import stuck


@dataclass(frozen=True, slots=True)
class LetterBox:
    """Kafka's client waits, so each call has a thread."""

    letters: Letters

    async def newest(self, limit: int, before: int | None = None, topic: str = "") -> Sequence[Letter]:
        found = await asyncio.to_thread(self.letters.newest, limit, before, topic)
        return [Letter(row_of(one), stuck(one, self.letters.topics)) for one in found]

    async def put_back(self, numbers: Collection[int]) -> Sequence[PutBack]:
        return await asyncio.to_thread(self.letters.put_back, numbers)
