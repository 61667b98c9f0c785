"""A side's clock, known by the `Date` of its answers. It is compared with ours only to see whether it has been set.

What a side stamps its records with is its own time (wire-protocols D123). A clock that is set back stamps new edits
with times that were read long ago: whoever reads by time must begin that much earlier.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

import httpx

from schemas.change import Change
from schemas.side import Side

# A difference up to this is that of two web servers, or of a slow answer; the overlap covers it.
TOLERANCE_MS = 10_000
_SENT = "coupled.sent_ms"


@dataclass(frozen=True, slots=True)
class Ahead:
    """By how many ms a side's clock is ahead of ours: no less than `low`, no more than `high`."""

    low: int
    high: int

    def back_since(self, before: int) -> int:
        """By how many ms the clock has surely been set back since it was `before` ahead; 0 if it has not."""
        step = before - self.high
        return step if step > TOLERANCE_MS else 0

    def since(self, before: int | None) -> int:
        """What to remember for next time: `before` as long as it holds."""
        if before is None or self.back_since(before) or self.low > before + TOLERANCE_MS:
            return self.low
        return before


def stood(now_ms: int, ahead: int) -> int:
    """Where a clock that was `ahead` (ms) of ours stood at the latest when somebody set it back, some time before now:
    whoever reads its side may have met times up to that."""
    return now_ms + ahead + TOLERANCE_MS


def unordered(change: Change, before: int) -> Change:
    """What Business Central stamped up to `before` (ms) counts as of unknown order: its clock had stood there when it
    was set back, and its versions are ordered by nothing else. Sales counts them."""
    return replace(change, sequence=0) if change.side is Side.BC and change.sequence <= before else change


class SideClock:
    """Listens to the answers of one session. `now_ms` is our own clock."""

    def __init__(self, client: httpx.AsyncClient, now_ms: Callable[[], int]) -> None:
        self._host, self._now_ms = client.base_url.host, now_ms
        self._ahead: Ahead | None = None
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], self._sends],
            "response": [*hooks["response"], self._hears],
        }

    @property
    def ahead(self) -> Ahead | None:
        """As the last answer told; None as long as none has."""
        return self._ahead

    async def _sends(self, request: httpx.Request) -> None:
        request.extensions[_SENT] = self._now_ms()

    async def _hears(self, response: httpx.Response) -> None:
        request, date = response.request, _ms(response.headers.get("Date", ""))
        if date is None or request.url.host != self._host:
            return  # the token comes from elsewhere
        sent = int(request.extensions.get(_SENT, 0))
        self._ahead = Ahead(low=date - self._now_ms(), high=date + 999 - sent)


def _ms(text: str) -> int | None:
    """A `Date` in ms; it tells whole seconds."""
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError):
        return None
