"""What the daemon is made of, and all that it does for good; `daemon.starting` begins and ends it."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import structlog

from consumers.control import Control
from daemon.alerts.channels import channels_of
from daemon.alerts.lookout import Lookout
from daemon.alerts.notifier import Notifier
from daemon.capturing import Capturing
from daemon.health import Health
from daemon.log_watch import LogWatch
from daemon.metrics import Metrics
from daemon.reachable import TELLING, Reachable, reachable_of
from daemon.rounds import Rounds
from daemon.settings import Settings
from daemon.store.engine import utc_now
from daemon.store_watch import StoreWatch
from daemon.streams import Streams
from daemon.supervision import Works, every
from daemon.tail import Tail
from daemon.tracing import NoTraces, Traces
from daemon.webhooks import Webhooks
from daemon.wiring import Parts
from producers.deletions import Deletions
from producers.runner import Pace, run_forever
from producers.subscriptions import State
from schemas.errors import CoupledError
from schemas.mapping_file import MappingsFile
from schemas.outcome import Settled
from schemas.side import Side

_log = structlog.get_logger(__name__)
_MAX_BACKOFF = 60.0


@dataclass(frozen=True)
class Daemon:
    """Everything that runs, wired. Made by `daemon.starting.running`, which also takes it down."""

    settings: Settings
    parts: Parts
    streams: Streams
    metrics: Metrics
    health: Health
    rounds: Rounds
    # Where Kafka is, and the mappings file as it was read at the start.
    bootstrap: str
    file: MappingsFile
    webhooks: Webhooks | None = None
    traces: Traces = field(default_factory=NoTraces)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    applied: asyncio.Event = field(default_factory=asyncio.Event)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    # A topic is not the one it was: everything is to begin anew.
    another_log: asyncio.Event = field(default_factory=asyncio.Event)
    watch: LogWatch | None = None
    tail: Tail = field(default_factory=lambda: Tail(uuid.uuid4().hex))

    def wire(self) -> None:
        """An agent per table topic and one for commands; the worker that has the control topic leads."""
        parts, synchronise = self.parts, self.parts.synchronise(self._settled, self.traces.pushing)
        for topic in parts.log_ids:
            self.streams.handle(topic, self.settings.kafka.partitions, partial(parts.changes, synchronise))
        self.streams.handle(parts.topics.control, 1, partial(parts.commands, self._control()))
        self.streams.lead_by(parts.topics.control)

    def state(self) -> str:
        """How things stand, in one line: what is not ready and why, or that all is well."""
        reasons = [f"{name}: {reason}" for name, reason in self.health.reasons.items()]
        leads = "leads" if self.streams.is_leader() else "follows"
        return f"At work on {len(self.parts.mappings.all)} mappings, {leads}. {'; '.join(reasons)}"

    async def recover(self) -> None:
        await self.parts.recover(self._control())

    def _control(self) -> Control:
        return self.parts.control(self.woken.set)

    def _settled(self, settled: Sequence[Settled]) -> None:
        now_ms = self.parts.clock.now_ms()
        self.metrics.record(settled, now_ms)
        self.tail.add(settled, now_ms)
        self.traces.settled(settled, now_ms)
        self.applied.set()

    def work(self) -> Works:
        """What runs beside the agents: capture of every table, and the runner of synchronisation runs."""
        captured = self.parts.mappings.captured()
        captures = {f"capture {side.value} {table}": self._capture(side, table).forever for side, table in captured}
        looks: Works = {"deletions": self._deletions} if self.settings.capture.deletions_minutes else {}
        return {
            **captures,
            **looks,
            **self._webhook_work(),
            "alerts": self._alerts(),
            **({"log watch": self.watch.forever} if self.watch else {}),
            "runner": self._run,
            "retry": self._retry,
            "missed changes": self._missed,
            "tidying": self._tidy,
            "sides": self._sides,
            "store": StoreWatch(self.parts.store.database.usable, self.health).forever,
        }

    def _webhook_work(self) -> Works:
        if self.webhooks is None:
            return {}
        leads = self.streams.is_leader
        return {
            "webhook subscriptions": partial(self.webhooks.caring, leads, self.listening),
            "webhook notices": partial(self.webhooks.heeding, leads),
        }

    def _alerts(self) -> Callable[[], Awaitable[None]]:
        """Also where nobody is notified: the consoles tell of them."""
        parts, ways = self.parts, channels_of(self.settings)
        lookout = Lookout(parts.store, parts.mappings, self.metrics, self.health, self.subscriptions)
        return Notifier(ways, lookout.sight, parts.store.notified, parts.store.looks, self.streams.is_leader).forever

    def subscriptions(self) -> Mapping[str, State]:
        """The state of each table's webhooks; told by the leader only."""
        return self.webhooks.states() if self.webhooks and self.streams.is_leader() else {}

    @cached_property
    def reachable(self) -> Reachable:
        return reachable_of(self.settings, self.health, self.subscriptions, self.parts.store.sides, utc_now)

    def _capture(self, side: Side, table: str) -> Capturing:
        return Capturing(
            self.parts.capture(side, table),
            (side, table),
            self.rounds,
            self.health,
            leads=self.streams.is_leader,
            paused=partial(self.parts.unwanted, side, table),
            seconds=self.settings.capture.poll_seconds,
        )

    async def _deletions(self) -> None:
        """A round through all tables as soon as this worker leads, and then as often as the settings say."""
        tables = self.parts.deletions()
        while True:
            if not self.streams.is_leader():
                for table in tables:
                    self.health.up(table.name)  # it is another worker's to tell
                await asyncio.sleep(1.0)
                continue
            for table in tables:
                await self._looked_through(table)
            await asyncio.sleep(self.settings.capture.deletions_minutes * 60)

    async def _looked_through(self, table: Deletions) -> None:
        """Begun anew until it is through, since a side may be away, which capture tells; what it refuses for good waits
        for the next round."""
        backoff = self.settings.capture.poll_seconds
        while self.streams.is_leader():
            try:
                await table.once()
            except CoupledError as error:
                if error.for_good:
                    _log.warning("deletions_not_looked_for", table=table.name, error=str(error))
                    self.health.down(table.name, str(error))
                    return
            else:
                self.health.up(table.name)
                return
            backoff = min(backoff * 2, _MAX_BACKOFF)
            await asyncio.sleep(backoff)

    async def _run(self) -> None:
        pace = Pace(
            self.streams.is_leader, self._applied_soon, lambda tries: asyncio.sleep(min(2.0**tries, _MAX_BACKOFF))
        )
        await run_forever(self.parts.runner(pace), self.woken, self.streams.is_leader, idle=1.0)

    async def _retry(self) -> None:
        """Failed records whose time has come go on their topics again, about every second."""
        await every(1.0, partial(self._leading, self.parts.retry().once))

    async def _missed(self) -> None:
        """What a batch at hand let go by as its mapping's pause ended, every few seconds."""
        await every(5.0, partial(self._leading, self.parts.missed(self.woken.set).once))

    async def _tidy(self) -> None:
        """Every hour."""
        await every(3600, partial(self._leading, partial(self.parts.tidy, self.settings.store.keep_days)))

    async def _sides(self) -> None:
        """How this worker finds the sides it reads, for the consoles of the others."""
        await every(TELLING, partial(self._leading, self.reachable.tell))

    async def _leading(self, once: Callable[[], Awaitable[object]]) -> None:
        """Only while this worker leads; that a side, Kafka or the store is away, others tell, and it is tried again."""
        if self.streams.is_leader():
            with contextlib.suppress(CoupledError):
                await once()

    async def _applied_soon(self) -> None:
        """Until this worker has applied something, or a moment, since another worker may have."""
        self.applied.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.25):
                await self.applied.wait()
