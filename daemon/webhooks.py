"""Business Central's webhooks at work: any worker takes notifications, the leader looks where they point (DESIGN 2).

A notification is left in the store and answered; the leader finds it there within a second. What is carried across is
always read: changes by capture, which goes by time as ever, deletions by asking for the records that were named.
"""

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog

from daemon.rests import Rests
from daemon.rounds import Rounds
from daemon.store.webhooks import Heap, Numbered
from daemon.wiring import Parts
from producers import currencies
from producers.subscriptions import State, Subscriptions
from schemas.errors import ApiError, ConfigurationError, CoupledError
from schemas.side import Side
from schemas.webhooks import Kept, Notice, Told, notices

_log = structlog.get_logger(__name__)
# How often subscriptions are looked after, and, while some are missing, how soon again.
_CARE_SECONDS, _SOON_SECONDS, _HEED_SECONDS = 60.0, 5.0, 1.0
# How long notices rest that cannot be looked into: while a side or Kafka is away, and while a person has to decide.
_AWAY_SECONDS, _HELD_SECONDS, _MOST_SECONDS = 1.0, 300.0, 3600.0


class Left(Protocol):
    """What notifications leave behind, and who may send them."""

    async def subscriptions(self) -> Mapping[str, Kept]: ...

    async def note(self, notices: Sequence[Notice]) -> None: ...

    async def noted(self, without: Collection[Heap] = ()) -> Sequence[Numbered]: ...

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


async def _none() -> Collection[str]:
    return ()


class Webhooks:
    """`paused` are the tables of which nobody wants to know now: what is told of them stays until they are resumed.

    `deletions` are by table; `watched` are tables of which webhooks do not tell all: they are polled as ever.

    Exchange rates have none, since they have two key fields (A4.1).
    """

    def __init__(
        self,
        care: Care,
        left: Left,
        rounds: Rounds,
        deletions: Mapping[str, Deleted],
        watched: Collection[str] = (),
        paused: Callable[[], Awaitable[Collection[str]]] = _none,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._care, self._left, self._rounds = care, left, rounds
        self._deletions, self._watched = deletions, frozenset(watched)
        self._paused = paused
        self._rests = Rests[Heap](_MOST_SECONDS, clock)

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
        """Subscriptions put right; False if some are missing."""
        await self._care.once()
        states = self._care.states
        telling = {table for table, state in states.items() if state is State.ACTIVE} - self._watched
        self._rounds.telling((Side.BC, table) for table in telling)
        return State.MISSING not in states.values()

    async def heed(self) -> None:
        """Looks where notices point. They stay until that is done; those that have to wait keep no others waiting."""
        heaps: defaultdict[Heap, list[Numbered]] = defaultdict(list)
        for numbered in await self._noted():
            heaps[numbered[0].table, numbered[0].told].append(numbered)
        for heap, noted in heaps.items():
            if await self._looked(heap, [notice.record for notice, _ in noted]):
                await self._left.done(noted)

    async def _noted(self) -> Sequence[Numbered]:
        resting = self._rests.resting()
        found = await self._left.noted(resting)
        paused = await self._paused() if found else ()
        if not any(notice.table in paused for notice, _ in found):
            return found
        return await self._left.noted([*resting, *((table, told) for table in paused for told in Told)])

    async def _looked(self, heap: Heap, records: Sequence[str]) -> bool:
        """False if it has to be tried again, later each time. What the side refuses for good is let go."""
        table = heap[0]
        try:
            await self._look(heap, records)
        except CoupledError as error:
            if isinstance(error, ApiError) and not error.transient:
                _log.warning("notice_not_heeded", table=table, error=str(error))
            else:
                held = isinstance(error, ConfigurationError)
                first = self._rests.failed(heap, _HELD_SECONDS if held else _AWAY_SECONDS)
                if first or held:
                    _log.warning("notices_wait", table=table, error=str(error))
                return False
        self._rests.went(heap)
        return True

    async def _look(self, heap: Heap, records: Sequence[str]) -> None:
        table, told = heap
        if told is not Told.DELETED:
            self._rounds.wake((Side.BC, table))
        deletions = self._deletions.get(table)
        if deletions is None:
            return  # it is no longer mapped
        if told is Told.DELETED:
            await deletions.told(records)
        elif told is Told.ALL:
            await deletions.once()

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
    """Every captured table of Business Central that a live mapping reads, told of at `url`."""
    mappings, left = parts.mappings, parts.store.webhooks
    reading = [mappings.reading(side, name) for side, name in mappings.captured() if side is Side.BC]
    tables = [some[0].bc for some in reading if any(mapping.live for mapping in some)]
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
    paused = partial(parts.paused_tables, Side.BC)
    return Webhooks(care, left, rounds, deletions, {currencies.TABLE}, paused)
