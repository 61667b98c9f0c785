"""A desk for commands: a store of commands, runs and mapping states in memory, and everything that was announced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from consumers.control import Control, Stored
from schemas.command_outcome import CommandOutcome
from schemas.errors import Problem, Refused
from schemas.job import Keep, MappingState, Run, RunState
from schemas.side import Direction, Side
from schemas.use import Use
from tests.support.made import mappings, part

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Pairs:
    """What was asked to be coupled or carried; refused as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: Refused | None = None

    async def couple(self, name: str, named: Mapping[Side, str], use: Use | None) -> None:
        await self._ask("couple", name, named[Side.BC], named[Side.SALES], use)

    async def carry(self, names: Sequence[str], ids: Sequence[str], winner: Side) -> None:
        await self._ask("carry", list(names), list(ids), winner)

    async def ids(self, names: Sequence[str], records: Sequence[str]) -> Sequence[str]:
        return [one.lower() for one in records]

    async def check_coupled(self, name: str, ids: Sequence[str]) -> None:
        await self._ask("uncouple", name, list(ids))

    async def _ask(self, *what: Any) -> None:
        self.asked.append(what)
        if self.refusal:
            raise self.refusal


@dataclass
class Logged:
    command: dict[str, Any]
    state: RunState
    error: Problem | None
    received_at: datetime = NOON
    announced: bool = False


class Desk:
    """A store of commands, runs and mapping states, and everything that was announced."""

    def __init__(self, **only_coupled: bool) -> None:
        match: Any = {"match_on": [[{"bc": "displayName", "sales": "name"}]]}
        currency = part("CURRENCY", bc={"table": "currencies"}, sales={"table": "transactioncurrencies"}, **match)
        customer = part("CUSTOMER", depends_on=["CURRENCY"], **match)
        items = part("ITEM", bc={"table": "items"}, sales={"table": "products"}, direction="to_sales")
        self.flags = {"CURRENCY": True, "CUSTOMER": True, "ITEM": True, **only_coupled}
        self.log: dict[str, Logged] = {}
        self.away = 0
        self.runs: dict[str, Run] = {}
        self.jobs: dict[str, list[tuple[str, Direction]]] = {}
        self.paused: set[str] = set()
        self.missed: set[str] = set()
        self.retried: list[tuple[list[str] | None, ...]] = []
        self.failing, self.touched_since = 1, False
        self.overridden: dict[str, bool | None] = {}
        self.announced: list[CommandOutcome] = []
        self.woken = 0
        self.killed_before_runs = False
        known = mappings(customer, currency, items)
        outward = (self._announce, self._now, self._wake)
        stored = Stored(self, self, self, self)
        self.pairs = Pairs()
        self.control = Control(known, stored, self.pairs, self._only_coupled, *outward)

    async def _only_coupled(self) -> dict[str, bool]:
        return dict(self.flags)

    async def _announce(self, outcome: CommandOutcome) -> None:
        if self.away:
            self.away -= 1
            raise OSError("Kafka is away")
        self.announced.append(outcome)
        logged = self.log[outcome.id]
        logged.state, logged.error, logged.announced = outcome.state, outcome.error, True

    def _now(self) -> datetime:
        return NOON

    def _wake(self) -> None:
        self.woken += 1

    async def receive(
        self, command_id: str, command: dict[str, Any], state: RunState, error: Problem | None = None
    ) -> bool:
        known = command_id in self.log
        self.log.setdefault(command_id, Logged(command, state, error))
        return not known

    async def get(self, command_id: str) -> Logged | None:
        return self.log.get(command_id)

    async def create_run(self, run: Run, jobs: Sequence[tuple[str, Direction]]) -> None:
        if self.killed_before_runs:
            raise KeyboardInterrupt
        if run.id not in self.runs:
            self.runs[run.id], self.jobs[run.id] = run, list(jobs)

    async def active_runs(self) -> Sequence[Run]:
        return [run for run in self.runs.values() if not run.state.final]

    async def run(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)

    async def answer(self, run_id: str, keep: Keep) -> object:
        return self.set(run_id, answer=keep)

    def set(self, run_id: str, **fields: Any) -> None:
        self.runs[run_id] = replace(self.runs[run_id], **fields)

    async def pause(self, names: Sequence[str], at: datetime) -> None:
        self.paused |= set(names)

    async def resume(self, names: Sequence[str]) -> Sequence[str]:
        self.paused -= set(names)
        return sorted(self.missed & set(names))

    async def all(self) -> Mapping[str, MappingState]:
        return {name: MappingState(name, paused_at=datetime.now(UTC)) for name in self.paused}

    async def set_only_coupled(self, names: Sequence[str], value: bool | None) -> None:
        self.overridden |= dict.fromkeys(names, value)

    async def caught_up(self, names: Sequence[str]) -> None:
        self.missed -= set(names)

    async def retry(
        self, mappings: Iterable[str], records: Iterable[str] | None = None, causes: Iterable[str] | None = None
    ) -> int:
        self.retried.append((list(mappings), *(None if one is None else list(one) for one in (records, causes))))
        return self.failing

    async def touched(self, mappings: Iterable[str], records: Iterable[str] | None, since: datetime) -> bool:
        assert since == NOON
        return self.touched_since

    async def hitting(self, mappings: Iterable[str], causes: Iterable[str]) -> Sequence[str]:
        return list(mappings) if self.failing else []

    async def send(self, command: str, command_id: str = "c1", **fields: Any) -> CommandOutcome:
        """The last outcome after this command."""
        await self.control.take(orjson.dumps({"id": command_id, "command": command, **fields}), "fallback")
        return self.announced[-1]

    def code(self) -> str:
        error = self.announced[-1].error
        assert error is not None
        assert error.message
        assert error.hint
        return error.code
