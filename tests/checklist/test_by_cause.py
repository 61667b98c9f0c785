"""All records of a cause at once: one side's values carried over the other's, or uncoupled; and each is listed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import delete

from daemon.store.database import Database
from daemon.store.tables import CouplingRow
from schemas.job import RunKind, RunState
from schemas.side import Direction, Side
from tests.support.house import CUSTOMERS, customer, pair
from tests.support.stage import Killed, Stage

NAMES = ("Adatum", "Contoso", "Litware")
# Sales takes it, and Business Central does not.
BAD = "nobody"
_FIELDS: dict[str, dict[str, Any]] = {"retry": {"use": "bc"}, "uncouple": {"mapping": "CUSTOMER"}}


async def _failing(stage: Stage, *, times: int = 1) -> tuple[list[str], str]:
    """Three coupled pairs with one cause of failure, and a fourth that is well; the ids of the three, and the cause."""
    keys = [customer(stage, name, email=f"{name}@house.example") for name in NAMES]
    customer(stage, "Well")
    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    for key in keys:
        stage.sales.edit(f"accounts({key})", emailaddress1=BAD)
    for _ in range(times):
        await stage.sync("CUSTOMER")
    [cause] = await stage.store.views.causes()
    assert cause.count == len(NAMES)
    return keys, cause.id


async def _found(stage: Stage, run: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    found = await stage.store.findings.of_run(run)
    return sorted((one.kind, one.bc_id, dict(one.detail)) for _, _, one in found)


@pytest.mark.parametrize(("times", "page"), [(1, 500), (2, 500), (1, 2)])
async def test_one_side_wins_for_every_record_of_a_cause(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, times: int, page: int
) -> None:
    """Also for those that are left alone since they failed alike twice, and for more than a page of them."""
    monkeypatch.setattr("daemon.store.retries._PAGE", page)
    monkeypatch.setattr("daemon.carrying._AT_ONCE", page)
    keys, cause = await _failing(stage, times=times)
    told = await stage.command("retry", id="r", causes=[cause], use="bc")
    assert (told.state, told.error) == (RunState.DONE, None)
    assert [(job["mapping"], job["direction"], job["modified"]) for job in told.jobs] == [("CUSTOMER", "to_sales", 3)]
    for key, name in zip(keys, NAMES, strict=True):
        assert stage.sales.get(f"accounts({key})")["emailaddress1"] == f"{name}@house.example"
    assert await stage.errors() == []
    run = await stage.store.jobs.run("r")
    assert run
    assert run.kind is RunKind.CARRY
    await stage.live()
    assert await stage.errors() == []


async def test_what_was_carried_over_is_listed_with_the_values_that_are_gone(stage: Stage) -> None:
    keys, cause = await _failing(stage)
    told = await stage.command("retry", id="r", causes=[cause], use="bc")
    assert told.jobs[0]["found"] == {"drift": 3}
    found = await _found(stage, "r")
    assert [(kind, key) for kind, key, _ in found] == [("drift", key) for key in sorted(keys)]
    for _, _, detail in found:
        [field] = detail["fields"]
        assert (field["sales"], field["use"]) == ({"emailaddress1": BAD}, "bc")


async def test_a_record_without_a_partner_is_told_and_left(stage: Stage) -> None:
    keys, cause = await _failing(stage)
    async with stage.store.database.write() as connection:
        await connection.execute(delete(CouplingRow).where(CouplingRow.bc_id == keys[0]))
    stage.bc.delete(f"customers({keys[1]})")
    told = await stage.command("retry", id="r", mappings=["CUSTOMER"], causes=[cause], use="bc")
    assert told.jobs[0]["found"] == {"drift": 1, "skip": 1, "orphan": 1}
    assert stage.sales.get(f"accounts({keys[2]})")["emailaddress1"] == f"{NAMES[2]}@house.example"


@pytest.mark.parametrize("page", [500, 2])
async def test_every_record_of_a_cause_is_uncoupled_and_listed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr("daemon.store.retries._PAGE", page)
    keys, cause = await _failing(stage)
    told = await stage.command("uncouple", id="u", mapping="CUSTOMER", causes=[cause])
    assert [(job["mapping"], job["uncoupled"]) for job in told.jobs] == [("CONTACTS", 0), ("CUSTOMER", 3)]
    assert len(await stage.couplings("CUSTOMER")) == 1
    assert await stage.errors() == []
    assert told.jobs[1]["found"] == {"uncouple": 3}
    found = await stage.store.findings.of_run("u")
    assert sorted((one.bc_id, one.sales_id, one.label) for _, _, one in found) == sorted(
        (key, key, name) for key, name in zip(keys, NAMES, strict=True)
    )


@pytest.mark.parametrize("command", ["retry", "uncouple"])
async def test_the_cause_of_a_conflict_stays_when_the_other_side_tells_it_anew(stage: Stage, command: str) -> None:
    """Its record in Sales has failed before, and been mended: by that, what Sales tells comes first in the list."""
    bc, sales = await pair(stage)
    stage.sales.edit(sales, emailaddress1=BAD)
    await stage.live()
    stage.sales.edit(sales, emailaddress1=None)
    await stage.live()
    assert await stage.errors() == []
    stage.bc.edit(bc, city="Ulm")
    stage.sales.edit(sales, address1_city="Bonn")
    await stage.capture({Side.BC})
    await stage.work()
    [cause] = await stage.store.views.causes()
    await stage.live()
    assert [one.id for one in await stage.store.views.causes()] == [cause.id]
    assert [one.direction for one in await stage.store.views.failures(cause=cause.id)] == [Direction.TO_BC]
    told = await stage.command(command, id="c", causes=[cause.id], **_FIELDS[command])
    assert (told.state, told.error) == (RunState.DONE, None)
    assert len(await _found(stage, "c")) == 1
    await stage.live()
    assert await stage.errors() == []
    assert stage.sales.get(sales)["address1_city"] == ("Ulm" if command == "retry" else "Bonn")


async def test_what_came_after_the_command_is_not_meant(stage: Stage) -> None:
    keys, cause = await _failing(stage)
    stage.clock.tick(5)
    pages = [page async for page in stage.store.retries.hit("CUSTOMER", [cause], stage.clock.now())]
    assert sorted(bc for page in pages for bc, _ in page if bc) == sorted(keys)
    begun = min(error.first_at for error in await stage.errors())
    stage.clock.tick(-3600)
    assert stage.clock.now() < begun
    assert [page async for page in stage.store.retries.hit("CUSTOMER", [cause], stage.clock.now())] == []


@pytest.mark.parametrize("command", ["retry", "uncouple"])
async def test_a_kill_costs_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """The process comes one transaction further each time, until it comes through."""
    keys, cause = await _failing(stage)
    stored = {"id": "k", "command": command, "causes": [cause], **_FIELDS[command]}
    plain, left, kills = Database.write, 0, 0

    def killing(database: Database) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return plain(database)

    await stage.store.commands.receive("k", stored, RunState.ACCEPTED)
    while True:
        left = kills + 1
        monkeypatch.setattr(Database, "write", killing)
        with suppress(Killed):
            await stage.restart()
            await stage.work()
            left += 10**6
        monkeypatch.setattr(Database, "write", plain)
        if left > 10**5:
            break
        kills += 1
    assert kills > 3
    await stage.live()
    assert await stage.errors() == []
    assert [key for _, key, _ in await _found(stage, "k")] == sorted(keys)
    emails = {stage.sales.get(f"accounts({key})")["emailaddress1"] for key in keys}
    assert (emails == {BAD}) is (command == "uncouple")
    assert len(await stage.couplings("CUSTOMER")) == (1 if command == "uncouple" else 4)


async def test_what_cannot_be_is_refused(stage: Stage) -> None:
    _, cause = await _failing(stage)
    await stage.command("pause", mappings=["CUSTOMER"])
    told = await stage.command("retry", mappings=["CUSTOMER"], causes=[cause], use="bc")
    assert told.error
    assert told.error.code == "mapping-paused"
    await stage.command("resume", mappings=["CUSTOMER"])
    for name, fields, code in (
        ("retry", {"causes": ["nobody"], "use": "bc"}, "cause-unknown"),
        ("retry", {"causes": [cause], "use": "bc", "mappings": ["CONTACTS"]}, "cause-unknown"),
        ("retry", {"causes": [cause], "use": "bc", "records": ["r"]}, "choice-ambiguous"),
        ("retry", {"use": "bc"}, "nothing-chosen"),
        ("uncouple", {"mapping": "CUSTOMER", "causes": [cause], "all": True}, "nothing-chosen"),
        ("uncouple", {"mapping": "CUSTOMER", "causes": []}, "nothing-chosen"),
        ("uncouple", {"mapping": "CONTACTS", "causes": [cause]}, "cause-unknown"),
    ):
        told = await stage.command(name, **fields)
        assert told.state is RunState.REFUSED, (name, fields)
        assert told.error
        assert told.error.code == code


async def test_a_side_that_may_not_win_is_refused(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"direction": "to_sales"})
    customer(stage, "Adatum")
    stage.sales.arm(status=403, count=100, path="/accounts")
    await stage.full_sync(*CUSTOMERS)
    [cause] = await stage.store.views.causes("CUSTOMER")
    told = await stage.command("retry", causes=[cause.id], use="sales")
    assert told.error
    assert told.error.code == "direction-closed"
