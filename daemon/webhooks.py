"""Business Central's webhooks at work: any worker takes notifications, the leader looks where they point (DESIGN 2).

A notification is left in the store and answered; the leader finds it there within a second. What is carried across is
always read: changes by capture, which goes by time as ever, deletions by asking for the records that were named.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import structlog

from daemon.rounds import Rounds
from daemon.store.webhooks import Numbered
from daemon.wiring import Parts
from producers import currencies
from producers.subscriptions import State, Subscriptions
from schemas.errors import ApiError, CoupledError
from schemas.side import Side
from schemas.webhooks import Kept, Notice, Told, notices

_log = structlog.get_logger(__name__)
# How often subscriptions are looked after, and, while some are missing, how soon again.
_CARE_SECONDS, _SOON_SECONDS, _HEED_SECONDS = 60.0, 5.0, 1.0


class Left(Protocol):
    """What notifications leave behind, and who may send them."""

    async def subscriptions(self) -> Mapping[str, Kept]: ...

    async def note(self, notices: Sequence[Notice]) -> None: ...

    async def noted(self) -> Sequence[Numbered]: ...

    async def done(self, looked: Sequence[Numbered]) -> None: ...


class Care(Protocol):
    """See `producers.subscriptions.Subscriptions`."""

    @property
    def states(self) -> Mapping[str, State]: ...

    async def once(self) -> Sequence[str]: ...


class Deleted(Protocol):
    """See `producers.deletions.Deletions`."""

    async def once(self) -> int: ...

    async def told(self, ids: Sequence[str]) -> int: ...


class Webhooks:
    """`deletions` are by table; `watched` are tables of which webhooks do not tell all: they are polled as ever.

    Exchange rates have none, since they have two key fields (A4.1).
    """

    def __init__(
        self,
        care: Care,
        left: Left,
        rounds: Rounds,
        deletions: Mapping[str, Deleted],
        watched: Collection[str] = (),
    ) -> None:
        self._care, self._left, self._rounds = care, left, rounds
        self._deletions, self._watched = deletions, frozenset(watched)

    async def received(self, body: bytes) -> None:
        """A notification as it came; its notices are stored when this returns. What is not ours is let go."""
        await self._left.note(notices(body, (await self._left.subscriptions()).values()))

    def states(self) -> Mapping[str, State]:
        """Of each table's subscription, as the leader last found it."""
        return {table: self._state(table, state) for table, state in self._care.states.items()}

    def _state(self, table: str, state: State) -> State:
        silent = table not in self._watched and self._rounds.silent((Side.BC, table))
        return State.SILENT if silent and state is State.ACTIVE else state

    async def care(self) -> bool:
        """Subscriptions put right; what a new one cannot tell, since it happened before, is looked through (C5)."""
        new = await self._care.once()
        await self._left.note([Notice(table, Told.ALL) for table in new])
        states = self._care.states
        telling = {table for table, state in states.items() if state is State.ACTIVE} - self._watched
        self._rounds.telling((Side.BC, table) for table in telling)
        return State.MISSING not in states.values()

    async def heed(self) -> None:
        """Looks where notices point. They stay until that is done."""
        by_table: defaultdict[str, list[Numbered]] = defaultdict(list)
        for numbered in await self._left.noted():
            by_table[numbered[0].table].append(numbered)
        for table, noted in by_table.items():
            await self._look(table, [notice for notice, _ in noted])
            await self._left.done(noted)

    async def _look(self, table: str, noted: Sequence[Notice]) -> None:
        if any(notice.told is not Told.DELETED for notice in noted):
            self._rounds.wake((Side.BC, table))
        deletions = self._deletions.get(table)
        if deletions is None:
            return  # it is no longer mapped
        gone = [notice.record for notice in noted if notice.told is Told.DELETED]
        try:
            if gone:
                await deletions.told(gone)
            if any(notice.told is Told.ALL for notice in noted):
                await deletions.once()
        except ApiError as error:
            if error.transient:
                raise
            _log.warning("notice_not_heeded", table=table, error=str(error))

    async def caring(self, leads: Callable[[], bool], listening: asyncio.Event) -> None:
        """For ever, while leading. Not before the receiver listens: the service asks it at once."""
        await listening.wait()
        while True:
            well = True
            if leads():
                try:
                    well = await self.care()
                except CoupledError as error:
                    _log.warning("webhooks_not_looked_after", error=str(error))
                    well = False
            await asyncio.sleep(_CARE_SECONDS if leads() and well else _SOON_SECONDS)

    async def heeding(self, leads: Callable[[], bool]) -> None:
        """For ever, while leading."""
        failing = False
        while True:
            if leads():
                try:
                    await self.heed()
                    failing = False
                except CoupledError as error:
                    if not failing:
                        _log.warning("notices_wait", error=str(error))
                    failing = True
            else:
                self._rounds.telling(())  # wakes capture, so that it learns soon that another worker leads
            await asyncio.sleep(_HEED_SECONDS)


def webhooks_of(parts: Parts, rounds: Rounds, url: str) -> Webhooks:
    """Every captured table of Business Central, told of at `url`."""
    mappings, left = parts.mappings, parts.store.webhooks
    tables = [mappings.reading(side, name)[0].table(side) for side, name in mappings.captured() if side is Side.BC]
    care = Subscriptions(
        parts.sides.clients[Side.BC],
        parts.sides.company,
        tables,
        left,
        url,
        now=parts.clock.now,
        new_secret=lambda: secrets.token_urlsafe(32),
    )
    deletions = {one.table.name: one for one in parts.deletions() if one.table.side is Side.BC}
    return Webhooks(care, left, rounds, deletions, watched={currencies.TABLE})
