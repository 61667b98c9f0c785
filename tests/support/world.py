"""A whole world for flow and end-to-end tests: both systems, a broker, a store, and a daemon between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from daemon.broker import read_runtime, runtime_file
from daemon.cli.options import read_mappings
from daemon.config import load
from daemon.serve import serve
from daemon.settings import Settings
from schemas.errors import CoupledError
from tests.support.commands import Commands
from tests.support.equality import differences, numbers
from tests.support.in_process import Systems
from tests.support.records import Record, Records
from tests.support.simulators import CLIENT, SECRET, TENANT, Side, Simulators
from tests.support.waiting import wait_until

EMBEDDED = "embedded"
CAPTURED = frozenset(
    [f"bc:{name}" for name in ("currencies", "unitsOfMeasure", "customers", "contacts", "items", "resources")]
    + [f"sales:{name}" for name in ("systemusers", "accounts", "contacts", "products")]
)
SINGULAR = {"accounts": "account", "contacts": "contact", "products": "product"}
_START_SECONDS = 60
_TEXT = """business_central:
  url: {bc}
  company: CRONUS
  auth: {{tenant: {tenant}, client_id: {client}, client_secret_file: {secret}, token_url: "{bc_token}"}}
  webhooks: {{public_url: {public_url}}}
  late_seconds: {late}
sales:
  url: {sales}
  auth: {{tenant: {tenant}, client_id: {client}, client_secret_file: {secret}, token_url: "{sales_token}"}}
kafka: {{bootstrap_servers: "{bootstrap}", topic_prefix: {prefix}, partitions: 2, session_seconds: {session}{guarded}}}
store: {{url: "{store}"}}
capture: {{poll_seconds: {poll}, webhook_poll_seconds: {seldom}, deletions_minutes: {deletions}}}
web: {{host: 127.0.0.1, port: {port}}}
mappings: {mappings}
"""


class World:
    """Both systems and a coupled.yaml between them. `bootstrap` is `embedded` or the address of a broker; `user` is who
    makes and looks at records in either system, the daemon's own unless another is named.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str = EMBEDDED,
        store: str = "",
        customers: int = 9,
        poll: float = 1.0,
        systems: Systems = Systems(),  # noqa: B008 — frozen
        user: str = CLIENT,
    ) -> None:
        self.folder = folder
        self.simulators = Simulators(customers, systems=systems, user=user)
        self.bc, self.sales = self.simulators.bc, self.simulators.sales
        self.expected: dict[str, int] = {}
        self.prefix = f"t-{uuid.uuid4().hex[:12]}"
        self.config = folder / "coupled.yaml"
        self.secret = folder / "secret"
        self.secret.write_text(SECRET, encoding="utf-8")
        self._values: dict[str, Any] = {
            "bootstrap": bootstrap,
            "session": 2,
            # More of the part `kafka`, as it stands in YAML.
            "guarded": "",
            "store": store or f"sqlite:///{folder / 'coupled.db'}",
            "poll": poll,
            "seldom": 300,
            "deletions": 60,
            # The simulators carry nothing out later, unless they are told to.
            "late": 0.1,
            "public_url": "null",
            "port": 0,
            "mappings": "standard",
        }
        self.configure()

    def configure(self, **changed: Any) -> Path:
        """Writes coupled.yaml, with other values than before if any are given."""
        self._values |= changed
        places = self.simulators.places
        values: dict[str, Any] = {
            "bc": places.bc_url,
            "sales": places.sales_url,
            "tenant": TENANT,
            "client": CLIENT,
            "secret": self.secret,
            "bc_token": f"{self.bc.host}/{TENANT}/oauth2/v2.0/token",
            "sales_token": f"{self.sales.host}/{TENANT}/oauth2/v2.0/token",
            "prefix": self.prefix,
            **self._values,
        }
        self.config.write_text(_TEXT.format(**values), encoding="utf-8")
        return self.config

    @property
    def settings(self) -> Settings:
        return load(self.config, {})

    def note(self) -> dict[str, Any] | None:
        """What a running daemon says of itself: bootstrap, pid, web."""
        return read_runtime(self.folder / runtime_file(self.settings.store.url.get_secret_value()))

    def commands(self) -> Commands:
        """A sender of commands to the daemon that is running now."""
        note = self.note()
        assert note, "no daemon is running in this world"
        return Commands(str(note["bootstrap"]), self.prefix)

    def command(self, name: str, **fields: Any) -> dict[str, Any]:
        """One command, followed to its end: the last outcome."""
        with self.commands() as commands:
            return commands.run(name, **fields)

    def full_sync(self, answer: str = "restore", **fields: Any) -> dict[str, Any]:
        return self.command("full-sync", answer=answer, **fields)

    def quiet(self, polls: int = 1, tables: frozenset[str] = CAPTURED) -> tuple[int, int]:
        """Waits until neither side has been written to for that many capture polls of every table; marks of both."""
        while True:
            marks = self.marks()
            self.polled(marks, polls, tables)
            if not self.bc.writes(marks[0]) and not self.sales.writes(marks[1]):
                return self.marks()

    def marks(self) -> tuple[int, int]:
        """Where both request logs are now."""
        return self.bc.mark(), self.sales.mark()

    def polled(self, marks: tuple[int, int], polls: int = 2, tables: frozenset[str] = CAPTURED) -> None:
        """Waits until capture has looked at each of these tables that often since the marks (one poll may have begun
        before them)."""
        for side, since in zip((self.bc, self.sales), marks, strict=True):
            names = {name.partition(":")[2] for name in tables if name.startswith(f"{side.name}:")}

            def enough(side: Side = side, since: int = since, names: set[str] = names) -> bool:
                counts = side.polls(since)
                return all(counts[name] > polls for name in names)

            wait_until(enough, 60, f"{polls} polls of {side.name}")

    def differences(self) -> list[str]:
        """In what both systems are not equal; see tests/support/equality.py."""
        return differences(Records(self.simulators), self.expected)

    def cli(self, *words: str) -> Any:
        """What `coupled … --json` prints, whatever its exit code."""
        command = [sys.executable, "-m", "daemon", *words, "--config", str(self.config), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=self.folder, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def pair(self, number: int, bc_set: str, sales_set: str) -> tuple[str, str, Record]:
        """Paths of a record born in Business Central and of its partner, which has its id, and the BC record."""
        there = {row[f"{SINGULAR[sales_set]}id"] for row in self.sales.rows(sales_set)}
        rows = [row for row in self.bc.rows(bc_set) if row["id"] in there]
        found = sorted(rows, key=lambda row: str(row["number"]))[number]
        return f"{bc_set}({found['id']})", f"{sales_set}({found['id']})", found

    def shows(self, side: Side, path: str, timeout: float = 60, **fields: Any) -> None:
        """Waits until the record has these values."""

        def right() -> bool:
            row = side.get(path)
            return all(row.get(name) == value for name, value in fields.items())

        wait_until(right, timeout, f"{fields} in {side.name} {path}")

    @contextlib.contextmanager
    def daemon(self) -> Iterator[DaemonThread]:
        with DaemonThread(self) as running:
            yield running

    def __enter__(self) -> Self:
        self.simulators.__enter__()
        self.expected = numbers(Records(self.simulators))
        return self

    def __exit__(self, *exception: object) -> None:
        self.simulators.__exit__(*exception)


class DaemonThread:
    """`coupled run` in a thread of this process, with its own event loop; leaving it drains, as SIGTERM does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._live, daemon=True)

    def _live(self) -> None:
        try:
            asyncio.run(self._main())
        except CoupledError as error:
            self._error = error

    async def _main(self) -> None:
        settings = self._world.settings
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve(settings, read_mappings(settings.mappings), self._stop)

    def _up(self) -> bool:
        if not self._thread.is_alive():
            raise AssertionError(f"the daemon has ended: {self._error}") from self._error
        return self._world.note() is not None

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(self._up, _START_SECONDS, "the daemon's start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop and self._stop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the daemon did not drain within 30 s"
        if self._error:
            raise self._error
