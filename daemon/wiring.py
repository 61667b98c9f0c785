"""The parts between the topics and both sides, wired: everything of the daemon but Kafka's groups and the waiting.

`daemon/service.py` runs them for good; a test may run them step by step, in a time of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from consumers.control import Control, Stored
from consumers.lost import Lateness
from consumers.missed import Missed
from consumers.odata import Watch, unwatched
from consumers.pairing import Pairing
from consumers.patience import Patience
from consumers.push import Push
from consumers.synchronise import Message, Synchronise
from daemon.sides import Sides
from daemon.store.coupled import coupled_ids
from daemon.store.ended import TOLD
from daemon.store.engine import Store, utc_now
from daemon.store.tidying import tidy
from daemon.works import StoredWorks
from producers import ports
from producers.capture import Capture
from producers.current import Current
from producers.deletions import Deletions
from producers.retry import Retry
from producers.runner import Pace, Runner
from schemas.change import Change
from schemas.command import Command, unreadable
from schemas.command_outcome import CommandOutcome
from schemas.mapping import Mappings, Table, TableMapping
from schemas.outcome import Settled
from schemas.side import Side
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


class Log(ports.Log, Protocol):
    """All that is put on topics. Unreachable if Kafka does not acknowledge in time."""

    async def announce(self, outcome: CommandOutcome) -> None:
        """What became of a command, on the outcomes topic, keyed by the command's id."""

    async def submit(self, command: Command) -> None:
        """A command, on the control topic, keyed by its id."""

    async def dead_letter(self, topic: str, message: Message, reason: str) -> None:
        """Keeps a message nobody can read, byte for byte, with where it came from and why."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from, so that tests need not wait."""

    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    def now_ms(self) -> int:
        return int(self.now().timestamp() * 1000)


@dataclass(frozen=True)
class Parts:
    """What they share. `log_ids` names the log behind every table topic: it changes when the topic is made anew."""

    mappings: Mappings
    store: Store
    sides: Sides
    log: Log
    topics: Topics
    log_ids: Mapping[str, str]
    clock: Clock
    lateness: Lateness = field(default_factory=Lateness)

    def synchronise(self, observe: Callable[[Sequence[Settled]], None], watch: Watch = unwatched) -> Synchronise:
        patience, memory = Patience(), self.store.memory
        sleep, now, late = self.clock.sleep, self.clock.now, self.lateness
        targets = {side: self.sides.target(side, watch) for side in Side}
        pushes = {side: Push(targets[side], memory, side, sleep, patience, now, late) for side in Side}
        records = {side: self.sides.records(side) for side in Side}
        return Synchronise(self.mappings, memory, pushes, observe, self._publish, records)

    def control(self, woken: Callable[[], None]) -> Control:
        records = {side: self.sides.records(side) for side in Side}
        return Control(
            mappings=self.mappings,
            stored=Stored(self.store.commands, self.store.jobs, self.store.states, self.store.retries),
            pairs=Pairing(self.mappings, self.store.memory, records, self._publish, self.clock.now_ms),
            only_coupled=self._only_coupled,
            announce=self.announce,
            now=self.clock.now,
            woken=woken,
        )

    def missed(self, woken: Callable[[], None]) -> Missed:
        return Missed(self.mappings, self.store.states, self.store.jobs, self.clock.now, woken)

    async def _publish(self, changes: Sequence[Change]) -> None:
        """Records of one table onto its topic."""
        topic = self.topics.table(changes[0].side, changes[0].table)
        await self.log.publish(topic, changes, packed=False)

    async def _only_coupled(self) -> dict[str, bool]:
        flags = await self.store.memory.flags(self.mappings.all)
        return {name: flag.only_coupled for name, flag in flags.items()}

    async def announce(self, outcome: CommandOutcome) -> None:
        """Its state is noted first, so that nothing is done again because nobody was told of it; then it is told, and
        that it was. A crash before that repeats the telling, with the same content (promise 8)."""
        await self.store.commands.update(outcome.id, outcome.state, error=outcome.error)
        await self.log.announce(outcome)
        await self.store.commands.announced(outcome.id, outcome.state)

    def capture(self, side: Side, table: str) -> Capture:
        topic, source = self.topics.table(side, table), self.sides.source(side, table)
        followed = [one for one in self.deletions() if (one.table.side, one.table.name) == (side, table)]
        deleted = followed[0].once if followed else None
        return Capture(source, topic, self.log, self.log_ids[topic], self.store.positions, deleted)

    async def unwanted(self, side: Side, table: str) -> bool:
        """Nobody wants the table's changes now: its mappings are paused, or without live changes."""
        return not await self._at_work(self.mappings.reading(side, table))

    async def _at_work(self, mappings: Sequence[TableMapping]) -> list[str]:
        """Those whose changes are carried as they happen."""
        flags = await self.store.memory.flags([mapping for mapping in mappings if mapping.live])
        return [name for name, flag in flags.items() if not flag.paused]

    async def paused_tables(self, side: Side) -> Collection[str]:
        """Those whose changes nobody wants now."""
        captured = [name for at, name in self.mappings.captured() if at is side]
        return [name for name in captured if await self.unwanted(side, name)]

    def runner(self, pace: Pace) -> Runner:
        works = StoredWorks(self.sides, self.topics, self.log, self.log_ids, self.store, self.clock.now)
        jobs, states = self.store.jobs, self.store.states
        return Runner(self.mappings, jobs, states, works, self.announce, self.clock.now, pace)

    def retry(self) -> Retry:
        records = {side: Current(side, self.sides.reader(side)) for side in Side}
        return Retry(self.mappings, self.store.retries, records, self.log, self.topics, self.clock.now, self._through)

    async def _through(self, published: ports.Published) -> bool:
        applied = await self.store.memory.applied(published.topic, self.log_ids[published.topic])
        return all(applied.offsets.get(number, -1) >= offset for number, offset in published.offsets.items())

    def deletions(self) -> list[Deletions]:
        """One for each table whose deletions are carried."""
        tables = [self.mappings.of(side, name)[0].table(side) for side, name in self.mappings.followed()]
        topic, ids = self.topics.table, self.sides.ids
        return [
            Deletions(one, topic(one.side, one.name), ids(one), self, self.log, self.clock.now_ms) for one in tables
        ]

    async def coupled_ids(self, table: Table) -> AsyncIterator[Sequence[str]]:
        at_work = await self._at_work(self.mappings.of(table.side, table.name))
        async for found in coupled_ids(self.store.database, at_work, table.side):
            yield found

    async def tidy(self, keep_days: int) -> int:
        """Old runs leave the store; how many."""
        now = self.clock.now()
        return await tidy(self.store.database, now - timedelta(days=keep_days), now - TOLD)

    async def changes(self, synchronise: Synchronise, topic: str, messages: Sequence[Message]) -> None:
        """A batch of a table topic; what nobody can read is kept aside."""
        for message, reason in await synchronise.batch(topic, self.log_ids[topic], messages):
            await self._dead(topic, message, reason)

    async def commands(self, control: Control, topic: str, messages: Sequence[Message]) -> None:
        """A batch of the control topic. What is no command at all is refused, and kept aside too: nobody knows the id
        under which it is answered."""
        for message in messages:
            await control.take(message.value, f"{topic}-{message.partition}-{message.offset}")
            if reason := unreadable(message.value):
                await self._dead(topic, message, reason)

    async def _dead(self, topic: str, message: Message, reason: str) -> None:
        _log.error("message_unreadable", topic=topic, partition=message.partition, offset=message.offset)
        await self.log.dead_letter(topic, message, reason)
        await self.store.unreadable.note(topic, message.partition, message.offset)

    async def recover(self, control: Control) -> None:
        """Commands accepted before a crash take effect now; what was not announced is."""
        unfinished = [*await self.store.commands.pending(), *await self.store.commands.unannounced()]
        for command_id in dict.fromkeys(logged.id for logged in unfinished):
            try:
                await control.again(command_id)
            except Exception:  # one old command must not keep the daemon from starting
                _log.exception("command_not_recovered", command=command_id)
