"""Several workers as real processes, and who of them does what, as the two services see it.

Each worker signs in as an application user of its own, which is how a service tells one from another.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Self

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from daemon.broker import read_runtime
from daemon.child import TiedProcess
from tests.support.in_process import Systems
from tests.support.processes import COUPLED
from tests.support.simulators import CLIENT, PERSON, SECRET, Request
from tests.support.waiting import wait_until
from tests.support.world import World

_IDS = re.compile(r"select=\w+(&|$)")
# A sweep of some dozens of records is killed between two pages.
_PAGE = 8
NAMES = ("anna", "berta", "carla", "dora")


def systems(names: tuple[str, ...] = NAMES) -> Systems:
    """Both with an application user for each worker, and one for people; their pages are short."""
    made = Systems()
    users = dict.fromkeys((CLIENT, PERSON, *names), SECRET)
    return Systems(*(replace(one, clients=users, page_limit=_PAGE) for one in (made.bc, made.sales)))


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request: who sent it, and from when to when it was answered."""

    who: str
    request: Request
    prefer: str
    began: float
    ended: float

    @property
    def swept(self) -> bool:
        """A page of what a run sweeps. The daemon asks for pages nowhere else but in capture, and of ids alone."""
        other = self.request.poll or "odata.track-changes" in self.prefer or _IDS.search(self.request.path)
        return self.request.method == "GET" and "odata.maxpagesize" in self.prefer and not other


class Witness:
    """Notes who asks a simulator that has started for what, and when."""

    def __init__(self, app: Starlette) -> None:
        self._users: dict[str, str] = {}
        self.asked: list[Asked] = []
        identity = app.state.identity
        issue = identity.issue

        def noted(client_id: str, audience: str) -> str:
            token: str = issue(client_id, audience)
            self._users[token] = client_id
            return token

        identity.issue = noted
        assert app.middleware_stack, "it has not started"
        app.middleware_stack = _Noting(app.middleware_stack, self)

    def note(self, headers: Mapping[bytes, bytes], method: str, path: str, began: float) -> None:
        authorization, prefer = (headers.get(name, b"").decode() for name in (b"authorization", b"prefer"))
        who = self._users.get(authorization.partition(" ")[2], "")
        asked = Request(method, path, 0, False, method != "GET")
        self.asked.append(Asked(who, asked, prefer, began, time.monotonic()))

    def polls(self) -> Mapping[str, list[Asked]]:
        """Capture's looks at each table, in the order they began."""
        return self._by_table(lambda one: one.request.poll)

    def sweeps(self) -> Mapping[str, list[Asked]]:
        """The pages that runs have read of each table, in the order they began."""
        return self._by_table(lambda one: one.swept)

    def _by_table(self, wanted: Callable[[Asked], bool]) -> Mapping[str, list[Asked]]:
        found: dict[str, list[Asked]] = {}
        for one in sorted(filter(wanted, self.asked), key=lambda one: one.began):
            found.setdefault(one.request.table, []).append(one)
        return found

    def last_poller(self) -> str:
        return next((one.who for one in reversed(self.asked) if one.request.poll), "")


class _Noting:
    def __init__(self, app: ASGIApp, witness: Witness) -> None:
        self._app, self._witness = app, witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, headers = time.monotonic(), dict(scope["headers"])
        try:
            await self._app(scope, receive, send)
        finally:
            query = scope["query_string"].decode("latin-1")
            path = scope["path"] + (f"?{query}" if query else "")
            self._witness.note(headers, scope["method"], path, began)


def owners(asked: list[Asked]) -> list[str]:
    """Who had it, one after the other: a name is there again if somebody else had it in between."""
    return [who for who, _ in groupby(one.who for one in asked)]


def at_once(asked: list[Asked]) -> list[tuple[Asked, Asked]]:
    """Requests of two workers that overlap in time."""
    return [(one, other) for one, other in pairwise(asked) if one.who != other.who and other.began < one.ended]


class Histories:
    """Every value that a field of a record has had on a side, in order, from the simulator's own store."""

    def __init__(self, simulators: tuple[Starlette, Starlette]) -> None:
        bc, sales = simulators
        self._bc: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        self._sales: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        self._watch_bc(bc.state.store)
        self._watch_sales(sales.state.service.store)

    def _watch_bc(self, store: Any) -> None:
        told = store.watch

        def watch(set_name: str, before: Any, after: Any) -> None:
            told(set_name, before, after)
            if after is not None:
                self._bc.setdefault((set_name, after.id), []).append(after.values)

        store.watch = watch

    def _watch_sales(self, store: Any) -> None:
        write = store.replace

        def replaced(entity_set: str, row_id: str, row: dict[str, Any]) -> None:
            write(entity_set, row_id, row)
            self._sales.setdefault((entity_set, row_id), []).append(dict(row))

        store.replace = replaced

    def of(self, side: str, table: str, field: str) -> dict[str, list[str]]:
        """By record: what the field has been, without repetitions of what it was already."""
        found = self._bc if side == "bc" else self._sales
        return {
            key: [value for value, _ in groupby(str(row.get(field) or "") for row in rows)]
            for (name, key), rows in found.items()
            if name == table
        }


class Worker:
    """`coupled run` on the configuration of a world, in a folder of its own, as an application user of its own.

    `code`: the folder of another version's code, to run that.
    """

    def __init__(self, world: World, name: str, code: Path | None = None) -> None:
        self.name = name
        self._folder = world.folder / name
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        config = self._folder / "coupled.yaml"
        text = world.config.read_text(encoding="utf-8")
        config.write_text(text.replace(f"client_id: {CLIENT},", f"client_id: {name},"), encoding="utf-8")
        self.log = self._folder / "daemon.log"
        # Where it notes its address: beside no SQLite file, so in the directory it is started in.
        place = ["env", "-C", str(self._folder), *([f"PYTHONPATH={code}"] if code else [])]
        self._child = TiedProcess([*place, *COUPLED, "run", "--config", str(config)], self.log)

    def start(self) -> Self:
        """Not waited for."""
        self._child.start()
        return self

    def up(self) -> bool:
        assert self._child.alive, self.log.read_text(encoding="utf-8")
        note = read_runtime(self._folder / "coupled.runtime.json")
        return note is not None and note["pid"] == self._child.pid

    def signal(self, number: signal.Signals) -> None:
        assert self._child.pid
        os.kill(self._child.pid, number)

    def ended(self, number: signal.Signals, timeout: float = 25) -> int:
        """The exit code after that signal."""
        self.signal(number)
        wait_until(lambda: not self._child.alive, timeout, f"the end of {self.name}")
        assert self._child.exit_code is not None
        return self._child.exit_code

    def stop(self) -> None:
        self._child.stop()
