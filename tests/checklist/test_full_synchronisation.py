"""Full synchronisation, rows 1–19: order, confirmation, "only coupled" and the answer, what is created."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from daemon.cli import act, client
from daemon.cli.app import app
from daemon.sandbox.serve import Places, configuration, configure
from schemas.command import FullSync
from schemas.command_outcome import CommandOutcome
from schemas.job import RunState
from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, names, pair
from tests.support.stage import Killed, Stage

SEVEN = ["CURRENCY", "SALESPEOPLE", "UNITOFMEASURE", "CUSTOMER", "CONTACTS", "RESOURCE-PRODUCT", "ITEM-PRODUCT"]


async def test_row_001_the_seven_jobs_run_in_the_documented_order(stage: Stage) -> None:
    await stage.full_sync()
    log = sorted(await stage.jobs(), key=lambda job: str(job["started"]))
    assert list(dict.fromkeys(job["mapping"] for job in log)) == SEVEN


async def test_row_002_no_job_starts_before_those_it_depends_on_have_finished(stage: Stage) -> None:
    stage.bc.arm(status=503, count=30, method="GET", path="/currencies")
    await stage.full_sync()
    log = {(job["mapping"], job["direction"]): job for job in await stage.jobs()}
    last = max(log["CURRENCY", TO_SALES]["finished"], log["SALESPEOPLE", TO_BC]["finished"])
    assert log["CUSTOMER", TO_SALES]["started"] >= last
    assert log["CONTACTS", TO_SALES]["started"] >= log["CUSTOMER", TO_BC]["finished"]


@pytest.mark.parametrize(
    ("terminal", "said", "asked"),
    [(False, "", []), (True, "n\n", [True]), (True, "\n", [True]), (True, "y\n", [True, False])],
    ids=["nobody", "no", "nothing", "yes"],
)
def test_row_003_and_027_without_a_yes_a_dry_run_is_all_that_is_asked_of_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, said: str, asked: list[bool]
) -> None:
    """At the one place where commands leave for Kafka: is each a dry run?"""
    config, sent = configure(tmp_path, configuration(Places(1, 2), web_port=0)), list[bool]()

    def submit(_: object, command: FullSync) -> Iterator[CommandOutcome]:
        sent.append(command.dry_run)
        yield CommandOutcome(command.id, "full-sync", RunState.DONE)

    monkeypatch.setattr(client, "submit", submit)
    there = SimpleNamespace(isatty=lambda: terminal)
    monkeypatch.setattr(act, "sys", SimpleNamespace(stdin=there, stdout=there))
    done = CliRunner().invoke(app, ["full-sync", "--config", str(config), "--restore"], input=said)
    assert sent == asked, done.output
    assert done.exit_code == (0 if said == "y\n" else 2)
    assert "creates a partner" in done.output


async def test_row_004_only_coupled_is_off_while_a_full_synchronisation_runs(stage: Stage) -> None:
    seen: list[dict[str, bool]] = []

    async def look() -> None:
        seen.append(await stage.only_coupled())

    stage.meanwhile = look
    customer(stage)
    await stage.full_sync(*CUSTOMERS)
    assert seen
    for flags in seen:
        assert {name for name, only in flags.items() if not only} == set(CUSTOMERS)


async def test_row_005_a_mapping_that_creates_already_goes_on_creating_after_restore(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"only_coupled": False})
    before = await stage.only_coupled()
    await stage.full_sync(*CUSTOMERS, answer="restore")
    assert await stage.only_coupled() == before
    customer(stage)
    await stage.sync("CUSTOMER")
    assert names(stage) == (["Adatum"], ["Adatum"])


async def test_row_006_restore_leaves_every_mapping_as_it_was(stage: Stage) -> None:
    before = await stage.only_coupled()
    await stage.full_sync(answer="restore")
    assert await stage.only_coupled() == before
    customer(stage)
    await stage.sync()
    assert names(stage) == (["Adatum"], [])


async def test_row_007_keep_lets_what_follows_create(stage: Stage) -> None:
    await stage.full_sync(answer="keep")
    assert set((await stage.only_coupled()).values()) == {False}
    customer(stage)
    await stage.sync()
    assert names(stage) == (["Adatum"], ["Adatum"])


@pytest.mark.parametrize("finished", [False, True])
async def test_row_007_keep_catches_up_with_who_turned_up_while_it_was_due(stage: Stage, finished: bool) -> None:
    """Also where one thinks again, after *restore*."""
    await stage.command("full-sync", mappings=list(CUSTOMERS), id="run")
    if finished:
        await stage.command("answer", run="run", answer="restore")
    customer(stage)
    account(stage)
    await stage.live()
    assert names(stage) == (["Adatum"], ["Fabrikam"]), "nobody has said yet that they may be created"
    await stage.command("answer", run="run", answer="keep")
    await stage.live()
    assert names(stage) == (["Adatum", "Fabrikam"], ["Adatum", "Fabrikam"])


@pytest.mark.parametrize("answer", ["keep", "restore"])
async def test_row_008_a_kill_forgets_neither_the_flags_nor_the_question(stage: Stage, answer: str) -> None:
    before = await stage.only_coupled()
    customer(stage)

    async def kill() -> None:
        raise Killed

    stage.meanwhile = kill
    with pytest.raises(Killed):
        await stage.command("full-sync", mappings=list(CUSTOMERS), id="run")
    stage.meanwhile = None
    await stage.restart()
    assert (await stage.only_coupled())["CUSTOMER"] is False
    await stage.work()
    assert stage.outcomes("run")[-1].state == "awaiting_answer"
    await stage.restart()
    await stage.command("answer", run="run", answer=answer)
    assert stage.outcomes("run")[-1].state == "done"
    cleared = dict.fromkeys(CUSTOMERS, False) if answer == "keep" else {}
    assert await stage.only_coupled() == {**before, **cleared}
    assert names(stage) == (["Adatum"], ["Adatum"])


async def test_row_009_live_changes_and_other_runs_need_not_stand_still(stage: Stage) -> None:
    """Records keep their order whoever reads them, so capture goes on; a `sync` takes its turn after the run."""
    bc, sales = await pair(stage)

    async def meanwhile() -> None:
        stage.meanwhile = None
        stage.bc.edit(bc, city="Ulm")
        await stage.capture()
        stage.log.put(stage.topics.control, None, b'{"id": "later", "command": "sync", "mappings": ["CUSTOMER"]}')

    stage.meanwhile = meanwhile
    await stage.full_sync(answer=None)
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    assert stage.outcomes("later")[-1].state == "done"
    log = await stage.jobs()
    ends = [job["finished"] for job in log if job["run"] != "later" and job["mapping"] == "ITEM-PRODUCT"]
    assert min(job["started"] for job in log if job["run"] == "later") >= max(ends)


async def test_row_010_and_018_a_paused_mapping_stays_paused_and_another_does_not(stage: Stage) -> None:
    bc, sales = await pair(stage)
    await stage.command("pause", mappings=["CUSTOMER"])
    await stage.full_sync()
    stage.bc.edit(bc, city="Ulm")
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] is None
    await stage.command("resume", mappings=["CUSTOMER"])
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    stage.bc.edit(bc, city="Bonn")
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] == "Bonn"


async def test_row_011_and_012_each_uncoupled_record_in_filter_gets_one_partner(stage: Stage) -> None:
    for name in ("Adatum", "Contoso"):
        customer(stage, name)
    for name in ("Fabrikam", "Litware", "Trey"):
        account(stage, name)
    done = await stage.full_sync(*CUSTOMERS)
    everybody = ["Adatum", "Contoso", "Fabrikam", "Litware", "Trey"]
    assert names(stage) == (everybody, everybody)
    assert done["CUSTOMER", TO_SALES]["inserted"] == 2
    assert done["CUSTOMER", TO_BC]["inserted"] == 3
    assert len(await stage.couplings("CUSTOMER")) == 5


async def test_row_013_a_one_way_mapping_creates_in_its_direction_only(stage: Stage) -> None:
    stage.bc.create("salespeoplePurchasers", code="JO", displayName="Jo Berry", email="jo@house.example")
    users = len(stage.sales.rows("systemusers"))
    done = await stage.full_sync("SALESPEOPLE")
    assert done == {("SALESPEOPLE", TO_BC): {"inserted": 1}}
    assert {row["displayName"] for row in stage.bc.rows("salespeoplePurchasers")} == {"Jo Berry", "Ann Beebe"}
    assert len(stage.sales.rows("systemusers")) == users


async def test_row_014_records_out_of_filter_are_not_touched(stage: Stage) -> None:
    blocked = customer(stage, "Blocked", blocked="All")
    inactive = account(stage, "Inactive")
    stage.sales.edit(f"accounts({inactive})", statecode=1, statuscode=2)
    stage.sales.create("accounts", name="Supplier", customertypecode=10)
    before = (stage.bc.rows("customers"), stage.sales.rows("accounts"))
    done = await stage.full_sync(*CUSTOMERS)
    assert (stage.bc.rows("customers"), stage.sales.rows("accounts")) == before
    assert blocked not in await stage.couplings("CUSTOMER")
    assert done["CUSTOMER", TO_SALES] == done["CUSTOMER", TO_BC] == {}


async def test_row_015_the_stored_setting_is_never_changed_by_a_run(stage: Stage) -> None:
    async def look() -> None:
        assert all(state.only_coupled is None for state in (await stage.store.states.all()).values())

    stage.meanwhile = look
    customer(stage)
    await stage.full_sync(*CUSTOMERS, answer=None)
    await look()


async def test_row_017_every_job_is_on_the_log_under_its_mapping(stage: Stage) -> None:
    customer(stage)
    await stage.full_sync(*CUSTOMERS)
    await stage.sync("CUSTOMER")
    log = await stage.jobs()
    assert [job["mapping"] for job in log] == ["CUSTOMER"] * 4 + ["CURRENCY"]
