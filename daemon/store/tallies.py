"""What the console, `/api` and the metrics count of the store, each once for all of them (`daemon.store.sharing`).

Of a large store it is what was true some seconds ago; what has to be true now asks the views.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from daemon.store.blanks import Blanks
from daemon.store.causes import Cause
from daemon.store.ended import Ended, Lately
from daemon.store.sharing import Shared
from daemon.store.views import FailureCause, FailureCount, Views

# Causes and how many failures each has.
Counted = Sequence[tuple[Cause, int]]


@dataclass(frozen=True, slots=True)
class CauseList:
    """Some causes of a list that has so many, for which so many records fail."""

    items: Sequence[FailureCause]
    causes: int
    records: int


class Tallies:
    def __init__(self, views: Views, blanks: Blanks, ended: Ended, now: Callable[[], float] = time.monotonic) -> None:
        self._views = views
        self._couplings = Shared(views.coupling_counts, lambda counts: sum(counts.values()), now)
        self._failures = Shared(
            views.failure_counts, lambda counts: sum(one.open + one.resolved for one in counts), now
        )
        self._causes = Shared(views.cause_numbers, lambda counted: sum(number for _, number in counted), now)
        self._blanks = Shared(blanks.counts, lambda counts: sum(counts.values()), now)
        self._lately = Shared(ended.lately, lambda found: found.counted, now)

    async def couplings(self) -> Mapping[str, int]:
        """By mapping."""
        return await self._couplings()

    async def failures(self) -> Sequence[FailureCount]:
        """By mapping and code."""
        return await self._failures()

    async def blanks(self) -> Mapping[str, int]:
        """By mapping."""
        return await self._blanks()

    async def lately(self) -> Lately:
        """How changes have ended in the last 24 hours."""
        return await self._lately()

    async def open_failures(self, mapping: str | None = None, code: str | None = None, cause: str | None = None) -> int:
        """How many a list of those has."""
        return sum(number for _, number in await self._of(mapping, code, cause))

    async def cause_list(
        self, mapping: str | None = None, *, code: str | None = None, offset: int = 0, limit: int = 100
    ) -> CauseList:
        """Open failures by cause from so many on, the most numerous first, with how many there are of both. The
        examples are read anew: what is over by now is not listed."""
        counted = await self._of(mapping, code)
        items = await self._views.with_examples(counted[offset : offset + limit])
        return CauseList(items, len(counted), sum(number for _, number in counted))

    async def close(self) -> None:
        for one in (self._couplings, self._failures, self._causes, self._blanks, self._lately):
            await one.close()

    async def _of(self, mapping: str | None, code: str | None, cause: str | None = None) -> Counted:
        """Those of the causes that are wanted."""
        counted = await self._causes()
        for place, wanted in enumerate((mapping, None, code, cause)):  # as a cause is made of
            if wanted is not None:
                counted = [(of, number) for of, number in counted if of[place] == wanted]
        return counted
