"""Whatever people, commands, services, clocks and crashes do in whatever order: once quiet, both sides are right.

The model knows for each pair and field what either side wrote since both were last equal. One side's word holds; where
both spoke, that of the side which wins. Time is simulated, the rest is real but for Kafka's wire (`Stage`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from daemon.sandbox.seed import seed
from schemas.job import RunState
from schemas.mapping import OnDelete, OnUpdateConflict
from schemas.side import Side
from tests.machine.model import FIELDS, Model, Pair
from tests.support import simulators
from tests.support.faults import called
from tests.support.simulators import Row
from tests.support.stage import Stage
from tests.support.stage_mappings import standard

T = TypeVar("T")
# What happened so far, by name, and the faults by kind; `python -m tests.proof` tells them.
happened: Counter[str] = Counter()
faults: Counter[str] = Counter()
_DATA = seed(customers=1, seed=1)
_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429},
    {"status": 503, "retry_after": 3},
    {"status": 503, "after_commit": True},
    {"status": 401},
    {"kind": "drop"},
    {"kind": "drop", "after_commit": True},
    {"kind": "truncate", "after_commit": True},
    {"kind": "html", "status": 502},
)
_PLACES = (("GET", "/customers"), ("GET", "/accounts"), ("POST", "/customers"), ("POST", "/$batch"), ("PATCH", "("))
_SIDES = st.sampled_from(list(Side))
_WINNERS = (OnUpdateConflict.BC_WINS, OnUpdateConflict.SALES_WINS)


class Systems(RuleBasedStateMachine):
    """Each rule is something that happens; `rest` is when everything must be right."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = Path(tempfile.mkdtemp(prefix="coupled-machine-"))
        self._paused = False
        # Since all was quiet, which takes a while.
        self._steps = 0

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        self.model.spell += 1
        return self._loop.run_until_complete(work)

    @initialize(winner=st.sampled_from(_WINNERS))
    def begin(self, winner: OnUpdateConflict) -> None:
        self.model = Model(winner)
        self.stage = Stage(self._folder, _DATA.bc, _DATA.sales, self._mappings())
        self._run(self.stage.__aenter__())
        self._run(self.stage.full_sync(answer="keep"))
        self._run(self.stage.live())
        self._note_new()

    def _mappings(self) -> Any:
        return standard(CUSTOMER={"on_update_conflict": self.model.winner, "on_delete": OnDelete.DELETE})

    def _note_new(self) -> None:
        """Pairs the model does not know yet start with what both sides hold."""
        rows = self._rows(Side.BC)
        for bc, sales in self._run(self.stage.couplings("CUSTOMER")).items():
            self.model.begin(bc, sales, rows[bc])

    def _rows(self, side: Side) -> dict[str, Row]:
        table, key = ("customers", "id") if side is Side.BC else ("accounts", "accountid")
        with self._person(side) as person:
            return {row[key]: row for row in person.rows(table)}

    @rule(side=_SIDES, pair=st.integers(0, 50), field=st.sampled_from(sorted(FIELDS)), value=st.integers(0, 3))
    def edit(self, side: Side, pair: int, field: str, value: int) -> None:
        if (chosen := self._pair(pair)) is None:
            return
        text = f"value {value}"
        with self._person(side) as person:
            if side is Side.BC:
                person.edit(f"customers({chosen.bc})", **{FIELDS[field][0]: text})
            else:
                person.edit(f"accounts({chosen.sales})", **{FIELDS[field][1]: text})
        chosen.edit(side, field, text, self.model.spell)

    @contextlib.contextmanager
    def _person(self, side: Side) -> Iterator[simulators.Side]:
        """Somebody at work in one system. Faults are for the daemon: they wait meanwhile."""
        system = self._system(side)
        waiting = system.armed()
        system.disarm()
        yield system
        for fault in waiting:
            system.arm(**fault)

    def _system(self, side: Side) -> simulators.Side:
        return self.stage.bc if side is Side.BC else self.stage.sales

    def _pair(self, number: int) -> Pair | None:
        return self.model.pairs[number % len(self.model.pairs)] if self.model.pairs else None

    @rule(side=_SIDES)
    def create(self, side: Side) -> None:
        name = self.model.new()
        with self._person(side) as person:
            if side is Side.BC:
                person.create("customers", displayName=name, email=f"{name}@example.com")
            else:
                person.create("accounts", name=name, customertypecode=3, emailaddress1=f"{name}@example.com")

    @precondition(lambda self: len(self.model.pairs) > 2)
    @rule(side=_SIDES, pair=st.integers(0, 50))
    def delete(self, side: Side, pair: int) -> None:
        """Of a record nobody has edited meanwhile, and that Business Central lets go: one without ledger entries."""
        chosen = self._pair(pair)
        if chosen is None or chosen.edited or self._rows(Side.BC)[chosen.bc]["balanceDue"]:
            return
        with self._person(side) as person:
            if side is Side.BC:
                person.delete(f"customers({chosen.bc})")
            else:
                person.delete(f"accounts({chosen.sales})")
        self.model.delete(chosen)

    @rule(side=_SIDES)
    def capture(self, side: Side) -> None:
        self._loop.run_until_complete(self.stage.capture({side}))  # nothing is carried

    @rule()
    def carry(self) -> None:
        """What is on the topics, and not what has happened since."""
        self._run(self.stage.work())

    @rule(side=_SIDES, fault=st.sampled_from(_FAULTS), place=st.sampled_from(_PLACES), count=st.integers(1, 2))
    def fail(self, side: Side, fault: dict[str, Any], place: tuple[str, str], count: int) -> None:
        system = self._system(side)
        system.disarm()
        faults[called(fault)] += 1
        system.arm(method=place[0], path=place[1], count=count, **fault)

    @rule(side=_SIDES, number=st.integers(0, 4))
    def answer_too_slowly(self, side: Side, number: int) -> None:
        faults["answer too late"] += 1
        self.stage.lines[side].too_slow.add(number)

    @rule(new_log=st.booleans())
    def restart(self, new_log: bool) -> None:
        happened["restarts, every other one with the log lost"] += 1
        self._run(self.stage.restart(new_log=new_log))

    @rule(seconds=st.sampled_from([1, 40, 700, 90_000]))
    def wait(self, seconds: int) -> None:
        self.stage.clock.tick(seconds)

    @rule(command=st.sampled_from(["full-sync", "sync"]), alone=st.booleans())
    def command(self, command: str, alone: bool) -> None:
        """Of all mappings, or of customers alone."""
        if self._paused:
            return
        self._calm()
        given: dict[str, Any] = {"mappings": ["CUSTOMER"]} if alone else {}
        told = self._run(self.stage.command(command, **given, **({"answer": "keep"} if command == "full-sync" else {})))
        assert told.state is RunState.DONE, told

    @rule()
    def pause_or_resume(self) -> None:
        self._paused = not self._paused
        self._calm()
        told = self._run(self.stage.command("pause" if self._paused else "resume", mappings=["CUSTOMER"]))
        assert told.state is RunState.DONE, told

    def _calm(self) -> None:
        """The services are well again."""
        for side in Side:
            self.stage.lines[side].too_slow.clear()
            self._system(side).disarm()

    @precondition(lambda self: self._steps > 25)
    @rule(winner=st.sampled_from(_WINNERS))
    def rest_and_change_the_rules(self, winner: OnUpdateConflict) -> None:
        """In quiet, since what is under way would be judged by either."""
        self.rest()
        self.model.winner = winner
        self._run(self.stage.configure(self._mappings()))

    @invariant()
    def count(self) -> None:
        self._steps += 1
        happened["steps"] += 1

    def rest(self) -> None:
        """The trouble passes, and nothing may be wrong."""
        if self._paused:
            self.pause_or_resume()
        self._calm()
        self._run(self._until_quiet())
        both = {side: self._rows(side) for side in Side}
        wrong = self.model.wrong(both)
        happened["times that all was quiet, and compared"] += 1
        happened["records compared"] += sum(len(rows) for rows in both.values())
        assert not wrong, wrong
        errors = self._run(self.stage.errors())
        assert not errors, errors
        self.model.agree(both)
        self._steps = 0
        self._note_new()

    async def _until_quiet(self) -> None:
        await self.stage.live()
        for _ in range(3):
            self.stage.clock.tick(3600)
            await self.stage.look_for_deletions()
            await self.stage.live()

    def teardown(self) -> None:
        try:
            if hasattr(self, "model"):
                self.rest()
        finally:
            if hasattr(self, "stage"):
                self._run(self.stage.__aexit__(None, None, None))
            self._loop.close()
            shutil.rmtree(self._folder)


@pytest.mark.timeout(1800)
def test_both_sides_are_as_they_must_be_whenever_all_is_quiet() -> None:
    """The same steps each time; with another --hypothesis-profile, others. COUPLED_STEPS: how many, about."""
    go(int(os.environ.get("COUPLED_STEPS", "2000")))


def go(steps: int, **options: Any) -> None:
    """About so many steps; AssertionError where both sides are not as they must be."""
    some = settings(max_examples=max(1, steps // 100), stateful_step_count=100, **options)
    run_state_machine_as_test(Systems, settings=some)
