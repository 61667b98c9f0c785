"""A command's end, and its question, are told whenever the kill comes, in the runner's words (promise 8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.command_outcome import CommandOutcome
from schemas.job import RunState
from tests.support import house
from tests.support.stage import Killed, Stage

ID = "the-command"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path, house.BC, house.SALES) as made:
        yield made


async def _killed(stage: Stage, monkeypatch: pytest.MonkeyPatch, state: RunState, told: bool) -> None:
    """The process ends when it is about to tell this state of a full synchronisation, or when it has just told it."""
    announce = stage.log.announce

    async def killing(outcome: CommandOutcome) -> None:
        if told or outcome.state is not state:
            await announce(outcome)
        if outcome.state is state:
            raise Killed

    monkeypatch.setattr(stage.log, "announce", killing)
    answer = {} if state is RunState.AWAITING_ANSWER else {"answer": "restore"}
    with pytest.raises(Killed):
        await stage.command("full-sync", id=ID, mappings=["CURRENCY"], **answer)
    monkeypatch.undo()


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("state", [RunState.ACCEPTED, RunState.RUNNING, RunState.DONE])
async def test_the_end_is_told_after_a_kill(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, state: RunState, told: bool
) -> None:
    await _killed(stage, monkeypatch, state, told)
    await stage.restart()
    await stage.work()

    *_, last = stage.outcomes(ID)
    (job,) = last.jobs
    assert (last.state, job["state"]) == (RunState.DONE, "finished")
    logged = await stage.store.commands.get(ID)
    assert logged is not None
    assert (logged.state, logged.announced) == (RunState.DONE, True)
    said = len(stage.outcomes(ID))
    await stage.restart()
    await stage.work()
    assert len(stage.outcomes(ID)) == said


@pytest.mark.parametrize("command", ["couple", "retry"])
async def test_what_a_command_has_done_is_not_done_again_because_nobody_was_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One side's values were taken, and the other was edited since: that edit is newer, and travels."""
    bc, sales = await house.pair(stage, city="Graz")
    [(bc_id, sales_id)] = (await stage.couplings("CUSTOMER")).items()
    records = {"records": [bc_id]} if command == "retry" else {"bc_id": bc_id, "sales_id": sales_id}
    named = {"mapping": "CUSTOMER"} if command == "couple" else {"mappings": ["CUSTOMER"]}
    announce = stage.log.announce

    async def away(outcome: CommandOutcome) -> None:
        if stage.sales.get(sales)["address1_city"] == "Wien":
            await announce(outcome)
        else:
            raise Killed

    stage.sales.edit(sales, address1_city="Bonn")
    monkeypatch.setattr(stage.log, "announce", away)
    with pytest.raises(Killed):
        await stage.command(command, id=ID, use="bc", **records, **named)
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] == "Graz"
    stage.sales.edit(sales, address1_city="Wien")
    await stage.restart()
    await stage.live()
    assert (stage.bc.get(bc)["city"], stage.sales.get(sales)["address1_city"]) == ("Wien", "Wien")
    assert [one.state for one in stage.outcomes(ID)] == [RunState.DONE]


@pytest.mark.parametrize("told", [False, True])
async def test_the_question_is_asked_after_a_kill(stage: Stage, monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    await _killed(stage, monkeypatch, RunState.AWAITING_ANSWER, told)
    await stage.restart()
    await stage.work()

    assert stage.outcomes(ID)[-1].state is RunState.AWAITING_ANSWER
    logged = await stage.store.commands.get(ID)
    assert logged is not None
    assert logged.state is RunState.AWAITING_ANSWER
    assert (await stage.command("answer", run=ID, answer="restore")).state is RunState.DONE
    assert stage.outcomes(ID)[-1].state is RunState.DONE


async def test_an_end_that_was_told_on_a_log_that_is_lost_is_told_with_its_jobs(stage: Stage) -> None:
    """It is noted as the command's state, and not yet as told, when the kill comes."""
    told = await stage.command("full-sync", id=ID, mappings=["CURRENCY"], answer="restore")
    async with stage.store.database.write() as connection:
        await connection.exec_driver_sql("UPDATE commands SET announced = 0")
    await stage.restart(new_log=True)
    await stage.work()

    (again,) = stage.outcomes(ID)
    assert again == told
