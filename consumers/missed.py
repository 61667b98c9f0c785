"""Changes that went by although their mapping is not paused: a batch that was at hand when the pause ended.

It had begun under the pause, and said that it missed something only after `resume` had looked (promise 1).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from consumers.starting import catch_up
from schemas.job import Run
from schemas.mapping import Mappings
from schemas.side import Direction

_log = structlog.get_logger(__name__)


class States(Protocol):
    async def behind(self) -> Sequence[str]:
        """Those that missed changes and are not paused."""

    async def caught_up(self, names: Sequence[str]) -> None: ...


class Runs(Protocol):
    async def create_run(self, run: Run, jobs: Sequence[tuple[str, Direction]]) -> None: ...


class Missed:
    """Has such mappings caught up with. `woken` is called when there is a run to work on."""

    def __init__(
        self, mappings: Mappings, states: States, runs: Runs, now: Callable[[], datetime], woken: Callable[[], None]
    ) -> None:
        self._mappings, self._states, self._runs = mappings, states, runs
        self._now, self._woken = now, woken
        self._before: Collection[str] = ()

    async def once(self) -> None:
        """Those that were behind at the last look too: a `resume` that is carried out now sees to its own."""
        behind = [name for name in await self._states.behind() if name in self._mappings.by_name]
        due, self._before = [name for name in behind if name in self._before], behind
        if not due:
            return
        now = self._now()
        await self._runs.create_run(*catch_up(f"missed-{now:%Y%m%d%H%M%S%f}", "", self._mappings, due, now))
        # The run is durable now, so what was missed is its business.
        await self._states.caught_up(due)
        _log.info("missed_changes_caught_up", mappings=due)
        self._woken()
