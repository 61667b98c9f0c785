"""Records that fail, rows 72–85 and 133: told, tried again, skipped after the same failure twice, retried."""

from __future__ import annotations

import pytest

from schemas.job import RunState
from schemas.side import Side
from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, pair
from tests.support.stage import Stage

BAD, WORSE, GOOD = "nobody", "nobody at all", "ann@house.example"


async def failing(stage: Stage, name: str = "Adatum") -> tuple[str, str]:
    """A coupled pair whose account Business Central refuses to take over, not tried yet; their paths."""
    paths = await pair(stage, name)
    stage.sales.edit(paths[1], emailaddress1=BAD)
    return paths


async def to_bc(stage: Stage) -> dict[str, int]:
    """What a `sync` of the customers counts towards Business Central."""
    return (await stage.sync("CUSTOMER"))["CUSTOMER", TO_BC]


async def skipped(stage: Stage, name: str = "Adatum") -> tuple[str, str]:
    paths = await failing(stage, name)
    await to_bc(stage)
    assert "skipped" in await to_bc(stage)
    return paths


async def test_row_072_the_first_failure_is_told_with_both_records_and_the_time(stage: Stage) -> None:
    bc, sales = await failing(stage)
    before = stage.clock.now()
    assert await to_bc(stage) == {"failed": 1}
    [error] = await stage.errors()
    assert (f"customers({error.bc_id})", f"accounts({error.sales_id})") == (bc, sales)
    assert error.state == "failed"
    assert BAD in error.problem.message
    assert before < error.last_at <= stage.clock.now()
    assert stage.bc.get(bc)["email"] == ""


async def test_row_073_a_failed_record_is_tried_again_though_nobody_touched_it(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.sales.edit(sales, address1_city="Ulm")
    stage.bc.arm(status=403, count=1, method="PATCH", path="/customers")
    assert await to_bc(stage) == {"failed": 1}
    assert await to_bc(stage) == {"modified": 1}
    assert stage.bc.get(bc)["city"] == "Ulm"
    assert await stage.errors() == []


async def test_row_074_and_075_the_same_failure_twice_in_a_row_skips_the_record(stage: Stage) -> None:
    await failing(stage)
    assert await to_bc(stage) == {"failed": 1}
    assert await to_bc(stage) == {"skipped": 1}
    [error] = await stage.errors()
    assert error.state == "skipped"


async def test_row_078_what_a_skipped_record_is_told_to_do_next_is_what_helps(stage: Stage) -> None:
    """No edit carries it any more: the hint of the failure must not promise that."""
    bc, sales = await skipped(stage)
    stage.sales.edit(sales, emailaddress1=GOOD)
    await stage.live()
    [error] = await stage.errors()
    assert error.state == "skipped"
    assert error.problem.hint.startswith("Correct the record, then retry it.")
    assert "not once it is skipped" in error.problem.hint
    await stage.command("retry")
    await stage.live()
    assert stage.bc.get(bc)["email"] == GOOD
    assert await stage.errors() == []


async def test_row_076_another_failure_does_not_skip_it(stage: Stage) -> None:
    _, sales = await failing(stage)
    await to_bc(stage)
    stage.sales.edit(sales, emailaddress1=WORSE)
    assert await to_bc(stage) == {"failed": 1}
    [error] = await stage.errors()
    assert error.state == "failed"
    assert WORSE in error.problem.message


async def test_row_077_a_success_in_between_clears_the_failure(stage: Stage) -> None:
    _, sales = await failing(stage)
    await to_bc(stage)
    stage.sales.edit(sales, emailaddress1=GOOD)
    assert await to_bc(stage) == {"modified": 1}
    assert await stage.errors() == []
    stage.sales.edit(sales, emailaddress1=BAD)
    assert await to_bc(stage) == {"failed": 1}, "the first one counts no more"


async def test_row_078_a_skipped_record_is_left_alone(stage: Stage) -> None:
    bc, sales = await skipped(stage)
    stage.sales.edit(sales, emailaddress1=GOOD)
    since = stage.bc.mark()
    assert await to_bc(stage) == {"skipped": 1}
    await stage.live()
    assert stage.bc.writes(since) == []
    assert stage.bc.get(bc)["email"] == ""


async def test_row_079_a_skip_holds_in_both_directions(stage: Stage) -> None:
    bc, sales = await skipped(stage)
    stage.bc.edit(bc, city="Ulm")
    done = await stage.sync("CUSTOMER")
    assert done["CUSTOMER", TO_SALES] == {"skipped": 1}
    assert stage.sales.get(sales)["address1_city"] is None
    assert {error.state for error in await stage.errors()} == {"skipped"}


@pytest.mark.parametrize("side", ["bc_id", "sales_id"])
async def test_row_080_retry_carries_the_chosen_records_again(stage: Stage, side: str) -> None:
    bc, sales = await skipped(stage, "Adatum")
    _, other = await skipped(stage, "Contoso")
    for path in (sales, other):
        stage.sales.edit(path, emailaddress1=f"{path[9:13]}@house.example")
    chosen, *_ = [error for error in await stage.errors() if f"accounts({error.sales_id})" == sales]
    await stage.command("retry", records=[getattr(chosen, side)])
    await stage.live()
    assert stage.bc.get(bc)["email"] == f"{sales[9:13]}@house.example"
    assert {f"accounts({error.sales_id})" for error in await stage.errors()} == {other}


async def test_row_080_a_record_may_be_named_by_its_number_and_one_that_does_not_fail_is_refused(stage: Stage) -> None:
    bc, sales = await skipped(stage, "Adatum")
    number, chosen = stage.bc.get(bc)["number"], {"mappings": ["CUSTOMER"]}
    stage.sales.edit(sales, emailaddress1="info@house.example")
    told = await stage.command("retry", records=[number], **chosen)
    assert (told.state, told.error) == (RunState.DONE, None)
    await stage.live()
    assert await stage.errors() == []
    for records, code in (
        ([number], "record-not-failing"),
        (["nobody"], "record-unknown"),
        ([f"C{name}" for name in range(101)], "too-many-names"),
    ):
        stage.clock.tick(1)
        told = await stage.command("retry", records=records, **chosen)
        assert told.error
        assert told.error.code == code


async def test_row_081_retry_all_carries_everything_again(stage: Stage) -> None:
    made = [await skipped(stage, name) for name in ("Adatum", "Contoso")]
    stage.bc.edit(made[0][0], city="Ulm")
    await stage.live()
    for number, (_, sales) in enumerate(made):
        stage.sales.edit(sales, emailaddress1=f"info{number}@house.example")
    await stage.command("retry")
    await stage.live()
    assert await stage.errors() == []
    assert [stage.bc.get(bc)["email"] for bc, _ in made] == ["info0@house.example", "info1@house.example"]
    assert stage.sales.get(made[0][1])["address1_city"] == "Ulm", "what was held back meanwhile travels too"


async def test_row_083_a_record_that_could_not_be_created_is_tried_again(stage: Stage) -> None:
    """The original forgets it until it is modified: without a coupling, it has nowhere to note the failure."""
    await stage.full_sync("CURRENCY")
    await stage.configure(CUSTOMER={"only_coupled": False})
    key = account(stage)
    stage.bc.arm(status=403, count=1, method="POST", path="/customers")
    assert await to_bc(stage) == {"failed": 1}
    [error] = await stage.errors()
    assert (error.bc_id, error.sales_id) == (None, key)
    assert await to_bc(stage) == {"inserted": 1}
    assert await stage.errors() == []


async def test_row_083_it_is_still_to_be_created_when_only_coupled_is_on_again(stage: Stage) -> None:
    key = account(stage)
    stage.bc.arm(status=403, count=1, method="POST", path="/customers")
    assert (await stage.full_sync(*CUSTOMERS))["CUSTOMER", TO_BC] == {"failed": 1}
    assert (await stage.only_coupled())["CUSTOMER"]
    await stage.command("retry", records=[key])
    await stage.live()
    assert key in (await stage.couplings("CUSTOMER")).values()
    assert await stage.errors() == []


async def test_row_083_an_edit_is_enough_though_only_coupled_is_on(stage: Stage) -> None:
    """Who mends the record by what its failure says need not know of "only coupled", nor of `retry`."""
    await stage.live()
    key = account(stage)
    stage.bc.arm(status=403, count=1, method="POST", path="/customers")
    assert (await stage.full_sync(*CUSTOMERS))["CUSTOMER", TO_BC] == {"failed": 1}
    never_tried = account(stage, name="Never tried")
    stage.sales.edit(f"accounts({key})", name="Adatum AG")
    stage.sales.edit(f"accounts({never_tried})", name="Never tried AG")
    await stage.live()
    assert list((await stage.couplings("CUSTOMER")).values()) == [key]
    assert await stage.errors() == []


async def test_row_084_a_failed_record_that_leaves_the_filter_is_no_error_any_more(stage: Stage) -> None:
    """The original goes on trying it, filter or not. Here the filter says which records the mapping is about."""
    bc, sales = await failing(stage)
    await to_bc(stage)
    stage.sales.edit(sales, statecode=1, statuscode=2, emailaddress1=GOOD)
    assert await to_bc(stage) == {"ignored": 1}
    assert await stage.errors() == []
    assert stage.bc.get(bc)["email"] == ""
    stage.sales.edit(sales, statecode=0, statuscode=1)
    assert await to_bc(stage) == {"modified": 1}
    assert stage.bc.get(bc)["email"] == GOOD


async def test_row_084_nor_is_one_that_live_capture_sees_leave(stage: Stage) -> None:
    _, sales = await failing(stage)
    await stage.live()
    assert [error.state for error in await stage.errors()] == ["failed"]
    stage.sales.edit(sales, statecode=1, statuscode=2)
    await stage.live()
    assert await stage.errors() == []


async def test_row_085_a_failing_record_does_not_stop_the_others(stage: Stage) -> None:
    for name, email in (("Adatum", GOOD), ("Contoso", BAD), ("Fabrikam", "info@fabrikam.example")):
        account(stage, name, emailaddress1=email)
    done = await stage.full_sync(*CUSTOMERS)
    assert done["CUSTOMER", TO_BC] == {"inserted": 2, "failed": 1}
    assert sorted(row["displayName"] for row in stage.bc.rows("customers")) == ["Adatum", "Fabrikam"]


async def test_row_133_a_full_synchronisation_leaves_a_skipped_record_alone(stage: Stage) -> None:
    bc, sales = await skipped(stage)
    stage.sales.edit(sales, emailaddress1=GOOD)
    customer(stage, "Contoso")
    done = await stage.full_sync("CUSTOMER")
    assert done["CUSTOMER", TO_SALES] == {"skipped": 1, "inserted": 1}
    assert done["CUSTOMER", TO_BC] == {"skipped": 1, "unchanged": 1}
    assert stage.bc.get(bc)["email"] == ""


@pytest.mark.parametrize("command", ["live", "sync"])
async def test_an_older_copy_of_a_record_closes_no_failure_of_a_newer_one(stage: Stage, command: str) -> None:
    """A sweep read it before, and was slower than live capture: what failed would be nowhere any more (promise 3)."""
    bc, sales = await pair(stage)
    name = stage.topics.table(Side.SALES, "accounts")
    stage.sales.edit(sales, address1_city="Ulm")
    await stage.live()
    *_, told = [message for message, _ in stage.log.read(name)]
    stage.sales.edit(sales, address1_city="Bonn")
    stage.bc.arm(status=403, count=1, method="PATCH", path="/customers")
    await (stage.live() if command == "live" else stage.sync("CUSTOMER"))
    [error] = await stage.errors()
    stage.log.put(name, told.key, told.value)
    await stage.work()
    assert [one.id for one in await stage.errors()] == [error.id]
    await stage.command("retry")
    await stage.live()
    assert (stage.bc.get(bc)["city"], await stage.errors()) == ("Bonn", [])


@pytest.mark.parametrize("gone", ["customer", "account"])
async def test_row_111_the_error_says_what_can_be_done_when_a_side_is_deleted(stage: Stage, gone: str) -> None:
    bc, sales = await pair(stage)
    if gone == "customer":
        stage.bc.delete(bc)
        stage.sales.edit(sales, address1_city="Ulm")
    else:
        stage.sales.delete(sales)
        stage.bc.edit(bc, city="Ulm")
    await stage.live()
    [error] = await stage.errors()
    assert error.problem.code == "coupled-to-deleted"
    for way in ("restore", "uncouple", "coupled uncouple"):
        assert way in error.problem.hint
    await stage.command("uncouple", mapping="CUSTOMER", records=[error.source_key])
    assert await stage.couplings("CUSTOMER") == {}
