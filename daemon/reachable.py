"""Whether the sides answer, as live capture on this worker finds them: nobody is asked anew for a page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.health import Health
from daemon.web.ports import SideStatus
from schemas.side import Side

# Looks that may come to nothing before a side counts as away, and never fewer seconds than so many.
_LOOKS, _SECONDS = 4, 30.0
_ELSEWHERE = "No table of it is read here now: another worker leads, or all of its mappings are paused."


@dataclass(frozen=True, slots=True)
class Reachable:
    """`seconds`: how often a table of a side is looked at; `watched`: how Business Central's are, in words."""

    urls: Mapping[Side, str]
    health: Health
    seconds: Mapping[Side, float]
    watched: Callable[[], str]
    now: Callable[[], datetime]

    async def sides(self) -> Sequence[SideStatus]:
        return [self._status(side) for side in self.urls]

    def _status(self, side: Side) -> SideStatus:
        """A read that hangs raises no error: what counts is when one came to its end."""
        url, now = self.urls[side], self.now()
        begun = [age for place, age in self.health.ages().items() if place[0] is side]
        ended = [age for place, age in self.health.reads().items() if place[0] is side]
        trouble = next((why for name, why in self.health.reasons.items() if name.startswith(f"live:{side.value}:")), "")
        if not begun and not trouble:
            return SideStatus(side, url, up=False, detail=_ELSEWHERE)
        age = min(ended) if ended else None
        checked = None if age is None else now - timedelta(seconds=age)
        if trouble:
            return SideStatus(side, url, up=False, detail=trouble, checked=checked or now)
        if age is None:
            return SideStatus(side, url, up=False, detail=f"Its first read began {max(begun):.0f} s ago.")
        if checked and age > max(_SECONDS, _LOOKS * self.seconds[side]):
            since = f"No answer since {checked:%H:%M:%S} UTC: no read of it has come to its end."
            return SideStatus(side, url, up=False, detail=since, checked=checked)
        return SideStatus(side, url, up=True, detail=self.watched() if side is Side.BC else "", checked=checked)
