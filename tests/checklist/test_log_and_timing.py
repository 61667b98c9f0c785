"""The job log, what starts work, and sides that are away, rows 115–130."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from daemon.web.from_store import StoreReader
from daemon.web.ports import SideStatus
from schemas import rows
from schemas.change import Op
from schemas.job import RunKind
from schemas.side import Side
from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, names, pair
from tests.support.stage import Stage


async def edited_products(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """An item and a resource, both coupled with a product whose name was then edited in Sales and seen live."""
    item = stage.bc.create("items", displayName="Kettle", baseUnitOfMeasureCode="PCS")
    work = stage.bc.create(
        stage.resources, number="R1", displayName="Repair", type="Person", baseUnitOfMeasureCode="PCS"
    )
    await stage.full_sync("UNITOFMEASURE", "ITEM-PRODUCT", "RESOURCE-PRODUCT")
    await stage.live()
    for made in (item, work):
        stage.sales.edit(f"products({made['id']})", name=f"Better {made['displayName']}")
    await stage.live()
    return item, work


async def nobody() -> list[SideStatus]:
    return []


async def test_row_114_old_jobs_leave_the_log_unless_an_open_failure_leads_to_them(stage: Stage) -> None:
    account(stage, emailaddress1="nobody")
    await stage.full_sync(*CUSTOMERS)
    await stage.full_sync("CURRENCY", answer=None)
    await stage.sync("UNITOFMEASURE")
    stage.clock.tick(days=91)
    await stage.sync("CURRENCY")
    assert await stage.parts.tidy(keep_days=90) == 1
    kept = {job["mapping"] for job in await stage.jobs()}
    assert kept == {"CURRENCY", "CUSTOMER"}
    assert len(await stage.jobs()) == 3 + 1 + 1, "the failed record's run, the one that is asked for, and today's"
    key = (await stage.errors())[0].sales_id
    stage.sales.edit(f"accounts({key})", emailaddress1="ann@house.example")
    await stage.command("retry")
    await stage.live()
    assert await stage.parts.tidy(keep_days=90) == 1
    stage.clock.tick(days=91)
    await stage.parts.tidy(keep_days=90)
    assert await stage.store.views.failures(open_only=False) == []


async def test_row_115_the_log_is_newest_first_and_leads_to_each_jobs_errors(stage: Stage) -> None:
    for number in (1, 2):
        account(stage, f"Firm {number}", emailaddress1=f"nobody {number}")
        await stage.full_sync(*CUSTOMERS)
    log = await stage.jobs()
    starts = [job["started"] for job in log]
    assert starts == sorted(starts, reverse=True)
    first, second = [job for job in reversed(log) if (job["mapping"], job["direction"]) == ("CUSTOMER", TO_BC)]
    for number, job in ((1, first), (2, second)):
        [error] = await stage.store.views.failures(job=job["id"], open_only=False)
        assert job["failed"] == 1
        assert f"nobody {number}" in error.problem.message
    assert second["skipped"] == 1


async def test_row_116_a_mapping_shows_how_many_records_are_failed(stage: Stage) -> None:
    """Those that are open: the original's sum of all its jobs never falls, and counts a record once for each try."""
    for number in (1, 2):
        account(stage, f"Firm {number}", emailaddress1="nobody")
    await stage.full_sync(*CUSTOMERS)
    await stage.full_sync(*CUSTOMERS)
    reader = StoreReader(stage.store, stage.parts.mappings, nobody)
    failed = {status.name: status.failures for status in await reader.mappings()}
    assert failed.pop("CUSTOMER") == 2
    assert set(failed.values()) == {0}


async def test_row_119_a_change_costs_one_write_and_touches_no_other_table(stage: Stage) -> None:
    """It is carried by the next poll, 5 s later by default; nobody has to wake a job."""
    bc, sales = await pair(stage)
    marks = stage.bc.mark(), stage.sales.mark()
    stage.bc.edit(bc, city="Ulm")
    await stage.live()
    assert [one.table for one in stage.sales.writes(marks[1])] == ["accounts"]
    assert [one.method for one in stage.bc.writes(marks[0])] == ["PATCH"], "the edit itself, and no other"
    assert stage.sales.reads(marks[1]) == []
    assert stage.sales.get(sales)["address1_city"] == "Ulm"


async def test_row_120_live_changes_can_be_held_back_for_one_mapping(stage: Stage) -> None:
    """`pause`: and nothing is lost by it."""
    bc, sales = await pair(stage)
    [usd] = [row for row in stage.bc.rows("currencies") if row["code"] == "USD"]
    await stage.command("pause", mappings=["CUSTOMER"])
    stage.bc.edit(bc, city="Ulm")
    stage.bc.edit(f"currencies({usd['id']})", displayName="Greenback")
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] is None
    assert "Greenback" in {row["currencyname"] for row in stage.sales.rows("transactioncurrencies")}
    await stage.command("resume", mappings=["CUSTOMER"])
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] == "Ulm"


async def test_row_120_a_mapping_can_do_without_live_changes(stage: Stage) -> None:
    """`live: false`: its `sync` carries what has changed; nobody reads its tables in between."""
    await stage.configure(CUSTOMER={"live": False})
    bc, sales = await pair(stage)
    marks = stage.bc.mark(), stage.sales.mark()
    stage.bc.edit(bc, city="Ulm")
    stage.sales.edit(sales, telephone1="7")
    await stage.live()
    assert [one.table for one in stage.sales.writes(marks[1])] == ["accounts"], "the edit itself, and no other"
    assert [one for one in stage.bc.reads(marks[0]) if one.table == "customers"] == []
    assert [one for one in stage.sales.reads(marks[1]) if one.table == "accounts"] == []
    await stage.sync("CUSTOMER")
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    assert stage.bc.get(bc)["phoneNumber"] == "7"


@pytest.mark.parametrize("side", [Side.BC, Side.SALES])
async def test_a_sync_carries_what_was_committed_later_than_it_was_stamped(stage: Stage, side: Side) -> None:
    """Another record's newer time stamp was seen by the sync before; what that has carried is not counted again."""
    await stage.configure(CUSTOMER={"live": False})
    bc, sales = await pair(stage)
    other = customer(stage, "Fabrikam")
    await stage.full_sync("CUSTOMER")
    system = stage.bc if side is Side.BC else stage.sales
    stage.clock.tick(60)
    system.edit(f"customers({other})" if side is Side.BC else f"accounts({other})", **_city(side, "Wien"))
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", _way(side)] == {"modified": 1}
    system.control.post("clock", json={"offset_seconds": -30}).raise_for_status()
    system.edit(bc if side is Side.BC else sales, **_city(side, "Ulm"))
    system.control.post("clock", json={"offset_seconds": 0}).raise_for_status()
    at_the_mark = {"unchanged": 1}
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", _way(side)] == {"modified": 1, **at_the_mark}
    assert (stage.bc.get(bc)["city"], stage.sales.get(sales)["address1_city"]) == ("Ulm", "Ulm")
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", _way(side)] == at_the_mark


def _city(side: Side, city: str) -> dict[str, str]:
    return {"city": city} if side is Side.BC else {"address1_city": city}


def _way(side: Side) -> str:
    return TO_SALES if side is Side.BC else TO_BC


async def test_row_120_of_two_mappings_of_a_table_each_has_its_own_way(stage: Stage) -> None:
    """Products are read for the one; the other ignores them, and nothing is lost to it."""
    await stage.configure(ITEM_PRODUCT={"live": False})
    await stage.live()
    item, work = await edited_products(stage)
    assert stage.bc.get(f"items({item['id']})")["displayName"] == "Kettle"
    assert stage.bc.get(f"{stage.resources}({work['id']})")["displayName"] == "Better Repair"
    await stage.sync("ITEM-PRODUCT")
    assert stage.bc.get(f"items({item['id']})")["displayName"] == "Better Kettle"


async def test_row_120_what_fails_is_tried_again_and_what_is_chosen_is_carried_without_live_changes(
    stage: Stage,
) -> None:
    await stage.configure(CUSTOMER={"live": False})
    bc, sales = await pair(stage)
    stage.sales.edit(sales, emailaddress1="nobody")
    await stage.sync("CUSTOMER")
    assert len(await stage.errors()) == 1
    stage.sales.edit(sales, emailaddress1="ann@house.example")
    await stage.command("retry")
    await stage.live()
    assert stage.bc.get(bc)["email"] == "ann@house.example"
    assert await stage.errors() == []


async def test_what_a_batch_at_hand_lets_go_by_as_the_pause_ends_is_caught_up_with(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began under the pause, and tells that it missed something when `resume` has looked already."""
    bc, sales = await pair(stage, city="Ulm")
    missed, recording = stage.parts.missed(lambda: None), stage.store.memory.record
    await stage.command("pause", mappings=["CUSTOMER"])
    stage.bc.edit(bc, city="Wien")
    topic = stage.topics.table(Side.BC, "customers")
    found = await stage.parts.sides.reader(Side.BC).read(stage.parts.mappings["CUSTOMER"], [bc.split("(")[1][:-1]])
    change = rows.change(stage.parts.mappings["CUSTOMER"].bc, next(iter(found.values())), Op.UPDATE, 1)
    await stage.log.publish(topic, [change], packed=False)

    async def resumed_first(*batch: Any) -> Any:
        monkeypatch.undo()
        await stage.parts.control(lambda: None).take(b'{"id": "r", "command": "resume"}', "r")
        return await recording(*batch)

    monkeypatch.setattr(stage.store.memory, "record", resumed_first)
    await stage.deliver(Side.BC, "customers")
    await stage.work()
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    for _ in range(2):
        await missed.once()
    await stage.work()
    assert stage.sales.get(sales)["address1_city"] == "Wien"
    for _ in range(2):
        await missed.once()
    assert len([one for one in await stage.store.jobs.runs() if one.kind is RunKind.CATCH_UP]) == 1


async def test_row_120_a_sync_of_a_paused_mapping_is_refused(stage: Stage) -> None:
    """It would carry nothing of it, and end as if all were well."""
    bc, sales = await pair(stage)
    await stage.command("pause", mappings=["CUSTOMER"])
    stage.bc.edit(bc, city="Ulm")
    for command in ({"name": "sync"}, {"name": "full-sync", "answer": "restore"}, {"name": "verify", "repair": True}):
        told = await stage.command(**command, mappings=["CURRENCY", "CUSTOMER"])
        assert told.state == "refused"
        assert told.error
        assert told.error.code == "mapping-paused"
        assert "coupled resume CUSTOMER" in told.error.hint
    assert (await stage.command("full-sync", mappings=["CUSTOMER"], dry_run=True)).state == "done"

    told = await stage.command("sync")
    assert told.state == "done"
    messages = {job["message"] for job in told.jobs if job["mapping"] == "CUSTOMER"}
    assert messages == {"left out: the mapping is paused (`coupled resume CUSTOMER`)"}
    assert {job["message"] for job in told.jobs if job["mapping"] != "CUSTOMER"} == {""}
    assert stage.sales.get(sales)["address1_city"] is None
    await stage.command("resume", mappings=["CUSTOMER"])
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] == "Ulm"


async def test_row_121_a_change_reaches_every_mapping_of_its_table(stage: Stage) -> None:
    await stage.live()
    item, resource = await edited_products(stage)
    assert stage.bc.get(f"items({item['id']})")["displayName"] == "Better Kettle"
    assert stage.bc.get(f"{stage.resources}({resource['id']})")["displayName"] == "Better Repair"


@pytest.mark.parametrize("name", ["bc", "sales"])
async def test_row_122_a_side_that_is_away_fails_no_record_and_no_job(stage: Stage, name: str) -> None:
    customer(stage)
    account(stage)
    side = stage.bc if name == "bc" else stage.sales
    side.arm(status=503, count=40)
    done = await stage.full_sync(*CUSTOMERS)
    assert side.armed() == []
    assert done["CUSTOMER", TO_SALES] == {"inserted": 1}
    assert done["CUSTOMER", TO_BC] == {"inserted": 1, "unchanged": 1}
    assert names(stage) == (["Adatum", "Fabrikam"], ["Adatum", "Fabrikam"])
    assert await stage.errors() == []


async def test_row_123_tries_come_further_and_further_apart_and_then_the_job_has_failed(stage: Stage) -> None:
    stage.sales.arm(status=503, count=10_000, method="GET", path="/systemusers")
    since, before = stage.sales.mark(), stage.clock.now()
    told = await stage.command("full-sync", mappings=["SALESPEOPLE", "UNITOFMEASURE"], answer="restore")
    assert told.state == "failed"
    assert told.error is not None
    assert "SALESPEOPLE" in told.error.message
    states = {job["mapping"]: job["state"] for job in told.jobs}
    assert states == {"SALESPEOPLE": "failed", "UNITOFMEASURE": "finished"}
    entries = stage.sales.control.get("requests", params={"since": since}).json()["entries"]
    times = [datetime.fromisoformat(one["time"]) for one in entries if "/systemusers" in one["path"]]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert gaps[0] < 5 < 60 <= max(gaps)
    assert 600 < (stage.clock.now() - before).total_seconds() < 3600 * 3


async def test_row_124_a_sync_of_everything_runs_all_mappings_in_order_and_sets_nothing(stage: Stage) -> None:
    before = await stage.only_coupled()
    done = await stage.sync()
    names_of_jobs = list(dict.fromkeys(name for name, _ in done))
    assert names_of_jobs == [mapping.name for mapping in stage.parts.mappings.all]
    assert await stage.only_coupled() == before


async def test_row_125_a_sync_of_one_mapping_is_about_that_one_only(stage: Stage) -> None:
    bc, sales = await pair(stage)
    [usd] = [row for row in stage.bc.rows("currencies") if row["code"] == "USD"]
    stage.bc.edit(bc, city="Ulm")
    stage.bc.edit(f"currencies({usd['id']})", displayName="Greenback")
    done = await stage.sync("CUSTOMER")
    assert list(done) == [("CUSTOMER", TO_SALES), ("CUSTOMER", TO_BC)]
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    assert "Greenback" not in {row["currencyname"] for row in stage.sales.rows("transactioncurrencies")}


async def test_row_130_hundreds_of_failed_records_are_read_in_requests_short_enough(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"only_coupled": False})
    await stage.full_sync("CURRENCY")
    for number in range(420):
        account(stage, f"Firm {number:03}")
    stage.bc.arm(status=403, count=10_000, method="POST", path="/customers")
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", TO_BC] == {"failed": 420}
    stage.bc.disarm()
    since = stage.sales.mark()
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", TO_BC] == {"inserted": 420}
    reads = [one.path for one in stage.sales.log(since) if one.method == "GET" and one.table == "accounts"]
    assert len(reads) > 2
    assert max(map(len, reads)) < 32_768
    assert len(stage.bc.rows("customers")) == 420


async def test_row_126_everything_of_one_mapping_is_looked_at_again_as_it_is_set(stage: Stage) -> None:
    _, sales = await pair(stage)
    customer(stage, "Contoso")
    await stage.sync("CUSTOMER")
    done = await stage.command("sync", mappings=["CUSTOMER"], all=True)
    [to_sales, to_bc] = done.jobs
    assert (to_sales["unchanged"], to_sales["ignored"], to_bc["unchanged"]) == (1, 1, 1)
    assert names(stage) == (["Adatum", "Contoso"], ["Adatum"])
    assert sales in {f"accounts({key})" for key in (await stage.couplings("CUSTOMER")).values()}


async def test_row_127_what_was_edited_on_the_wrong_side_of_a_one_way_mapping_is_put_right(stage: Stage) -> None:
    await stage.full_sync("UNITOFMEASURE", "CURRENCY")
    [dollar] = [row for row in stage.sales.rows("transactioncurrencies") if row["isocurrencycode"] == "USD"]
    path = f"transactioncurrencies({dollar['transactioncurrencyid']})"
    stage.sales.edit(path, currencyname="Buck")
    await stage.full_sync("CURRENCY")
    assert stage.sales.get(path)["currencyname"] == "Buck", "nothing says that it was edited"
    mark = stage.sales.mark()
    await stage.command("verify", mappings=["CURRENCY"], repair=True)
    assert stage.sales.get(path)["currencyname"] == "US-Dollar"
    assert len(stage.sales.writes(mark)) == 1
