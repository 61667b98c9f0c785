"""What the console does beside reading the store and submitting commands: dead letters, and the set-up check."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from daemon.letter_rows import row_of
from daemon.letters import Letters, PutBack
from daemon.web.ports import Letter
from schemas.dead_letter import DeadLetter, stuck


@dataclass(frozen=True, slots=True)
class LetterBox:
    """Kafka's client waits, so each call has a thread."""

    letters: Letters

    async def newest(self, limit: int, before: int | None = None) -> Sequence[Letter]:
        found = await asyncio.to_thread(self._newest, limit, before)
        return [Letter(row_of(one), stuck(one, self.letters.topics)) for one in found]

    def _newest(self, limit: int, before: int | None) -> list[DeadLetter]:
        return list(reversed(deque(self.letters.read(limit, before), maxlen=limit)))

    async def put_back(self, numbers: Collection[int]) -> Sequence[PutBack]:
        return await asyncio.to_thread(self.letters.put_back, numbers)
