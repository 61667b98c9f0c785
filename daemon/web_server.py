"""The web server of a running daemon: the console, the JSON API, metrics and probes, on one port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from importlib.metadata import version

import structlog
import uvicorn

from daemon.checkup.now import check_now
from daemon.explaining import Explainer
from daemon.letters import Letters
from daemon.metrics import Metrics, Standing
from daemon.service import Daemon
from daemon.settings import Web
from daemon.store.engine import utc_now
from daemon.supervision import every
from daemon.web.access import Access
from daemon.web.app import create_app
from daemon.web.from_store import StoreReader
from daemon.web.ports import Services
from daemon.web_desk import LetterBox
from schemas.errors import ConfigurationError, CoupledError
from schemas.side import Side

_log = structlog.get_logger(__name__)
_FIGURES_SECONDS = 2.0
# What is asked when we stop is still answered, but a client that never finishes must not hold the stop up.
_LAST_REQUESTS_SECONDS = 3


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's: it drains first, then stops the server."""
        yield


@contextlib.asynccontextmanager
async def web_server(daemon: Daemon) -> AsyncIterator[str]:
    """The address it listens at. ConfigurationError if the port is taken."""
    web = daemon.settings.web
    listener = _listen(web)
    reader = StoreReader(daemon.parts.store, daemon.parts.mappings, daemon.reachable.sides)
    services = Services(
        reader=reader,
        metrics=daemon.metrics,
        submit=daemon.parts.log.submit,
        unready=daemon.health.unready,
        started=utc_now(),
        stalled=daemon.health.stalled,
        summary=_summary(daemon),
        access=Access.of(web),
        version=version("coupled"),
        notified=daemon.webhooks.received if daemon.webhooks else None,
        tail=daemon.tail,
        explain=Explainer(daemon.parts.sides, daemon.parts.store).explain,
        letters=LetterBox(Letters(daemon.settings.kafka, daemon.bootstrap, daemon.parts.topics)),
        check=partial(check_now, daemon.settings, daemon.file),
    )
    app = create_app(services)
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    refresh = partial(_refresh, daemon.metrics, reader, daemon)
    figures = asyncio.create_task(every(_FIGURES_SECONDS, refresh))
    daemon.listening.set()
    host = "127.0.0.1" if web.host in {"0.0.0.0", "::"} else web.host  # noqa: S104 — told, not bound
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        figures.cancel()
        server.should_exit = True
        await asyncio.gather(serving, figures, return_exceptions=True)


def _listen(web: Web) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        return socket.create_server((web.host, web.port), family=family, backlog=128)
    except OSError as error:
        raise ConfigurationError(
            "web-port-taken",
            f"The console cannot listen at {web.host}:{web.port}: {error.strerror}.",
            "Set another web.port in coupled.yaml (0: any free one), or stop what listens there.",
        ) from error


def _summary(daemon: Daemon) -> dict[str, str]:
    """What the console says of the configuration; no secrets (promise 10)."""
    settings = daemon.settings
    return {
        "Business Central": f"{settings.business_central.url}, company {settings.business_central.company}",
        "Sales": settings.sales.url,
        "Kafka": settings.kafka.bootstrap_servers,
        "Store": settings.store.shown,
        "Mappings": daemon.parts.mappings.source,
        "Capture": f"every {settings.capture.poll_seconds:g} s",
        "Webhooks": settings.business_central.webhooks.receiver or "off",
    }


async def _refresh(metrics: Metrics, reader: StoreReader, daemon: Daemon) -> None:
    """Keeps the gauges true, whoever scrapes them."""
    try:
        metrics.stand(_standing(daemon))  # first: while the store is away, ages go on growing
        metrics.refresh(await reader.figures(await _in_flight(daemon)))
    except CoupledError:
        pass  # the store is away, which its watch tells
    except Exception:
        _log.exception("figures_failed")


def _standing(daemon: Daemon) -> Standing:
    """The stored position stands still while nothing changes: what counts is when a table was last looked at."""
    subscriptions = {(table, state.value): 1 for table, state in daemon.subscriptions().items()}
    return Standing(not daemon.health.reasons, daemon.streams.is_leader(), daemon.health.ages(), subscriptions)


async def _in_flight(daemon: Daemon) -> dict[str, int]:
    """Records published and not applied yet, by topic; the store tells, since the embedded broker cannot (DESIGN 7)."""
    lag = dict.fromkeys(daemon.parts.log_ids, 0)
    for position in await daemon.parts.store.views.positions():
        kind, _, rest = position.name.partition(":")
        side, _, table = rest.partition(":")
        if kind == "live" and table:
            lag[daemon.parts.topics.table(Side(side), table)] = position.records_in_flight
    return lag
