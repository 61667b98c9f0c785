"""What is no change, and what is, rows 52–58: our own writes, unmapped fields, equal data, one-way mappings."""

from __future__ import annotations

from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, pair
from tests.support.stage import Stage
from tests.support.stage_mappings import field


async def written_since(stage: Stage, marks: tuple[int, int]) -> tuple[int, int]:
    return len(stage.bc.writes(marks[0])), len(stage.sales.writes(marks[1]))


def marks(stage: Stage) -> tuple[int, int]:
    return stage.bc.mark(), stage.sales.mark()


async def test_row_052_a_second_run_transfers_nothing(stage: Stage) -> None:
    customer(stage)
    account(stage)
    await stage.full_sync(*CUSTOMERS)
    before = marks(stage)
    for done in (await stage.sync(*CUSTOMERS), await stage.full_sync(*CUSTOMERS)):
        assert {outcome for job in done.values() for outcome in job} <= {"unchanged"}
    await stage.live()
    assert await written_since(stage, before) == (0, 0)


async def test_row_053_our_own_writes_do_not_come_back(stage: Stage) -> None:
    """They are known by their content, so nobody has to know who wrote a record."""
    bc, sales = await pair(stage)
    stage.bc.edit(bc, city="Ulm")
    stage.sales.edit(sales, telephone1="+49 1")
    await stage.live()
    before = marks(stage)
    await stage.live()
    done = await stage.sync("CUSTOMER")
    assert done == {("CUSTOMER", TO_SALES): {"unchanged": 1}, ("CUSTOMER", TO_BC): {"unchanged": 1}}
    assert await written_since(stage, before) == (0, 0)


async def test_row_054_what_the_integration_user_changes_by_other_means_is_carried(stage: Stage) -> None:
    """Whoever edits here signs in as the daemon does, in a bidirectional mapping too."""
    bc, sales = await pair(stage)
    stage.sales.edit(sales, address1_city="Ulm")
    [row] = stage.sales.rows("accounts?$select=_modifiedby_value")
    [user] = [one for one in stage.sales.rows("systemusers") if one["applicationid"]]
    assert row["_modifiedby_value"] == user["systemuserid"]
    await stage.live()
    assert stage.bc.get(bc)["city"] == "Ulm"


async def test_row_055_a_record_nobody_touched_costs_no_request(stage: Stage) -> None:
    await pair(stage)
    before = marks(stage)
    done = await stage.full_sync("CUSTOMER")
    assert done == {("CUSTOMER", TO_SALES): {"unchanged": 1}, ("CUSTOMER", TO_BC): {"unchanged": 1}}
    assert await written_since(stage, before) == (0, 0)
    assert [one for one in stage.sales.reads(before[1]) if "(" in one.path.partition("?")[0]] == []


async def test_row_056_an_edit_of_an_unmapped_field_is_unchanged_and_known_from_then_on(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.sales.edit(sales, description="nobody maps this")
    done = await stage.sync("CUSTOMER")
    assert done["CUSTOMER", TO_BC] == {"unchanged": 1}
    stage.bc.edit(bc, city="Ulm")
    since = stage.sales.mark()
    await stage.sync("CUSTOMER")
    assert [one.status for one in stage.sales.writes(since)] == [200], "the version was known, so the first try is good"
    assert stage.sales.get(sales)["description"] == "nobody maps this"


async def test_row_057_a_full_run_on_equal_data_writes_nothing(stage: Stage) -> None:
    """The original writes every coupled record again, and counts it as modified."""
    await pair(stage)
    since = stage.sales.mark()
    done = await stage.full_sync(*CUSTOMERS)
    assert done["CUSTOMER", TO_SALES] == {"unchanged": 1}
    assert stage.sales.writes(since) == []


async def test_row_058_a_one_way_mapping_overwrites_without_a_conflict(stage: Stage) -> None:
    await stage.configure(
        CUSTOMER={"direction": "to_sales", "on_update_conflict": "fail", "fields": field("name", max_length=50)}
    )
    bc, sales = await pair(stage)
    stage.sales.edit(sales, name="Renamed there", telephone1="+49 1")
    stage.bc.edit(bc, displayName="Renamed here")
    done = await stage.sync("CUSTOMER")
    assert done == {("CUSTOMER", TO_SALES): {"modified": 1}}
    await stage.live()
    assert stage.sales.get(sales)["name"] == stage.bc.get(bc)["displayName"] == "Renamed here"
    assert stage.bc.get(bc)["phoneNumber"] == ""
    assert await stage.errors() == []
