"""Who owns a record in Sales, row 86: Person ownership, by the standard file, and Team ownership."""

from __future__ import annotations

import pytest

from tests.support.house import ANN, TO_BC, TO_SALES, account, customer
from tests.support.stage import Stage

BUYERS = "00000000-0000-4000-8000-00000000e001"
TEAM = {"name": "TEAM", "side": "sales", "values": {"ownerid@odata.bind": f"/teams({BUYERS})"}}


def owner(stage: Stage, key: str) -> str:
    return str(stage.sales.get(f"accounts({key})")["_ownerid_value"])


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    """With a team."""
    stage.sales.create("teams", teamid=BUYERS, name="Buyers")
    return stage


async def test_row_086_under_team_ownership_no_salesperson_is_asked_for(stage: Stage) -> None:
    """Without the line of the owner, and with a template that names the team: docs/mappings.md."""
    without = {"fields": lambda fields: [one for one in fields if one.get("sales") != "ownerid"]}
    await stage.configure(CUSTOMER={**without, "templates": [TEAM], "depends_on": ["CURRENCY"]})
    stage.bc.create("salespeoplePurchasers", code="JR", displayName="John Roberts")
    key, there = customer(stage, salespersonCode="JR"), account(stage)
    done = await stage.full_sync("CURRENCY", "CUSTOMER")
    assert (done["CUSTOMER", TO_SALES]["inserted"], done["CUSTOMER", TO_BC]["inserted"]) == (1, 1)
    assert owner(stage, key) == BUYERS
    assert owner(stage, there) != BUYERS, "what Sales has made keeps its owner"
    await stage.live()
    stage.bc.edit(f"customers({key})", salespersonCode="", city="Ulm")
    await stage.live()
    assert (owner(stage, key), stage.sales.get(f"accounts({key})")["address1_city"]) == (BUYERS, "Ulm")
    assert await stage.errors() == []


async def test_row_086_under_person_ownership_a_team_owns_until_a_salesperson_is_named(stage: Stage) -> None:
    await stage.full_sync("SALESPEOPLE")
    [person] = stage.bc.rows("salespeoplePurchasers")
    key = customer(stage)
    await stage.full_sync("CURRENCY", "CUSTOMER")
    await stage.live()
    stage.sales.edit(f"accounts({key})", address1_city="Ulm", **{"ownerid@odata.bind": f"/teams({BUYERS})"})
    await stage.live()
    found = stage.bc.get(f"customers({key})")
    assert (found["city"], found["salespersonCode"]) == ("Ulm", "")
    assert owner(stage, key) == BUYERS
    stage.bc.edit(f"customers({key})", salespersonCode=person["code"])
    await stage.live()
    assert owner(stage, key) == ANN
    assert await stage.errors() == []
