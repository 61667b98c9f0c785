"""The thin seam to Faust: topics in, batches out. No rule and no I/O of ours knows Faust (DESIGN 2, anchors 0 and D).

Safe use: `concurrency=1`, nothing is raised out of an agent (Faust would acknowledge and drop the message), JSON is
decoded by us, no Faust tables, at-least-once with our own record of what was applied.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import faust
import structlog
from faust.auth import SASLCredentials, SSLCredentials
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver

from consumers.synchronise import Message
from daemon.settings import Batch, Kafka
from daemon.takes import portions, whole
from daemon.tracing import HEADER

_log = structlog.get_logger(__name__)
Handler = Callable[[str, Sequence[Message]], Awaitable[None]]
# Told of a topic whose batch cannot be done now, and why; and (None) when it could.
Trouble = Callable[[str, str | None], None]
_RETRY_SECONDS = 2.0
_DRAIN_SECONDS = 20.0
# After a kill another worker takes over once this is through; brokers refuse less than 6 s unless told otherwise.
_SESSION_SECONDS = 10.0


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    def _create_worker_consumer(self, transport: Any) -> Any:
        """Faust waits up to 1.5 s per fetch; the embedded broker answers only when that is over."""
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = 100
        return consumer


class _Consumer(driver.Consumer):  # type: ignore[misc]
    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):  # type: ignore[misc]
    Consumer = _Consumer


class _NoTables(TableManager):  # type: ignore[misc]
    async def sleep(self, seconds: float) -> None:
        """Before it joins the group Faust waits a second for tables that may yet be declared: we have none."""


class _App(faust.App):  # type: ignore[misc]
    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self, loop=self.loop)

    def _create_directories(self) -> None:
        """No Faust tables, so no folder for them in whatever directory we were started from."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where Kafka is, and whether it is the embedded broker (which wants a short session to join a group at once)."""

    kafka: Kafka
    bootstrap: str

    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"broker": [f"kafka://{server}" for server in self.bootstrap.split(",")]}
        # Tansu makes a first join wait half the session timeout, and forgets members only after twice of it.
        session = self.kafka.session_seconds or (2.0 if self.kafka.embedded else _SESSION_SECONDS)
        options |= {"broker_session_timeout": session, "broker_heartbeat_interval": session / 4}
        context = self.kafka.context() if self.kafka.tls else None
        if self.kafka.sasl:
            options["broker_credentials"] = SASLCredentials(
                username=self.kafka.sasl_username,
                password=self.kafka.password().get_secret_value(),
                mechanism=self.kafka.sasl_mechanism,
                ssl_context=context,
            )
        elif context:
            options["broker_credentials"] = SSLCredentials(context)
        return options


class Streams:
    """One Faust app in our own event loop: an agent per topic, each handing over batches one after the other."""

    def __init__(
        self,
        group: str,
        cluster: Cluster,
        batch: Batch,
        drain_seconds: float = _DRAIN_SECONDS,
        trouble: Trouble = lambda topic, reason: None,
    ) -> None:
        self._app = _App(
            group,
            **cluster.options(),
            loop=asyncio.get_running_loop(),
            store="memory://",
            web_enabled=False,
            topic_disable_leader=True,
            TableManager=_NoTables,
            processing_guarantee="at_least_once",
            broker_commit_interval=1.0,
            stream_wait_empty=False,
            # Of each topic, a batch is fetched ahead: the rest of a backlog waits in Kafka, not in memory.
            stream_buffer_maxsize=batch.size,
        )
        self._batch = batch
        self._leading: str | None = None
        self._drain_seconds = drain_seconds
        self._trouble = trouble
        self._stopping = False
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def handle(self, topic: str, partitions: int, handler: Handler) -> None:
        """Every message of `topic` is handed to `handler`, again and again until it returns without an error."""
        source = self._app.topic(
            topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", partitions=partitions
        )

        async def agent(stream: Any) -> None:
            takes = stream.take_events(self._batch.size, within=self._batch.seconds / 2)
            async for events in whole(takes, self._batch.size, self._batch.seconds, _hold):
                await self._hand_over(topic, handler, [_message(event) for event in events])
                for event in events:
                    event.ack()

        self._app.agent(source, name=f"{topic}-agent", concurrency=1)(agent)

    async def _hand_over(self, topic: str, handler: Handler, messages: Sequence[Message]) -> None:
        if self._stopping:
            await asyncio.Event().wait()  # until cancelled: what is taken while stopping stays unacknowledged
        self._busy += 1
        self._idle.clear()
        try:
            for portion in portions(messages):
                await self._until_done(topic, handler, portion)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _until_done(self, topic: str, handler: Handler, messages: Sequence[Message]) -> None:
        """Nothing may leave an agent: what goes wrong outside a record (store, Kafka) is tried again (promise 1)."""
        failing = False
        while True:
            try:
                await handler(topic, messages)
            except Exception as error:
                if not failing:
                    _log.exception("batch_failed", topic=topic, messages=len(messages), error=str(error))
                failing = True
                self._trouble(topic, str(error) or type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                if failing:
                    _log.info("batch_recovered", topic=topic)
                    self._trouble(topic, None)
                return

    def lead_by(self, topic: str) -> None:
        """The worker that owns this one-partition topic is the leader: one at a time, re-elected by Kafka itself."""
        self._leading = topic

    def is_leader(self) -> bool:
        consumer = getattr(self._app, "consumer", None)
        return any(tp.topic == self._leading for tp in consumer.assignment()) if consumer else False

    async def start(self) -> None:
        """Returns when the group is joined."""
        await self._app.start()

    async def stop(self) -> None:
        """Finishes the batches at hand (those that take long are delivered again), commits, leaves the group."""
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                await self._idle.wait()
        await self._app.stop()

    def crashed(self) -> BaseException | None:
        reason: BaseException | None = self._app.crash_reason
        return reason


def _hold(event: Any) -> None:
    """Faust acknowledges what it handed over even when it stops us in the middle: only a reference of our own keeps an
    unfinished batch unacknowledged, so that it is delivered again (promise 1)."""
    event.message.incref()


def _message(event: Any) -> Message:
    message = event.message
    trace = next((value for name, value in message.headers or () if name == HEADER), b"")
    return Message(message.partition, message.offset, message.key, message.value, trace.decode("ascii", "ignore"))
