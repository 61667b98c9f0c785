"""Tells people, on each channel by itself, what has happened to whom: at most once of each cause until it is over."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog

from daemon.alerts.channels import Channel, Undelivered
from daemon.supervision import every
from schemas.alert_causes import Cause, Sight
from schemas.alerts import News, Watch, look, news, resumed
from schemas.errors import CoupledError

_log = structlog.get_logger(__name__)
SECONDS = 15.0
_FIRST, _LONGEST = 30.0, 1800.0


class Kept(Protocol):
    """See `daemon.store.notified.Notified`."""

    async def all(self) -> Mapping[str, list[Cause]]: ...

    async def keep(self, channel: str, causes: Collection[Cause], at: datetime) -> None: ...


@dataclass
class _Told:
    """What a channel was told of, by key, and when it is tried again if it failed. `unkept`: not noted in the store."""

    causes: dict[str, Cause] = field(default_factory=dict)
    unkept: bool = False
    pause: float = 0.0
    again_at: float = 0.0


class Notifier:
    """`sight` is what the leader sees, at the time it says; only who `leads` tells."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        sight: Callable[[], Awaitable[Sight]],
        kept: Kept,
        leads: Callable[[], bool],
    ) -> None:
        self._channels, self._sight, self._kept, self._leads = channels, sight, kept, leads
        self._told: dict[str, _Told] | None = None
        self._watch = Watch()

    async def forever(self) -> None:
        await every(SECONDS, self._turn)

    async def _turn(self) -> None:
        if self._leads():
            await self.once()
        else:
            self._told = None  # another worker tells now, and notes it in the store

    async def once(self) -> None:
        """CoupledError if the store cannot say what was told before."""
        sight = await self._sight()
        if self._told is None:
            known = await self._kept.all()
            found = {name: _Told({cause.key: cause for cause in known.get(name, [])}) for name in self._channels}
            self._watch = resumed([cause for each in found.values() for cause in each.causes.values()], sight.now)
            self._told = found
        self._watch = look(self._watch, sight)
        await asyncio.gather(*(self._tell(name, told, sight.now) for name, told in self._told.items()))

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
