"""Commands: each takes effect once and gets one outcome, however often delivered (promise 8)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from consumers.control import Control, Stored
from schemas.command import FullSync, Resume
from schemas.command_outcome import CommandOutcome
from schemas.errors import Problem
from schemas.job import Keep, Run, RunKind, RunState
from schemas.side import Direction
from tests.support.made import mappings, part

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TO_SALES, TO_BC = Direction.TO_SALES, Direction.TO_BC


@dataclass
class Logged:
    command: dict[str, Any]
    state: RunState
    error: Problem | None
    announced: bool = False


class Desk:
    """A store of commands, runs and mapping states, and everything that was announced."""

    def __init__(self, **only_coupled: bool) -> None:
        currency = part("CURRENCY", bc={"table": "currencies"}, sales={"table": "transactioncurrencies"})
        customer = part("CUSTOMER", depends_on=["CURRENCY"])
        items = part("ITEM", bc={"table": "items"}, sales={"table": "products"}, direction="to_sales")
        self.flags = {"CURRENCY": True, "CUSTOMER": True, "ITEM": True, **only_coupled}
        self.log: dict[str, Logged] = {}
        self.away = 0
        self.runs: dict[str, Run] = {}
        self.jobs: dict[str, list[tuple[str, Direction]]] = {}
        self.paused: set[str] = set()
        self.missed: set[str] = set()
        self.retried: list[tuple[list[str], list[str] | None]] = []
        self.overridden: dict[str, bool | None] = {}
        self.announced: list[CommandOutcome] = []
        self.woken = 0
        self.killed_before_runs = False
        known = mappings(customer, currency, items)
        outward = (self._announce, self._now, self._wake)
        stored = Stored(self, self, self, self)
        self.control = Control(known, stored, self._only_coupled, *outward)

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

    async def set_only_coupled(self, names: Sequence[str], value: bool | None) -> None:
        self.overridden |= dict.fromkeys(names, value)

    async def caught_up(self, names: Sequence[str]) -> None:
        self.missed -= set(names)

    async def retry(self, mappings: Iterable[str], records: Iterable[str] | None = None) -> int:
        self.retried.append((list(mappings), None if records is None else list(records)))
        return len(self.retried)

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


async def test_a_full_synchronisation_has_a_job_per_direction_in_order_of_dependence() -> None:
    desk = Desk()
    outcome = await desk.send("full-sync")
    assert (outcome.state, outcome.run) == (RunState.ACCEPTED, "c1")
    assert desk.jobs["c1"] == [
        ("CURRENCY", TO_SALES),
        ("CURRENCY", TO_BC),
        ("CUSTOMER", TO_SALES),
        ("CUSTOMER", TO_BC),
        ("ITEM", TO_SALES),
    ]
    assert desk.woken == 1


async def test_only_the_flags_that_were_on_are_cleared() -> None:
    desk = Desk(CUSTOMER=False)
    await desk.send("full-sync", mappings=["CUSTOMER", "ITEM"])
    assert (desk.runs["c1"].mappings, desk.runs["c1"].cleared) == (("CUSTOMER", "ITEM"), ("ITEM",))
    await desk.send("sync", "c2")
    assert desk.runs["c2"].cleared == ()


async def test_a_command_delivered_again_does_nothing_and_says_nothing() -> None:
    desk = Desk()
    for _ in range(3):
        await desk.send("sync")
    assert len(desk.announced) == len(desk.runs) == 1
    for _ in range(3):
        await desk.send("nonsense", "c2")
    assert len(desk.announced) == 2


async def test_an_accepted_command_may_take_effect_again_after_a_crash() -> None:
    desk = Desk()
    desk.killed_before_runs = True
    with pytest.raises(KeyboardInterrupt):
        await desk.send("full-sync")
    desk.killed_before_runs = False
    for _ in range(2):
        await desk.control.effect(FullSync(id="c1", command="full-sync"))
    assert list(desk.runs) == ["c1"]
    assert {outcome.state for outcome in desk.announced} == {RunState.ACCEPTED}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"not json", "command-not-json"),
        (None, "command-not-json"),
        (b"[1]", "command-not-object"),
        (b'{"id": "c1", "command": "explode"}', "command-invalid"),
        (b'{"id": "c1"}', "command-invalid"),
        (b'{"command": "sync"}', "command-invalid"),
        (b'{"id": "c1", "command": "sync", "speed": "high"}', "command-invalid"),
        (b'{"id": "c1", "command": "answer", "run": "r", "answer": "perhaps"}', "command-invalid"),
        (b'{"id": "c1", "command": "sync", "mappings": "CUSTOMER"}', "command-invalid"),
        (b'{"id": "c1", "command": "sync", "mappings": ["PLANETS"]}', "mapping-unknown"),
        (b'{"id": "c1", "command": "full-sync", "dry_run": true}', "dry-run-unsupported"),
    ],
)
async def test_what_is_not_understood_in_full_is_refused(value: bytes | None, code: str) -> None:
    desk = Desk()
    await desk.control.take(value, "fallback")
    (outcome,) = desk.announced
    assert (outcome.state, desk.code()) == (RunState.REFUSED, code)
    assert outcome.id in {"c1", "fallback"}
    assert desk.runs == {}


@pytest.mark.parametrize("command", ["pause", "full-sync", "explode"])
async def test_a_command_whose_outcome_could_not_be_told_is_told_when_it_is_delivered_again(command: str) -> None:
    desk = Desk()
    desk.away = 1
    with pytest.raises(OSError, match="away"):
        await desk.send(command)
    if command == "full-sync":
        desk.runs.clear()  # a run is told by the runner; one that was never stored is the command's to make
    await desk.send(command)
    await desk.send(command)
    (outcome,) = desk.announced
    assert outcome.id == "c1"
    assert desk.paused == ({"CURRENCY", "CUSTOMER", "ITEM"} if command == "pause" else set())


async def test_a_second_full_synchronisation_waits_for_the_first() -> None:
    desk = Desk()
    await desk.send("full-sync")
    desk.set("c1", state=RunState.AWAITING_ANSWER)
    assert (await desk.send("full-sync", "c2")).state is RunState.REFUSED
    assert desk.code() == "full-sync-active"
    assert "coupled answer c1" in str(desk.announced[-1].error)
    assert (await desk.send("sync", "c3")).state is RunState.ACCEPTED
    desk.set("c1", state=RunState.DONE)
    assert (await desk.send("full-sync", "c4")).state is RunState.ACCEPTED


async def test_the_answer_can_come_with_the_command_or_before_the_end() -> None:
    desk = Desk()
    await desk.send("full-sync", answer="keep")
    assert desk.runs["c1"].answer is Keep.KEEP
    desk.set("c1", state=RunState.DONE)
    await desk.send("full-sync", "c2")
    outcome = await desk.send("answer", "c3", run="c2", answer="restore")
    assert (outcome.state, desk.runs["c2"].answer) == (RunState.DONE, Keep.RESTORE)


async def test_a_run_that_failed_before_its_answer_wants_none() -> None:
    desk = Desk()
    await desk.send("full-sync")
    desk.set("c1", state=RunState.FAILED)
    await desk.send("answer", "c2", run="c1", answer="restore")
    assert desk.code() == "run-over"


async def test_while_the_run_is_not_over_the_last_answer_counts() -> None:
    desk = Desk()
    await desk.send("full-sync", answer="keep")
    assert (await desk.send("answer", "c2", run="c1", answer="restore")).state is RunState.DONE
    assert desk.runs["c1"].answer is Keep.RESTORE


@pytest.mark.parametrize(("given", "again", "value"), [("keep", "restore", None), ("restore", "keep", False)])
async def test_after_the_run_another_answer_puts_only_coupled_as_it_says(
    given: str, again: str, value: bool | None
) -> None:
    desk = Desk(ITEM=False)
    await desk.send("full-sync", answer=given)
    desk.set("c1", state=RunState.DONE)
    assert (await desk.send("answer", "c2", run="c1", answer=again)).state is RunState.DONE
    assert desk.overridden == {"CURRENCY": value, "CUSTOMER": value}


async def test_the_same_answer_again_is_no_mistake() -> None:
    desk = Desk()
    await desk.send("full-sync", answer="keep")
    assert (await desk.send("answer", "c2", run="c1", answer="keep")).state is RunState.DONE


@pytest.mark.parametrize("run", ["nobody", "c1"])
async def test_only_full_synchronisations_are_answered(run: str) -> None:
    desk = Desk()
    await desk.send("sync")
    await desk.send("answer", "c2", run=run, answer="keep")
    assert desk.code() == "run-unknown"


async def test_pausing_and_resuming_is_done_at_once() -> None:
    desk = Desk()
    assert (await desk.send("pause", mappings=["ITEM"])).state is RunState.DONE
    assert desk.paused == {"ITEM"}
    assert (await desk.send("resume", "c2")).state is RunState.DONE
    assert (desk.paused, desk.runs) == (set(), {})


async def test_what_was_missed_while_paused_is_caught_up_with_once() -> None:
    desk = Desk()
    desk.missed = {"CUSTOMER", "CURRENCY"}
    await desk.send("resume")
    (run,) = desk.runs.values()
    assert (run.kind, sorted(run.mappings)) == (RunKind.CATCH_UP, ["CURRENCY", "CUSTOMER"])
    assert desk.jobs[run.id][0] == ("CURRENCY", TO_SALES)
    await desk.send("resume", "c2")
    assert len(desk.runs) == 1


async def test_a_kill_while_resuming_loses_nothing_that_was_missed() -> None:
    desk = Desk()
    desk.missed, desk.killed_before_runs = {"CUSTOMER"}, True
    with pytest.raises(KeyboardInterrupt):
        await desk.send("resume")
    desk.killed_before_runs = False
    await desk.control.effect(Resume(id="c1", command="resume"))
    assert [run.mappings for run in desk.runs.values()] == [("CUSTOMER",)]


async def test_failed_records_are_carried_again_by_mapping_or_by_id() -> None:
    desk = Desk()
    assert (await desk.send("retry", mappings=["ITEM"])).state is RunState.DONE
    assert (await desk.send("retry", "c2", records=["A"])).state is RunState.DONE
    assert desk.retried == [(["ITEM"], None), (["CURRENCY", "CUSTOMER", "ITEM"], ["A"])]
