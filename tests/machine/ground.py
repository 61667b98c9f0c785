"""Two systems and a daemon between them as the state machine has them: its clocks, its people, and times of rest."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from daemon.sandbox.seed import seed
from schemas.job import RunState
from schemas.mapping import OnDelete, OnUpdateConflict
from schemas.side import Side
from tests.machine.model import FIELDS, Model, Pair, held
from tests.support import simulators
from tests.support.simulators import Row
from tests.support.stage import Stage
from tests.support.stage_mappings import standard

T = TypeVar("T")
# What happened so far, by name, and the faults by kind; `python -m tests.proof` tells them.
happened: Counter[str] = Counter()
faults: Counter[str] = Counter()
_DATA = seed(customers=1, seed=1)


class Ground(RuleBasedStateMachine):
    """What rules are made of; `rest` is when everything must be right."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = Path(tempfile.mkdtemp(prefix="coupled-machine-"))
        self._paused = False
        self._offsets = dict.fromkeys(Side, 0)
        # Since all was quiet, which takes a while.
        self._steps = 0

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        self.model.spell += 1
        return self._loop.run_until_complete(work)

    def _begin(self, winner: OnUpdateConflict, answer: str) -> None:
        self.model = Model(winner, only_coupled=answer == "restore")
        self.stage = Stage(self._folder, _DATA.bc, _DATA.sales, self._mappings())
        self._run(self.stage.__aenter__())
        self._run(self.stage.full_sync(answer=answer))
        self._run(self.stage.live())
        self._note_new()

    def _mappings(self, left_out: str = "") -> Any:
        """By the rules of the model; the customer of that name is left out on either side."""
        name = left_out.replace("'", "''")
        but = {column: f" and {column} ne '{name}'" if name else "" for column in ("displayName", "name")}
        return standard(
            CUSTOMER={
                "on_update_conflict": self.model.winner,
                "on_delete": OnDelete.DELETE,
                "bc": lambda bc: {**bc, "filter": bc["filter"] + but["displayName"]},
                "sales": lambda sales: {**sales, "filter": sales["filter"] + but["name"]},
                "fields": lambda lines: [line for line in lines if line.get("bc") not in self._unmapped()],
            }
        )

    def _unmapped(self) -> set[str]:
        return {FIELDS[name][0] for name in FIELDS.keys() - self.model.mapped}

    def _note_new(self) -> None:
        """Pairs the model does not know yet start with what both sides hold."""
        rows = self._rows(Side.BC)
        for bc, sales in self._run(self.stage.couplings("CUSTOMER")).items():
            self.model.begin(bc, sales, rows[bc])

    def _rows(self, side: Side) -> dict[str, Row]:
        table, key = ("customers", "id") if side is Side.BC else ("accounts", "accountid")
        with self._person(side) as person:
            return {row[key]: row for row in person.rows(table)}

    def _now(self, side: Side) -> datetime:
        return self.stage.clock.now() + timedelta(seconds=self._offsets[side])

    def _set_clock(self, side: Side, seconds: int) -> None:
        self._system(side).control.post("clock", json={"offset_seconds": seconds}).raise_for_status()

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

    @contextlib.contextmanager
    def _one_sides_values(self, number: int, use: Side) -> Iterator[Pair | None]:
        """The pair that both will hold the values of `use` of, once what is asked for in here is carried: until then,
        what the other side says is a conflict with them. None where nothing is carried now."""
        chosen = self._pair(number)
        if chosen is None or self._paused or chosen.bc == self.model.outside:
            yield None
            return
        self._calm()
        self._run(self.stage.work())
        values = held(self._rows(use)[chosen.id(use)], use)
        yield chosen
        self._run(self.stage.work())
        chosen.agree(values, self.model.mapped)

    def _full_sync(self, answer: str, *, in_advance: bool = True, **named: Any) -> None:
        self._calm()
        told = self._run(self.stage.command("full-sync", **named, **({"answer": answer} if in_advance else {})))
        if not in_advance:
            assert told.state is RunState.AWAITING_ANSWER, told
            self._command("answer", run=told.id, answer=answer)
        assert self.stage.outcomes(told.id)[-1].state is RunState.DONE, told
        self.model.full_sync(answer)

    def _command(self, command: str, **fields: Any) -> None:
        happened["commands"] += 1
        self._calm()
        told = self._run(self.stage.command(command, **fields))
        assert told.state is RunState.DONE, told

    def _pause_or_resume(self) -> None:
        self._paused = not self._paused
        self._command("pause" if self._paused else "resume", mappings=["CUSTOMER"])

    def _calm(self) -> None:
        """The services are well again."""
        for side in Side:
            self.stage.lines[side].too_slow.clear()
            self._system(side).disarm()

    def rest(self) -> None:
        """The trouble passes, and nothing may be wrong."""
        if self._paused:
            self._pause_or_resume()
        self._calm()
        self._run(self._until_quiet())
        both = {side: self._rows(side) for side in Side}
        if self.model.only_coupled:
            strays = self.model.strays(both)
            assert not strays, strays
            self._full_sync("restore", mappings=["CUSTOMER"])
            self._run(self.stage.live())
            both = {side: self._rows(side) for side in Side}
        wrong = self.model.wrong(both)
        happened["times that all was quiet, and compared"] += 1
        happened["records compared"] += sum(len(rows) for rows in both.values())
        assert not wrong, wrong
        errors = self._run(self.stage.errors())
        assert not errors, errors
        assert self._run(self.stage.only_coupled())["CUSTOMER"] is self.model.only_coupled
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
