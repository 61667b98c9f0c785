"""`coupled run`: the broker if it is embedded, the daemon, the web server; until told to stop, or something dies."""

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from daemon.broker import BrokerError, EmbeddedBroker, remove_runtime, runtime_file, write_runtime
from daemon.notify import manager_of, told
from daemon.service import Daemon
from daemon.settings import Settings
from daemon.starting import running
from daemon.web_server import web_server
from schemas.errors import Unreachable
from schemas.mapping_file import MappingsFile

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, mappings: MappingsFile, stop: asyncio.Event) -> None:
    """Works until `stop`, then drains. CoupledError if it cannot start, or if the broker or the streams die.

    When a topic is not the one it was, everything begins anew, as at a start.
    """
    async with _broker(settings) as broker:
        while not stop.is_set():
            await _life(settings, mappings, stop, broker)


async def _life(settings: Settings, mappings: MappingsFile, stop: asyncio.Event, broker: EmbeddedBroker | None) -> None:
    manager = manager_of(os.environ)
    manager.tell(STATUS="Starting.")
    async with contextlib.AsyncExitStack() as stack:
        bootstrap = broker.bootstrap if broker else settings.kafka.bootstrap_servers
        log_id = uuid.uuid4().hex if broker else None
        daemon = await stack.enter_async_context(running(settings, mappings, bootstrap, log_id))
        web = await stack.enter_async_context(web_server(daemon))
        note = runtime_file(settings.store.url.get_secret_value())
        write_runtime(note, {"bootstrap": bootstrap, "pid": os.getpid(), "web": web})
        stack.callback(remove_runtime, note)
        _log.info("console", url=web)
        await stack.enter_async_context(told(manager, daemon.health.stalled, daemon.state))
        await _until(stop, daemon, broker)


@contextlib.asynccontextmanager
async def _broker(settings: Settings) -> AsyncIterator[EmbeddedBroker | None]:
    if not settings.kafka.embedded:
        yield None
        return
    try:
        async with EmbeddedBroker(log=_broker_log(settings)) as broker:
            yield broker
    except BrokerError as error:
        raise Unreachable("broker-failed", str(error), "") from error


def _broker_log(settings: Settings) -> Path:
    return runtime_file(settings.store.url.get_secret_value()).with_suffix(".broker.log")


async def _until(stop: asyncio.Event, daemon: Daemon, broker: EmbeddedBroker | None) -> None:
    while not (stop.is_set() or daemon.another_log.is_set()):
        if broker and not broker.alive:
            raise Unreachable(
                "broker-died", "The embedded broker has ended.", "Start `coupled run` again: nothing is lost."
            )
        crash = daemon.streams.crashed()
        if crash is not None:
            raise Unreachable("streams-died", f"Reading from Kafka has ended: {crash}", "Start `coupled run` again.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await stop.wait()
