"""Records carried by name, `sync` with records: rows 39, 128 and 129."""

from __future__ import annotations

import orjson
import pytest

from schemas.job import RunState
from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, names, pair
from tests.support.stage import Jobs, Stage, jobs


async def carried(stage: Stage, *ids: str) -> Jobs:
    """What a `sync` of these customers and accounts counts; nothing else is captured or tried again."""
    told = await stage.command("sync", mappings=["CUSTOMER"], records=list(ids))
    assert (told.state, told.error) == (RunState.DONE, None)
    return jobs(told)


async def apart(stage: Stage) -> tuple[str, str]:
    """A customer and an account that are coupled, equal, and of different ids; the ids."""
    await stage.live()
    account(stage, "Adatum")
    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    ((bc, sales),) = (await stage.couplings("CUSTOMER")).items()
    assert bc != sales
    return bc, sales


async def test_row_039_only_coupled_is_not_consulted_for_named_records(stage: Stage) -> None:
    await stage.full_sync("CURRENCY")
    await stage.live()
    bc, sales, other = customer(stage, "Adatum"), account(stage, "Fabrikam"), customer(stage, "Other")
    await stage.live()
    assert await stage.couplings("CUSTOMER") == {}
    done = await carried(stage, bc.upper(), sales)
    assert {way: counted["inserted"] for (_, way), counted in done.items()} == {TO_SALES: 1, TO_BC: 1}
    coupled = await stage.couplings("CUSTOMER")
    assert coupled[bc] == bc
    assert sales in coupled.values()
    assert other not in coupled


async def test_row_128_a_coupled_customer_is_carried_to_sales(stage: Stage) -> None:
    bc, sales = await apart(stage)
    stage.bc.edit(f"customers({bc})", city="Ulm")
    assert await carried(stage, bc) == {("CUSTOMER", TO_SALES): {"modified": 1}, ("CUSTOMER", TO_BC): {}}
    assert stage.sales.get(f"accounts({sales})")["address1_city"] == "Ulm"


async def test_row_128_a_coupled_account_is_carried_to_business_central(stage: Stage) -> None:
    bc, sales = await apart(stage)
    stage.sales.edit(f"accounts({sales})", address1_city="Ulm")
    assert await carried(stage, sales) == {("CUSTOMER", TO_SALES): {}, ("CUSTOMER", TO_BC): {"modified": 1}}
    assert stage.bc.get(f"customers({bc})")["city"] == "Ulm"


@pytest.mark.parametrize("way", [TO_SALES, TO_BC])
async def test_row_128_a_record_without_partner_is_not_left_out_but_gets_one(stage: Stage, way: str) -> None:
    """One command for the original's "Synchronise" and "Create in Sales": a named record is meant."""
    await stage.full_sync("CURRENCY")
    await stage.live()
    key = customer(stage) if way == TO_SALES else account(stage, "Adatum")
    assert (await carried(stage, key))["CUSTOMER", way] == {"inserted": 1}
    assert names(stage) == (["Adatum"], ["Adatum"])
    assert key in str(await stage.couplings("CUSTOMER"))


async def test_row_128_of_four_chosen_customers_the_skipped_one_is_left_out(stage: Stage) -> None:
    """Skipped, edited on the other side, edited on both, edited here: each counted, and no edit of the other lost."""
    await stage.live()
    skipped, there, both, here = (customer(stage, name) for name in ("Skipped", "There", "Both", "Here"))
    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    stage.sales.edit(f"accounts({skipped})", emailaddress1="nobody")
    for _ in range(2):
        await stage.sync("CUSTOMER")
    assert [one.state for one in await stage.errors()] == ["skipped"]
    for key in (skipped, both, here):
        stage.bc.edit(f"customers({key})", city="Ulm")
    for key in (there, both):
        stage.sales.edit(f"accounts({key})", address1_line1="Main Street 1")

    done = await carried(stage, skipped, there, both, here)
    assert done["CUSTOMER", TO_SALES] == {"skipped": 1, "unchanged": 1, "modified": 2}
    assert done["CUSTOMER", TO_BC] == {"skipped": 1, "unchanged": 1, "modified": 2}
    found = {key: stage.sales.get(f"accounts({key})") for key in (skipped, there, both, here)}
    assert [one["address1_city"] for one in found.values()] == [None, None, "Ulm", "Ulm"]
    assert [one["address1_line1"] for one in found.values()] == [None, "Main Street 1", "Main Street 1", None]
    assert [stage.bc.get(f"customers({key})")["addressLine1"] for key in (there, both)] == ["Main Street 1"] * 2


async def test_row_129_named_records_do_not_move_what_a_sync_begins_from(stage: Stage) -> None:
    here, there = await pair(stage)
    await stage.sync("CUSTOMER")
    stage.bc.edit(here, city="Ulm")
    late = customer(stage, "Late")
    await stage.command("sync", mappings=["CUSTOMER"], records=[late])
    await stage.sync("CUSTOMER")
    assert stage.sales.get(there)["address1_city"] == "Ulm"


async def test_row_129_two_requests_at_once_do_not_disturb_each_other(stage: Stage) -> None:
    await stage.live()
    first, second = customer(stage, "Adatum"), customer(stage, "Contoso")
    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    for number, key in enumerate((first, second)):
        stage.bc.edit(f"customers({key})", city=f"Ulm {number}")
        asked = {"id": f"quick-{number}", "command": "sync", "mappings": ["CUSTOMER"], "records": [key]}
        stage.log.put(stage.topics.control, None, orjson.dumps(asked))
    await stage.work()
    for number, key in enumerate((first, second)):
        told = stage.outcomes(f"quick-{number}")[-1]
        assert (told.state, jobs(told)["CUSTOMER", TO_SALES]) == (RunState.DONE, {"modified": 1})
        assert stage.sales.get(f"accounts({key})")["address1_city"] == f"Ulm {number}"
