"""Both sides changed since they last agreed, rows 59–66."""

from __future__ import annotations

import pytest

from tests.support.house import TO_BC, TO_SALES, pair
from tests.support.stage import Jobs, Stage

BOTH = (("CUSTOMER", TO_SALES), ("CUSTOMER", TO_BC))


def both(counters: dict[str, int]) -> Jobs:
    """The same counters in both directions."""
    return dict.fromkeys(BOTH, counters)


async def both_edited(stage: Stage, bc: dict[str, object], sales: dict[str, object], policy: str) -> tuple[str, str]:
    """A coupled pair, each side edited before the other's edit is seen; their paths."""
    await stage.configure(CUSTOMER={"on_update_conflict": policy})
    paths = await pair(stage)
    stage.bc.edit(paths[0], **bc)
    stage.sales.edit(paths[1], **sales)
    return paths


@pytest.mark.parametrize("policy", ["fail", "merge"])
async def test_row_059_both_changed_same_field(stage: Stage, policy: str) -> None:
    bc, sales = await both_edited(stage, {"city": "Ulm"}, {"address1_city": "Bonn"}, policy)
    done = await stage.sync("CUSTOMER")
    assert done == both({"conflict": 1})
    await stage.live()
    assert (stage.bc.get(bc)["city"], stage.sales.get(sales)["address1_city"]) == ("Ulm", "Bonn")
    assert len(await stage.errors()) == 1


async def test_row_060_both_changed_different_fields_is_a_conflict_under_fail(stage: Stage) -> None:
    bc, sales = await both_edited(stage, {"city": "Ulm"}, {"telephone1": "+49 1"}, "fail")
    assert await stage.sync("CUSTOMER") == both({"conflict": 1})
    assert stage.sales.get(sales)["address1_city"] is None
    assert stage.bc.get(bc)["phoneNumber"] == ""


async def test_row_060_both_changed_different_fields_is_none_as_the_standard_mappings_are(stage: Stage) -> None:
    bc, sales = await both_edited(stage, {"city": "Ulm"}, {"telephone1": "+49 1"}, "merge")
    await stage.sync("CUSTOMER")
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    assert stage.bc.get(bc)["phoneNumber"] == "+49 1"
    assert await stage.errors() == []


@pytest.mark.parametrize("policy", ["fail", "merge"])
@pytest.mark.parametrize(
    ("bc_edit", "sales_edit"),
    [
        ({"city": "Ulm"}, {"description": "unmapped"}),
        ({"taxRegistrationNumber": "DE1"}, {"address1_city": "Ulm"}),
        ({"creditLimit": 500}, {"address1_city": "Ulm"}),
        ({"city": "Ulm"}, {"creditlimit": 500}),
    ],
)
async def test_row_061_an_unmapped_or_one_way_field_makes_no_conflict(
    stage: Stage, policy: str, bc_edit: dict[str, object], sales_edit: dict[str, object]
) -> None:
    bc, sales = await both_edited(stage, bc_edit, sales_edit, policy)
    await stage.sync("CUSTOMER")
    await stage.live()
    assert await stage.errors() == []
    assert stage.bc.get(bc)["city"] == stage.sales.get(sales)["address1_city"] == "Ulm"
    if "creditLimit" in bc_edit:
        assert stage.sales.get(sales)["creditlimit"] == 500


async def test_row_062_a_one_way_field_on_one_side_and_another_field_on_the_other_is_no_conflict(stage: Stage) -> None:
    """The 2019 product refuses this; later ones, and `coupled`, carry both."""
    bc, sales = await both_edited(stage, {"creditLimit": 750}, {"telephone1": "+49 1"}, "fail")
    done = await stage.sync("CUSTOMER")
    assert [done[job].get("conflict") for job in BOTH] == [None, None]
    assert stage.sales.get(sales)["creditlimit"] == 750
    assert stage.bc.get(bc)["phoneNumber"] == "+49 1"


@pytest.mark.parametrize("policy", ["fail", "merge", "bc_wins"])
async def test_row_063_both_changed_to_equal_values_is_unchanged(stage: Stage, policy: str) -> None:
    await both_edited(stage, {"city": "Ulm"}, {"address1_city": "Ulm"}, policy)
    since = stage.bc.mark(), stage.sales.mark()
    assert await stage.sync("CUSTOMER") == both({"unchanged": 1})
    assert stage.bc.writes(since[0]) == []
    assert [one for one in stage.sales.writes(since[1]) if one.status < 400] == []
    assert await stage.errors() == []


@pytest.mark.parametrize(("policy", "city"), [("bc_wins", "Ulm"), ("sales_wins", "Bonn")])
async def test_row_064_and_065_one_side_wins_the_fields_in_conflict(stage: Stage, policy: str, city: str) -> None:
    """The original takes the winner's whole record; here what only the loser edited travels too."""
    bc, sales = await both_edited(stage, {"city": "Ulm"}, {"address1_city": "Bonn", "telephone1": "+49 1"}, policy)
    done = await stage.sync("CUSTOMER")
    assert stage.bc.get(bc)["city"] == stage.sales.get(sales)["address1_city"] == city
    assert stage.bc.get(bc)["phoneNumber"] == "+49 1"
    assert await stage.errors() == []
    assert "conflict" not in {outcome for job in done.values() for outcome in job}


async def test_row_066_the_error_names_the_tables_the_field_and_its_values(stage: Stage) -> None:
    bc, sales = await both_edited(stage, {"city": "Ulm"}, {"address1_city": "Bonn"}, "fail")
    await stage.sync("CUSTOMER")
    [error] = await stage.errors()
    assert error.problem.code == "update-conflict"
    told = error.problem.message
    for part in ("customers", "accounts", "address1_city", "Ulm", "Bonn", str(error.bc_id), str(error.sales_id)):
        assert part in told
    assert (f"customers({error.bc_id})", f"accounts({error.sales_id})") == (bc, sales)
