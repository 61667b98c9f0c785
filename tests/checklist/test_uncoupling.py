"""Uncoupling, rows 108-110 and 132."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from daemon.store.database import Database
from schemas.job import RunState
from tests.support.house import CUSTOMERS, customer, pair
from tests.support.stage import Killed, Stage

UNCOUPLE_ALL = {"id": "u", "command": "uncouple", "mapping": "CUSTOMER", "all": True}
NOBODY = "00000000-0000-4000-8000-00000000dead"


async def refused(stage: Stage, name: str, **fields: Any) -> str:
    """The code a command is refused with."""
    told = await stage.command(name, **fields)
    assert told.state is RunState.REFUSED
    assert told.error
    return told.error.code


async def test_uncoupling_keeps_both_and_counts(stage: Stage) -> None:
    here, there = await pair(stage)
    key = here[len("customers(") : -1]
    told = await stage.command("uncouple", mapping="CUSTOMER", records=[key])
    assert told.state is RunState.DONE
    assert [(job["mapping"], job["uncoupled"]) for job in told.jobs] == [("CONTACTS", 0), ("CUSTOMER", 1)]
    assert await stage.couplings("CUSTOMER") == {}
    stage.bc.edit(here, displayName="Changed")
    await stage.live()
    assert (stage.bc.get(here)["displayName"], stage.sales.get(there)["name"]) == ("Changed", "Adatum")
    assert await refused(stage, "uncouple", mapping="CUSTOMER", records=[key]) == "record-not-coupled"


async def test_what_was_made_from_a_customer_becomes_one_with_it_again_and_is_ignored_until_then(stage: Stage) -> None:
    """No second account can have the customer's id: docs/couple-and-verify.md."""
    await stage.configure(CUSTOMER={"only_coupled": False})
    here, there = await pair(stage)
    stage.clock.tick(hours=2)
    await stage.live()
    await stage.command("uncouple", mapping="CUSTOMER", all=True)
    stage.sales.edit(there, address1_city="Ulm", telephone1="7")
    await stage.live()
    assert await stage.couplings("CUSTOMER") == {}
    assert [row["city"] for row in stage.bc.rows("customers")] == [""]
    stage.bc.edit(here, city="Bonn")
    await stage.live()
    assert len(await stage.couplings("CUSTOMER")) == 1
    assert stage.sales.get(there)["address1_city"] == "Bonn"
    assert await stage.errors() == []


async def _family(stage: Stage) -> tuple[str, str]:
    """A customer with a contact, and another customer with a contact, all coupled; the ids of the first two."""
    first, second = customer(stage, "Adatum"), customer(stage, "Contoso")
    await stage.full_sync(*CUSTOMERS)
    found = []
    for key, name in ((first, "Holt"), (second, "Lane")):
        company = stage.bc.get(f"customers({key})?$expand=contactsInformation")["contactsInformation"][0]
        row = stage.bc.create(
            "contacts", type="Person", displayName=f"Cara {name}", companyNumber=company["contactNumber"]
        )
        found.append(row["id"])
    await stage.full_sync("CONTACTS")
    assert set(found) <= set(await stage.couplings("CONTACTS"))
    return first, found[0]


async def test_row_110_uncoupling_a_customer_uncouples_its_contacts(stage: Stage) -> None:
    key, contact = await _family(stage)
    before = await stage.couplings("CONTACTS")
    await stage.command("uncouple", mapping="CUSTOMER", records=[key])
    assert set(before) - set(await stage.couplings("CONTACTS")) == {contact}
    assert len(await stage.couplings("CUSTOMER")) == 1


async def test_row_108_all_of_a_mapping_are_uncoupled(stage: Stage) -> None:
    await _family(stage)
    told = await stage.command("uncouple", mapping="CUSTOMER", all=True)
    assert {job["mapping"]: job["uncoupled"] for job in told.jobs} == {"CONTACTS": 2, "CUSTOMER": 2}
    assert await stage.couplings("CUSTOMER") == await stage.couplings("CONTACTS") == {}
    assert await refused(stage, "uncouple", mapping="CUSTOMER") == "nothing-chosen"


async def test_row_132_a_salesperson_deleted_and_uncoupled_leaves_nothing_behind(stage: Stage) -> None:
    await stage.full_sync("SALESPEOPLE")
    ((bc, user),) = (await stage.couplings("SALESPEOPLE")).items()
    stage.bc.delete(f"salespeoplePurchasers({bc})")
    await stage.command("uncouple", mapping="SALESPEOPLE", records=[user])
    assert await stage.couplings("SALESPEOPLE") == {}


async def test_a_kill_while_uncoupling_costs_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process comes one transaction further each time, until it comes through."""
    await _family(stage)
    plain, left, kills = Database.write, 0, 0

    def killing(database: Database) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return plain(database)

    await stage.store.commands.receive("u", dict(UNCOUPLE_ALL), RunState.ACCEPTED)
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
    last = stage.outcomes("u")[-1]
    assert {job["mapping"]: job["uncoupled"] for job in last.jobs} == {"CONTACTS": 2, "CUSTOMER": 2}
    assert await stage.couplings("CUSTOMER") == await stage.couplings("CONTACTS") == {}
