"""Whether the sides answer, as live capture finds them: nobody is asked anew for a page. The worker that reads them
tells the others by the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from daemon.health import Health
from daemon.settings import Settings
from daemon.store.sides import Seen
from daemon.web.ports import SideStatus
from producers.subscriptions import State
from schemas.side import Side

# Looks that may come to nothing before a side counts as away, and never fewer seconds than so many.
_LOOKS, _SECONDS = 4, 30.0
# How often it is told, and for how long that is believed.
TELLING, _BELIEVED = 5.0, timedelta(seconds=30)
_NOBODY = "No table of it is read now: no worker leads, or all of its mappings are paused."


class Shared(Protocol):
    """What workers tell each other; see `daemon.store.sides`."""

    async def tell(self, found: Mapping[Side, Seen]) -> None: ...

    async def told(self) -> Mapping[Side, tuple[Seen, datetime]]: ...


@dataclass(frozen=True, slots=True)
class Reachable:
    """`seconds`: how often a table of a side is looked at; `watched`: how Business Central's are, in words."""

    urls: Mapping[Side, str]
    health: Health
    seconds: Mapping[Side, float]
    watched: Callable[[], str]
    shared: Shared
    now: Callable[[], datetime]

    async def sides(self) -> Sequence[SideStatus]:
        """CoupledError while the store is away, unless this worker reads both sides itself."""
        own = self._own()
        told = {} if own.keys() >= self.urls.keys() else await self.shared.told()
        return [self._status(side, own.get(side) or self._believed(told.get(side))) for side in self.urls]

    async def tell(self) -> None:
        """What this worker finds, if it reads any."""
        if own := self._own():
            await self.shared.tell(own)

    def _status(self, side: Side, seen: Seen | None) -> SideStatus:
        found = seen or Seen(up=False, detail=_NOBODY, checked=None)
        return SideStatus(side, self.urls[side], found.up, found.detail, found.checked)

    def _believed(self, told: tuple[Seen, datetime] | None) -> Seen | None:
        return told[0] if told and self.now() - told[1] < _BELIEVED else None

    def _own(self) -> Mapping[Side, Seen]:
        """The sides that are read here."""
        return {side: seen for side in self.urls if (seen := self._found(side))}

    def _found(self, side: Side) -> Seen | None:
        """A read that hangs raises no error: what counts is when one came to its end."""
        now = self.now()
        begun = [age for place, age in self.health.ages().items() if place[0] is side]
        ended = [age for place, age in self.health.reads().items() if place[0] is side]
        trouble = next((why for name, why in self.health.reasons.items() if name.startswith(f"live:{side.value}:")), "")
        if not begun and not trouble:
            return None
        age = min(ended) if ended else None
        checked = None if age is None else now - timedelta(seconds=age)
        if trouble:
            return Seen(up=False, detail=trouble, checked=checked or now)
        if age is None:
            return Seen(up=False, detail=f"Its first read began {max(begun):.0f} s ago.", checked=None)
        if checked and age > max(_SECONDS, _LOOKS * self.seconds[side]):
            since = f"No answer since {checked:%H:%M:%S} UTC: no read of it has come to its end."
            return Seen(up=False, detail=since, checked=checked)
        return Seen(up=True, detail=self.watched() if side is Side.BC else "", checked=checked)


def reachable_of(
    settings: Settings,
    health: Health,
    subscriptions: Callable[[], Mapping[str, State]],
    shared: Shared,
    now: Callable[[], datetime],
) -> Reachable:
    """As the settings say where both sides are, and how often they are looked at."""
    poll = settings.capture.poll_seconds
    told = settings.business_central.webhooks.receiver is not None
    return Reachable(
        {Side.BC: settings.business_central.url, Side.SALES: settings.sales.url},
        health,
        {Side.BC: max(poll, settings.capture.webhook_poll_seconds) if told else poll, Side.SALES: poll},
        lambda: _watched(subscriptions()),
        shared,
        now,
    )


def _watched(subscriptions: Mapping[str, State]) -> str:
    """Which tables tell of their changes, and which should and do not."""
    if not subscriptions:
        return ""
    by_state = {state: [name for name, its in subscriptions.items() if its is state] for state in State}
    text = f"Webhooks for {len(by_state[State.ACTIVE])} of {len(subscriptions)} tables."
    wrong = [state for state in (State.MISSING, State.SILENT) if by_state[state]]
    return " ".join([text, *(f"{state.capitalize()}: {', '.join(by_state[state])}." for state in wrong)])
