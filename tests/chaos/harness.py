"""The daemon killed again and again between two living systems, and what must be true whenever it is let live."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Self

from tests.chaos.books import Books
from tests.chaos.child import Child, Nursery
from tests.chaos.orders import Orders
from tests.chaos.people import People
from tests.chaos.steps import STEPS
from tests.flow.test_deletions import DELETE, changed
from tests.support.in_process import Systems
from tests.support.simulators import PERSON, with_person
from tests.support.waiting import wait_until
from tests.support.world import EMBEDDED, World

# How long a step is waited for before the kill comes anyway, how long people rest between two spells of work, and how
# long everything may take to its end.
_PATIENCE, _SPELL, _QUIET = 30.0, 2.0, 180.0
IN_VAIN = "rest, its step not having come by"
_KEEP = ("    direction: both\n", "    direction: both\n    on_delete: restore\n")
# Of a full synchronisation: asked at its end, or given in advance.
_ANSWERS: tuple[dict[str, str], ...] = ({}, {"answer": "keep"})
# So often at the latest it is let live, and looked at.
_ROUNDS_PER_CHECK = 5


class Harness:
    """`kill` is one round, `check` lets the daemon live to the end. Everything random comes from `seed`."""

    def __init__(self, folder: Path, seed: int, bootstrap: str = EMBEDDED) -> None:
        self._folder, self._random = folder, Random(seed)
        self._world = World(folder, bootstrap, customers=4, poll=0.3, systems=with_person(Systems()), user=PERSON)
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
        self.people = People(self._world.bc, self._world.sales, self._books, self._world.expected)
        self._nursery.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._nursery.__exit__()
        self._world.__exit__(*exception)

    def kill(self, step: str) -> None:
        """One life of the daemon under work, ended at this step, or after some seconds if it does not come by; then,
        every now and then, another that is left to live.
        """
        # What is drawn in one life, which depends on how long it lasts, leaves the next as it is.
        life = Random(self._random.getrandbits(64))
        child = self._child(step, STEPS[step].when(life))
        self.people.work(life)
        self._work_until_killed(child, step, life)
        self.kills[step if not child.alive else IN_VAIN] += 1
        child.kill()
        self._rounds += 1
        if self._rounds % _ROUNDS_PER_CHECK == 0:
            self.check()

    def _work_until_killed(self, child: Child, step: str, life: Random) -> None:
        begun = time.monotonic()
        spells = 1
        while not child.ended(0.1) and time.monotonic() < begun + _PATIENCE:
            if self._nothing_to_run(step):
                self._orders.add("full-sync", **life.choice(_ANSWERS if not STEPS[step].asked else _ANSWERS[:1]))
            self._push(child)
            if time.monotonic() > begun + spells * _SPELL:
                self.people.go_on(life)
                spells += 1

    def _nothing_to_run(self, step: str) -> bool:
        """Where a run is needed; and in the first life, since nothing is coupled before it."""
        return (STEPS[step].run or not self._orders.given) and not self._orders.open

    def _child(self, step: str = "", when: float = 1) -> Child:
        self._orders.new_daemon()
        return Child(self._nursery, self._world.config, self._folder / "daemon.log", step, when)

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
                return not self._orders.open and not self._books.left() and not self._world.differences()

            try:
                wait_until(right, _QUIET, "an end of it all")
            except AssertionError as waited:
                raise AssertionError(f"{waited}: {_listed(self._wrong())}") from None
            lost = self.people.lost()
            assert not lost, _listed(lost)
        finally:
            child.stop()
        self.checks += 1
        self.people.all_is_across()
        self.records = self._books.settled()

    def _wrong(self) -> list[str]:
        orders = [f"an order without an end: {one}" for one in self._orders.waiting()]
        return self._world.differences() + self.people.lost() + self._books.left() + orders


def _listed(wrong: Sequence[str]) -> str:
    return json.dumps(wrong, indent=1, ensure_ascii=False)
