"""The daemon killed again and again between two living systems, and what must be true whenever it is let live."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Self

import httpx

from tests.chaos.books import Books
from tests.chaos.child import Child, Nursery
from tests.chaos.orders import Orders
from tests.chaos.people import People
from tests.chaos.steps import STEPS
from tests.flow.test_deletions import DELETE, changed
from tests.support.waiting import wait_until
from tests.support.world import EMBEDDED, World

# How long a step is waited for before the kill comes anyway, and everything for its end.
_PATIENCE, _QUIET = 20.0, 180.0
_KEEP = ("    direction: both\n", "    direction: both\n    on_delete: restore\n")
# So often at the latest it is let live, and looked at.
_ROUNDS_PER_CHECK = 5


class Harness:
    """`kill` is one round, `check` lets the daemon live to the end. Everything random comes from `seed`."""

    def __init__(self, folder: Path, seed: int, bootstrap: str = EMBEDDED) -> None:
        self._folder, self._random = folder, Random(seed)
        self._world = World(folder, bootstrap, customers=4, poll=0.3)
        self._books = Books(folder / "coupled.db")
        self._orders = Orders(self._world.prefix, self._books)
        self._nursery = Nursery()
        self._rounds = 0
        self.kills: Counter[str] = Counter()
        self.checks = self.records = 0

    def __enter__(self) -> Self:
        self._world.__enter__()
        mappings = changed(self._folder, "mappings.yaml", _KEEP, DELETE)
        self._world.configure(mappings=mappings, deletions=0.02)
        self.people = People(self._world, self._books, self._random)
        self._nursery.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._nursery.__exit__()
        self._world.__exit__(*exception)

    def kill(self, step: str) -> None:
        """One life of the daemon, ended at this step, or after some seconds if it does not come by; then, every now and
        then, another that is left to live.
        """
        number = self._random.randint(1, 3)
        child = self._child(step, number)
        self.people.work()
        if STEPS[step].run and not self._orders.open:
            self._orders.add("full-sync", **self._random.choice(({}, {"answer": "keep"})))
        deadline = time.monotonic() + _PATIENCE
        while not child.ended(0.1) and time.monotonic() < deadline:
            self._push(child)
        self.kills[step if not child.alive else "some moment"] += 1
        child.kill()
        self._rounds += 1
        if self._rounds % _ROUNDS_PER_CHECK == 0:
            self.check()

    def _child(self, step: str = "", number: int = 1) -> Child:
        self._orders.new_daemon()
        return Child(self._nursery, self._world.config, self._folder / "daemon.log", step, number)

    def _push(self, child: Child) -> None:
        note = self._world.note()
        if note and note["pid"] == child.pid:
            self._orders.push(str(note["bootstrap"]))

    def check(self) -> None:
        """Faults end, the daemon lives, and nothing may be left: AssertionError with all that is."""
        child = self._child()
        for side in (self._world.bc, self._world.sales):
            side.disarm()
        try:
            if not self._orders.open:
                self._orders.add("full-sync", answer="keep")

            def right() -> bool:
                assert child.alive, f"the daemon ended by itself: {child.log}"
                self._push(child)
                return not self._orders.open and not self._books.left() and self._are_equal()

            try:
                wait_until(right, _QUIET, "an end of it all")
            except AssertionError:
                raise AssertionError(json.dumps(self._wrong(), indent=1, ensure_ascii=False)) from None
        finally:
            child.stop()
        self.checks += 1
        self.people.all_is_across()
        self.records = self._books.settled()

    def _are_equal(self) -> bool:
        """Not so far as is known, while a service throttles: we look with the daemon's own credentials."""
        try:
            return not self._world.differences()
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                raise
            return False

    def _wrong(self) -> list[str]:
        orders = [f"an order without an end: {one}" for one in self._orders.waiting()]
        return self._world.differences() + self._books.left() + orders
