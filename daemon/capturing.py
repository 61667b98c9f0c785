"""Live capture of one table for good: while this worker leads, as often as `Rounds` says, later after a failure."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from daemon.health import Told
from daemon.rounds import Place, Rounds
from schemas.errors import CoupledError

_log = structlog.get_logger(__name__)
_MAX_BACKOFF = 60.0


class Captured(Protocol):
    """See `producers.capture.Capture`."""

    name: str

    async def once(self) -> int: ...

    def rest(self) -> None: ...


class Followed(Told, Protocol):
    """Who is told how it goes, and when a table was read; see `daemon.health.Health`."""

    def read(self, place: Place) -> None: ...

    def tried(self, place: Place) -> None: ...

    def unread(self, place: Place) -> None: ...


class Capturing:
    """`paused` tells whether nobody wants the table's changes now; `seconds` is how often to look, or whether to."""

    def __init__(
        self,
        capture: Captured,
        place: Place,
        rounds: Rounds,
        told: Followed,
        *,
        leads: Callable[[], bool],
        paused: Callable[[], Awaitable[bool]],
        seconds: float,
    ) -> None:
        self._capture, self._place, self._rounds, self._told = capture, place, rounds, told
        self._leads, self._paused, self._seconds = leads, paused, seconds
        self._failures = 0

    async def forever(self) -> None:
        asked = True
        while True:
            looked, rest = await self._look(asked)
            # What turns up after a pause or a failure may have been told meanwhile.
            asked = await self._rounds.rest(self._place, rest) or not looked

    async def _look(self, asked: bool) -> tuple[bool, float]:
        """Whether it was read to its end, and how long to rest: a table that tells of its changes may have told while
        nobody looked, and will not again."""
        if not self._leads():
            self._capture.rest()
            self._told.unread(self._place)
            self._went()  # it is another worker's to tell
            return False, self._seconds
        self._told.tried(self._place)
        try:
            if await self._paused():
                self._told.unread(self._place)  # nobody wants it: its age would be an alarm about nothing
                return False, self._seconds
            found = await self._capture.once()
        except Exception as error:
            return False, self._failed(error)
        if found and not asked:
            self._rounds.untold(self._place)
        self._told.read(self._place)
        self._went()
        return True, self._rounds.seconds(self._place)

    def _went(self) -> None:
        self._failures = 0
        self._told.up(self._capture.name)

    def _failed(self, error: Exception) -> float:
        if not self._failures:
            told = not isinstance(error, CoupledError)
            _log.warning("capture_failed", table=self._capture.name, error=str(error), exc_info=told)
        self._failures += 1
        self._told.down(self._capture.name, str(error) or type(error).__name__)
        return min(self._seconds * 2.0 ** min(self._failures, 16), _MAX_BACKOFF)
