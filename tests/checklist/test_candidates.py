"""What a run reads, rows 44–51: modified since last time, the two clocks, what failed before."""

from __future__ import annotations

import pytest

from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, pair
from tests.support.stage import Stage


async def three(stage: Stage) -> list[str]:
    """Three coupled customers, synchronised."""
    made = [customer(stage, name) for name in ("Adatum", "Contoso", "Fabrikam")]
    await stage.full_sync(*CUSTOMERS)
    await stage.sync("CUSTOMER")
    return made


async def test_row_019_and_044_after_a_full_run_only_what_was_modified_since_is_read(stage: Stage) -> None:
    made = [customer(stage, name) for name in ("Adatum", "Contoso", "Fabrikam")]
    await stage.full_sync(*CUSTOMERS)
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", TO_SALES] == {"unchanged": 1}
    stage.bc.edit(f"customers({made[0]})", city="Ulm")
    since = stage.bc.mark()
    done = await stage.sync("CUSTOMER")
    assert done["CUSTOMER", TO_SALES] == {"modified": 1, "unchanged": 1}
    swept = [one.path for one in stage.bc.log(since) if one.table == "customers"]
    assert len(swept) == 1
    assert "lastModifiedDateTime%20ge" in swept[0]


async def test_row_045_and_046_a_record_at_the_watermark_is_read_again_and_is_unchanged(stage: Stage) -> None:
    """In both directions, so that no record of the same moment is missed; content decides, so nothing is written."""
    await three(stage)
    marks = stage.bc.mark(), stage.sales.mark()
    done = await stage.sync("CUSTOMER")
    assert done["CUSTOMER", TO_SALES]["unchanged"] >= 1
    assert done["CUSTOMER", TO_BC]["unchanged"] >= 1
    assert not stage.bc.writes(marks[0])
    assert not stage.sales.writes(marks[1])


async def test_row_047_a_record_from_the_future_does_not_hide_what_comes_before_it(stage: Stage) -> None:
    made = await three(stage)
    later = (stage.clock.now().replace(microsecond=0)).replace(year=2027).isoformat()
    stage.bc.http.patch(
        f"customers({made[0]})", json={"city": "Ulm"}, headers={"If-Match": "*", "x-sandbox-modified-at": later}
    ).raise_for_status()
    await stage.sync("CUSTOMER")
    stage.bc.edit(f"customers({made[1]})", city="Bonn")
    done = await stage.sync("CUSTOMER")
    assert done["CUSTOMER", TO_SALES]["modified"] == 1
    assert stage.sales.get(f"accounts({made[1]})")["address1_city"] == "Bonn"


async def test_row_048_a_run_that_finds_nothing_moves_nothing(stage: Stage) -> None:
    made = await three(stage)
    first = await stage.sync("CUSTOMER")
    stage.clock.tick(days=2)
    assert await stage.sync("CUSTOMER") == first
    stage.bc.edit(f"customers({made[2]})", city="Ulm")
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", TO_SALES]["modified"] == 1


async def test_row_049_a_failed_record_is_carried_again_though_the_run_has_moved_past_it(stage: Stage) -> None:
    _, sales = await pair(stage)
    stage.sales.edit(sales, emailaddress1="nobody")
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", TO_BC]["failed"] == 1
    for name in ("Contoso", "Fabrikam"):
        account(stage, name)
    done = await stage.sync("CUSTOMER")
    assert done["CUSTOMER", TO_BC] == {"skipped": 1, "ignored": 2}


@pytest.mark.parametrize("offset", [-3600, 3600])
@pytest.mark.parametrize("name", ["bc", "sales"])
async def test_row_050_a_side_whose_clock_is_wrong_by_an_hour(stage: Stage, name: str, offset: int) -> None:
    side = stage.bc if name == "bc" else stage.sales
    side.control.post("clock", json={"offset_seconds": offset}).raise_for_status()
    bc, sales = await pair(stage)
    await stage.sync("CUSTOMER")
    stage.bc.edit(bc, city="Ulm")
    await stage.sync("CUSTOMER")
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    stage.sales.edit(sales, address1_city="Bonn")
    await stage.sync("CUSTOMER")
    assert stage.bc.get(bc)["city"] == "Bonn"
    stage.bc.edit(bc, city="Kiel")
    await stage.live()
    stage.sales.edit(sales, telephone1="+49 1")
    await stage.live()
    assert stage.bc.get(bc)["city"] == stage.sales.get(sales)["address1_city"] == "Kiel"
    assert stage.bc.get(bc)["phoneNumber"] == "+49 1"
    assert await stage.errors() == []


async def test_row_051_an_edit_here_then_an_edit_there_travel_once_each(stage: Stage) -> None:
    bc, sales = await pair(stage)
    await stage.sync("CUSTOMER")
    stage.bc.edit(bc, city="Ulm")
    first = await stage.sync("CUSTOMER")
    assert first["CUSTOMER", TO_SALES]["modified"] == 1
    assert "modified" not in first["CUSTOMER", TO_BC]
    stage.sales.edit(sales, address1_city="Bonn")
    second = await stage.sync("CUSTOMER")
    assert "modified" not in second["CUSTOMER", TO_SALES]
    assert second["CUSTOMER", TO_BC]["modified"] == 1
    assert stage.bc.get(bc)["city"] == "Bonn"
    assert await stage.errors() == []
