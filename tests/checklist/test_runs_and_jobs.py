"""Runs and their jobs, rows 24–42: dependence, states, "only coupled", the job log."""

from __future__ import annotations

import pytest

from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, names, pair
from tests.support.stage import Stage
from tests.support.stage_mappings import standard

DISABLED = {"fields": lambda fields: [{**one, "status": "disabled"} for one in fields]}
BOTH = [TO_SALES, TO_BC]


@pytest.mark.parametrize(
    ("broken", "blocked"),
    [
        ("currencies", {"CUSTOMER", "CONTACTS"}),
        ("unitsOfMeasure", {"RESOURCE-PRODUCT", "ITEM-PRODUCT"}),
        ("customers", {"CONTACTS"}),
    ],
)
async def test_row_023_and_024_and_025_dependencies_are_those_of_table_1_1(
    stage: Stage, broken: str, blocked: set[str]
) -> None:
    stage.bc.arm(status=403, count=100, method="GET", path=f"/{broken}")
    await stage.command("full-sync", answer="restore")
    log = await stage.jobs()
    assert {job["mapping"] for job in log if "not started" in job["message"]} == blocked
    assert {job["state"] for job in log if not job["message"]} == {"finished"}


async def test_row_026_a_dependency_that_is_not_part_of_the_run_does_not_block(stage: Stage) -> None:
    await stage.full_sync("CURRENCY")
    customer(stage)
    done = await stage.full_sync("CUSTOMER")
    assert done["CUSTOMER", TO_SALES] == {"inserted": 1}


async def test_row_028_a_finished_job_starts_its_dependants_without_anybody_asking(stage: Stage) -> None:
    customer(stage)
    asked = await stage.command("full-sync", answer="restore")
    assert asked.state == "done"
    assert {job["state"] for job in asked.jobs} == {"finished"}
    assert names(stage) == (["Adatum"], ["Adatum"])


async def test_row_029_failed_records_do_not_block_dependants_a_failed_job_does(stage: Stage) -> None:
    account(stage, "Fabrikam", emailaddress1="nobody")
    log = await stage.full_sync(*CUSTOMERS, "CONTACTS")
    assert log["CUSTOMER", TO_BC] == {"failed": 1}
    assert {job["state"] for job in await stage.jobs()} == {"finished"}
    stage.sales.arm(status=403, count=100, method="GET", path="/accounts")
    told = await stage.command("full-sync", mappings=[*CUSTOMERS, "CONTACTS"], answer="restore")
    assert told.state == "failed"
    states = {(job["mapping"], job["direction"]): job["state"] for job in told.jobs}
    assert states["CUSTOMER", TO_BC] == states["CONTACTS", TO_SALES] == "failed"


async def test_row_030_jobs_wait_run_and_finish_to_sales_before_to_bc(stage: Stage) -> None:
    customer(stage)
    asked = await stage.command("full-sync", mappings=list(CUSTOMERS), answer="restore")
    seen: list[tuple[str, ...]] = []
    for told in stage.outcomes(asked.id):
        states = tuple(job["state"] for job in told.jobs if job["mapping"] == "CUSTOMER")
        if states and states not in seen[-1:]:
            seen.append(states)
    assert seen == [
        ("waiting", "waiting"),
        ("running", "waiting"),
        ("finished", "waiting"),
        ("finished", "running"),
        ("finished", "finished"),
    ]


async def test_row_031_a_job_with_failed_records_is_finished_and_counts_them(stage: Stage) -> None:
    """Whether any or all of them failed: the record's error is on the errors page, the command line exits with 1."""
    for email in ("nobody", "ann@house.example"):
        account(stage, f"Firm {email}", emailaddress1=email)
    done = await stage.full_sync(*CUSTOMERS)
    assert done["CUSTOMER", TO_BC] == {"inserted": 1, "failed": 1}
    assert {job["state"] for job in await stage.jobs()} == {"finished"}


async def test_row_032_and_033_one_full_synchronisation_at_a_time(stage: Stage) -> None:
    first = await stage.command("full-sync", mappings=["CURRENCY"])
    second = await stage.command("full-sync", mappings=["UNITOFMEASURE"])
    assert second.state == "refused"
    assert second.error is not None
    assert second.error.code == "full-sync-active"
    await stage.command("answer", run=first.id, answer="restore")
    assert (await stage.command("full-sync", mappings=["CURRENCY"], answer="restore")).state == "done"


async def test_row_035_only_coupled_is_on_for_the_seven_mappings(stage: Stage) -> None:
    flags = await stage.only_coupled()
    assert len(flags) == 7
    assert set(flags.values()) == {True}


async def test_row_036_only_coupled_leaves_uncoupled_records_alone(stage: Stage) -> None:
    """They are counted as ignored, so that published = sum of outcomes, and as nothing else."""
    customer(stage)
    account(stage)
    done = await stage.sync("CUSTOMER")
    assert done == {("CUSTOMER", TO_SALES): {"ignored": 1}, ("CUSTOMER", TO_BC): {"ignored": 1}}
    await stage.live()
    assert names(stage) == (["Adatum"], ["Fabrikam"])
    assert await stage.errors() == []


async def test_row_037_what_is_ignored_is_not_read_again(stage: Stage) -> None:
    for name in ("Adatum", "Contoso", "Fabrikam"):
        customer(stage, name)
        stage.clock.tick(3600)
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", TO_SALES] == {"ignored": 3}
    again = await stage.sync("CUSTOMER")
    assert again["CUSTOMER", TO_SALES] == {"ignored": 1}, "only the newest is looked at twice"


async def test_row_038_without_only_coupled_a_new_record_gets_a_partner(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"only_coupled": False})
    await stage.live()
    await stage.full_sync("CURRENCY")
    customer(stage)
    done = await stage.sync("CUSTOMER")
    assert done["CUSTOMER", TO_SALES] == {"inserted": 1}
    assert len(await stage.couplings("CUSTOMER")) == 1
    account(stage)
    await stage.live()
    assert names(stage) == (["Adatum", "Fabrikam"], ["Adatum", "Fabrikam"])


async def test_row_040_both_directions_of_a_mapping_are_jobs_of_their_own(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.bc.edit(bc, city="Ulm")
    done = await stage.sync("CUSTOMER")
    assert list(done) == [("CUSTOMER", way) for way in BOTH]
    assert done["CUSTOMER", TO_SALES]["modified"] == 1
    assert stage.sales.get(sales)["address1_city"] == "Ulm"


async def test_row_041_a_run_with_nothing_to_do_is_on_the_log(stage: Stage) -> None:
    await stage.sync("CUSTOMER", "CURRENCY")
    log = await stage.jobs()
    assert {(job["mapping"], job["direction"]) for job in log} == {
        ("CURRENCY", TO_SALES),
        ("CUSTOMER", TO_SALES),
        ("CUSTOMER", TO_BC),
    }
    assert {job["state"] for job in log} == {"finished"}


async def test_row_042_no_command_can_ask_for_a_direction(stage: Stage) -> None:
    before = stage.sales.mark()
    told = await stage.command("sync", mappings=["SALESPEOPLE"], direction=TO_SALES)
    assert told.state == "refused"
    assert "direction" in str(told.error)
    assert await stage.jobs() == []
    assert stage.sales.mark() == before


@pytest.mark.parametrize("name", ["UNITOFMEASURE", "CUSTOMER"])
def test_row_043_a_mapping_without_an_enabled_field_is_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(ValueError, match="no enabled field travels to_sales"):
        standard(**{name: DISABLED})


async def test_row_109_uncoupling_salespeople_is_a_job_like_any_other(stage: Stage) -> None:
    await stage.full_sync("SALESPEOPLE")
    ((bc, user),) = (await stage.couplings("SALESPEOPLE")).items()
    marks = stage.bc.mark(), stage.sales.mark()
    told = await stage.command("uncouple", mapping="SALESPEOPLE", records=[bc])
    assert told.state == "done"
    assert await stage.couplings("SALESPEOPLE") == {}
    newest = (await stage.jobs())[0]
    assert (newest["mapping"], newest["uncoupled"]) == ("SALESPEOPLE", 1)
    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])
    assert stage.sales.get(f"systemusers({user})")["fullname"] == "Ann Beebe"
