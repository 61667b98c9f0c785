"""Looks out while this worker leads, and tells people what it sees: whoever opens a console by the store, and whoever
has a channel there, at most once of each cause until it is over."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog

from daemon.alerts.channels import Channel, Undelivered
from schemas.alert_causes import Cause, Sight
from schemas.alerts import News, Watch, look, news, resumed
from schemas.errors import CoupledError
from schemas.holding import Looked, held, holding

_log = structlog.get_logger(__name__)
# Between two looks, and until it is asked again whether this worker leads, or what the store has kept.
SECONDS, _SOON = 15.0, 1.0
_FIRST, _LONGEST = 30.0, 1800.0


class Kept(Protocol):
    """See `daemon.store.notified.Notified`."""

    async def all(self) -> Mapping[str, list[Cause]]: ...

    async def keep(self, channel: str, causes: Collection[Cause], at: datetime) -> None: ...


class Looks(Protocol):
    """See `daemon.store.looks.Looks`."""

    async def keep(self, looked: Looked) -> None: ...

    async def last(self) -> Looked | None: ...


@dataclass
class _Told:
    """What a channel was told of, by key, and when it is tried again if it failed. `unkept`: not noted in the store."""

    causes: dict[str, Cause] = field(default_factory=dict)
    unkept: bool = False
    pause: float = 0.0
    again_at: float = 0.0


class Notifier:
    """`sight` is what the leader sees, at the time it says; only who `leads` tells. There may be no channel."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        sight: Callable[[], Awaitable[Sight]],
        kept: Kept,
        looks: Looks,
        leads: Callable[[], bool],
    ) -> None:
        self._channels, self._sight, self._kept, self._looks, self._leads = channels, sight, kept, looks, leads
        self._told: dict[str, _Told] | None = None
        self._watch = Watch()

    async def forever(self) -> None:
        while True:
            rest = await self._turn()
            await asyncio.sleep(rest)

    async def _turn(self) -> float:
        """How many seconds to rest then."""
        if not self._leads():
            self._told = None  # another worker tells now, and notes it in the store
            return _SOON
        try:
            await self.once()
        except CoupledError:
            return _SOON  # the store is away, which its watch tells
        return SECONDS

    async def once(self) -> None:
        """CoupledError if the store cannot say what was seen and told before."""
        sight = await self._sight()
        if self._told is None:
            self._watch, self._told = await self._resumed(sight.now)
        self._watch = look(self._watch, sight)
        telling = [self._tell(name, told, sight.now) for name, told in self._told.items()]
        await asyncio.gather(self._show(sight.now), *telling)

    async def _resumed(self, now: float) -> tuple[Watch, dict[str, _Told]]:
        """Where the last leader was."""
        known, before = await self._kept.all(), await self._looks.last()
        told = {name: _Told({cause.key: cause for cause in known.get(name, [])}) for name in self._channels}
        causes = [cause for each in told.values() for cause in each.causes.values()]
        return resumed(causes, now, held(before, now)), told

    async def _show(self, now: float) -> None:
        """To the consoles. With the store away they show nothing at all."""
        looked = Looked(datetime.fromtimestamp(now, UTC), holding(self._watch, now))
        with contextlib.suppress(CoupledError):
            await self._looks.keep(looked)

    async def _tell(self, name: str, told: _Told, now: float) -> None:
        fresh = news(self._watch, told.causes)
        if fresh and now >= told.again_at and await self._sent(name, told, fresh, now):
            over = {cause.key for cause in fresh.over}
            raised = {cause.key: cause for cause in fresh.raised}
            told.causes = {key: cause for key, cause in told.causes.items() if key not in over} | raised
            told.unkept = True
        if told.unkept:
            await self._note(name, told, now)

    async def _sent(self, name: str, told: _Told, fresh: News, now: float) -> bool:
        try:
            await self._channels[name].send(fresh)
        except Exception as error:  # whatever it is: the daemon has other work
            if not told.pause:
                said = str(error) if isinstance(error, Undelivered) else type(error).__name__
                _log.warning("notification_not_sent", channel=name, error=said)
            told.pause = min(told.pause * 2 or _FIRST, _LONGEST)
            told.again_at = now + told.pause
            return False
        if told.pause:
            _log.info("notifications_sent_again", channel=name)
        told.pause = told.again_at = 0.0
        return True

    async def _note(self, name: str, told: _Told, now: float) -> None:
        """After it went: a kill in between tells it again, which is better than never. A store that is away notes it
        later."""
        try:
            await self._kept.keep(name, list(told.causes.values()), datetime.fromtimestamp(now, UTC))
        except CoupledError:
            return
        told.unkept = False
