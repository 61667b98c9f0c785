"""The daemon's life: started in order, at work until told to stop, drained, stopped in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from consumers.lost import Lateness
from daemon import preflight
from daemon.governor import Hooks
from daemon.health import Health
from daemon.kafka import KafkaLog, ensure_topics
from daemon.log_watch import Eyes, LogWatch
from daemon.mapping_changes import tell_changes
from daemon.metrics import Metrics
from daemon.rounds import Rounds
from daemon.service import Daemon
from daemon.settings import Settings
from daemon.sides import Sides, sessions
from daemon.store.engine import Store, open_store, utc_now
from daemon.streams import Cluster, Streams
from daemon.supervision import supervised
from daemon.tracing import Traces, traces_of
from daemon.webhooks import webhooks_of
from daemon.wiring import Clock, Parts
from producers.watermark import Overlap
from schemas.mapping_file import MappingsFile
from schemas.side import Side
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def running(settings: Settings, file: MappingsFile, bootstrap: str, log_id: str | None) -> AsyncIterator[Daemon]:
    """A daemon at work. CoupledError if it cannot start. `log_id` names the embedded broker's log, new each start."""
    async with contextlib.AsyncExitStack() as stack:
        daemon = await _Start(stack, settings, file, bootstrap, log_id).wired()
        await _at_work(stack, daemon)
        yield daemon
        _log.info("daemon_stopping")


@dataclass(frozen=True)
class _Start:
    """Opens what a daemon needs; the stack closes it in reverse."""

    stack: contextlib.AsyncExitStack
    settings: Settings
    file: MappingsFile
    bootstrap: str
    log_id: str | None
    clock: Clock = field(default_factory=Clock)

    async def wired(self) -> Daemon:
        settings, metrics, health, another = self.settings, Metrics(), Health(), asyncio.Event()
        traces = traces_of(settings.tracing, self.clock.now_ms)
        self.stack.push_async_callback(traces.close)
        store = await self._store()
        sides = await self._sides(_hooks(metrics, traces))
        tell_changes(await store.definitions.run_with(sides.mappings.definitions, utc_now()))
        parts = await self._parts(store, sides, traces)
        cluster = Cluster(settings.kafka, self.bootstrap)
        rounds = Rounds(settings.capture.poll_seconds, settings.capture.webhook_poll_seconds)
        receiver = settings.business_central.webhooks.receiver
        return Daemon(
            settings=settings,
            parts=parts,
            streams=Streams(settings.kafka.topic_prefix, cluster, settings.batch, trouble=health.stuck),
            metrics=metrics,
            health=health,
            rounds=rounds,
            bootstrap=self.bootstrap,
            file=self.file,
            webhooks=webhooks_of(parts, rounds, receiver) if receiver else None,
            traces=traces,
            another_log=another,
            watch=await self._watch(parts, health, another),
        )

    async def _store(self) -> Store:
        store = await open_store(self.settings.store.address().get_secret_value())
        self.stack.push_async_callback(store.close)
        return store

    async def _sides(self, hooks: Hooks) -> Sides:
        clients = await self.stack.enter_async_context(sessions(self.settings, hooks))
        company = await preflight.connect(clients, self.settings.business_central.company)
        mappings = await preflight.usable(clients, company, self.file)
        return Sides(clients, company, mappings, Overlap(self.settings.capture.overlap_seconds), self.clock.now_ms)

    async def _parts(self, store: Store, sides: Sides, traces: Traces) -> Parts:
        kafka, topics = self.settings.kafka, Topics(self.settings.kafka.topic_prefix)
        tables = [topics.table(side, table) for side, table in sides.mappings.followed()]
        found = await asyncio.to_thread(ensure_topics, kafka, self.bootstrap, topics, tables)
        log_ids = dict.fromkeys(tables, self.log_id) if self.log_id else found
        log = await asyncio.to_thread(KafkaLog, kafka, self.bootstrap, topics, traces)
        self.stack.push_async_callback(log.close)
        late = Lateness(timedelta(seconds=self.settings.business_central.late_seconds))
        return Parts(sides.mappings, store, sides, log, topics, log_ids, self.clock, late)

    async def _watch(self, parts: Parts, health: Health, another: asyncio.Event) -> LogWatch | None:
        if self.log_id:  # the embedded broker's log ends with the daemon
            return None
        topics = parts.topics
        watched = [*parts.log_ids, topics.control, topics.outcomes, topics.dead_letters]
        eyes = Eyes(self.settings.kafka, self.bootstrap, watched)
        self.stack.push_async_callback(eyes.close)
        watch = LogWatch(eyes.look, watched, parts.log_ids, health, parts.store.positions.gone, another.set)
        await watch.once()
        return watch


def _hooks(metrics: Metrics, traces: Traces) -> Hooks:
    def observe(side: Side, operation: str, status: int, seconds: float) -> None:
        metrics.request(side, operation, status, seconds)
        traces.answered(side, operation, status, seconds)

    return Hooks(observe, metrics.throttled, metrics.counted)


async def _at_work(stack: contextlib.AsyncExitStack, daemon: Daemon) -> None:
    parts, health = daemon.parts, daemon.health
    daemon.metrics.expect((one.name, way) for one in parts.mappings.all for way in one.direction.one_ways)
    daemon.wire()
    await daemon.recover()
    await daemon.streams.start()
    stack.push_async_callback(daemon.streams.stop)
    health.tasks += [asyncio.create_task(supervised(name, work), name=name) for name, work in daemon.work().items()]
    stack.push_async_callback(_cancel, health.tasks)
    health.up("daemon")
    mappings, company = len(parts.mappings.all), parts.sides.company
    _log.info("daemon_started", mappings=mappings, company=company, started=f"{utc_now():%FT%TZ}")


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
