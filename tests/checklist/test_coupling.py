"""Coupling and uncoupling by hand, rows 82, 102-104, 133."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from schemas.job import RunState
from schemas.side import Direction
from tests.support.house import ANN, account, customer, names, pair
from tests.support.stage import Stage

UNCOUPLE_ALL = {"id": "u", "command": "uncouple", "mapping": "CUSTOMER", "all": True}
SERVED = [("CUSTOMER", Direction.TO_SALES), ("CUSTOMER", Direction.TO_BC)]
NOBODY = "00000000-0000-4000-8000-00000000dead"


async def couple(stage: Stage, bc: str, sales: str, mapping: str = "CUSTOMER", **fields: Any) -> None:
    """To its end, with what it asks for."""
    told = await stage.command("couple", mapping=mapping, bc_id=bc, sales_id=sales, **fields)
    assert (told.state, told.error) == (RunState.DONE, None)
    await stage.live()


async def refused(stage: Stage, name: str, **fields: Any) -> str:
    """The code a command is refused with."""
    told = await stage.command(name, **fields)
    assert told.state is RunState.REFUSED
    assert told.error
    return told.error.code


async def couple_refused(stage: Stage, bc: str, sales: str, mapping: str = "CUSTOMER", **fields: Any) -> str:
    return await refused(stage, "couple", mapping=mapping, bc_id=bc, sales_id=sales, **fields)


async def two(stage: Stage) -> tuple[str, str]:
    """A customer and an account that nobody has coupled; the daemon has seen them."""
    bc = customer(stage, "Adatum", city="Ulm", phoneNumber="1")
    sales = account(stage, "Fabrikam", address1_city="Bonn", websiteurl="fabrikam.example", creditlimit=5)
    await stage.full_sync("CURRENCY")
    await stage.live()
    return bc, sales


@pytest.mark.parametrize(("use", "name", "city"), [("bc", "Adatum", "Ulm"), ("sales", "Fabrikam", "Bonn")])
async def test_row_102_two_records_become_one_and_the_chosen_side_wins(
    stage: Stage, use: str, name: str, city: str
) -> None:
    bc, sales = await two(stage)
    await couple(stage, bc, sales, use=use)
    assert await stage.couplings("CUSTOMER") == {bc: sales}
    assert names(stage) == ([name], [name])
    assert (stage.bc.get(f"customers({bc})")["city"], stage.sales.get(f"accounts({sales})")["address1_city"]) == (
        city,
        city,
    )


@pytest.mark.parametrize("use", ["bc", "sales"])
async def test_the_chosen_sides_values_are_carried_without_live_capture(stage: Stage, use: str) -> None:
    """What travels one way is written to the chosen side too, and may be first: nobody else makes up for it."""
    await stage.configure(CUSTOMER={"live": False})
    bc, sales = await two(stage)
    await stage.command("couple", mapping="CUSTOMER", bc_id=bc, sales_id=sales, use=use)
    await stage.work()
    there = stage.bc.get(f"customers({bc})"), stage.sales.get(f"accounts({sales})")
    assert (there[0]["city"], there[1]["address1_city"]) == (("Ulm", "Ulm") if use == "bc" else ("Bonn", "Bonn"))
    assert there[1]["creditlimit"] == 0


async def test_row_102_blanks_of_the_winner_win_too(stage: Stage) -> None:
    bc, sales = await two(stage)
    await couple(stage, bc, sales, use="sales")
    assert stage.bc.get(f"customers({bc})")["phoneNumber"] == ""


@pytest.mark.parametrize("use", ["bc", "sales"])
@pytest.mark.parametrize("again", [False, True])
async def test_what_a_person_has_carried_is_carried_though_the_log_is_lost(stage: Stage, use: str, again: bool) -> None:
    """The command has ended well, and its message was on the topic only (promise 5); until then it is no blank."""
    bc, sales = await two(stage)
    if again:
        await couple(stage, bc, sales, use="nothing")
    stage.clock.tick(7200)
    customer(stage, "Newer")  # so that capture does not read ours again
    await stage.live()
    command = {"mappings": ["CUSTOMER"], "records": [bc]} if again else {"mapping": "CUSTOMER", "bc_id": bc}
    command |= {"id": "r", "command": "retry" if again else "couple", "use": use}
    command |= {} if again else {"sales_id": sales}
    await stage.parts.control(lambda: None).take(orjson.dumps(command), "r")
    assert stage.outcomes("r")[-1].state is RunState.DONE
    assert await stage.store.blanks.listed() == []
    await stage.restart(new_log=True)
    stage.clock.tick(600)
    await stage.live()
    assert len({one for side in names(stage) for one in side if one != "Newer"}) == 1
    assert await stage.store.retries.due(stage.clock.now() + timedelta(days=1), 10, SERVED) == []


async def test_fields_that_travel_one_way_come_from_their_own_side_whoever_wins(stage: Stage) -> None:
    def website(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**one, "direction": "to_bc"} if one.get("bc") == "website" else one for one in fields]

    await stage.configure(CUSTOMER={"fields": website})
    bc, sales = await two(stage)
    stage.bc.edit(f"customers({bc})", creditLimit=77)
    await stage.live()
    await couple(stage, bc, sales, use="bc")
    assert stage.bc.get(f"customers({bc})")["website"] == "fabrikam.example"
    assert stage.sales.get(f"accounts({sales})")["creditlimit"] == 77


async def test_nothing_is_written_if_nothing_is_to_be_used_and_later_edits_travel(stage: Stage) -> None:
    bc, sales = await two(stage)
    marks = stage.bc.mark(), stage.sales.mark()
    await couple(stage, bc, sales, use="nothing")
    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])
    stage.bc.edit(f"customers({bc})", city="Berlin")
    await stage.live()
    changed = stage.sales.get(f"accounts({sales})")
    assert (changed["address1_city"], changed["name"]) == ("Berlin", "Fabrikam")


async def test_row_103_business_central_wins_unless_the_mapping_only_travels_the_other_way(stage: Stage) -> None:
    bc, sales = await two(stage)
    await couple(stage, bc, sales)
    assert names(stage) == (["Adatum"], ["Adatum"])

    person = stage.bc.create("salespeoplePurchasers", code="AB", displayName="A. Beebe")
    await couple(stage, "ab", ANN, "SALESPEOPLE")
    assert stage.bc.get(f"salespeoplePurchasers({person['id']})")["displayName"] == "Ann Beebe"
    assert await couple_refused(stage, person["id"], ANN, "SALESPEOPLE", use="bc") == "direction-closed"


async def test_row_103_a_pair_that_is_coupled_is_left_as_it_is_unless_a_side_is_named(stage: Stage) -> None:
    here, there = await pair(stage)
    key = here[len("customers(") : -1]
    marks = stage.bc.mark(), stage.sales.mark()
    await couple(stage, key, key)
    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])
    assert await stage.couplings("CUSTOMER") == {key: key}
    stage.sales.edit(there, name="Newer")
    await couple(stage, key, key, use="bc")
    assert stage.bc.get(here)["displayName"] == stage.sales.get(there)["name"]


async def test_row_102_neither_may_be_coupled_elsewhere_with_a_record_that_exists(stage: Stage) -> None:
    bc, sales = await two(stage)
    await couple(stage, bc, sales)
    other_bc, other_sales = customer(stage, "Other"), account(stage, "Other")
    told = await stage.command("couple", mapping="CUSTOMER", bc_id=bc, sales_id=other_sales)
    assert told.error
    assert told.error.code == "already-coupled"
    assert bc in told.error.message
    assert sales in told.error.message
    assert await couple_refused(stage, other_bc, sales) == "already-coupled"
    assert await stage.couplings("CUSTOMER") == {bc: sales}


async def test_row_102_a_coupling_whose_partner_is_gone_is_replaced(stage: Stage) -> None:
    bc, sales = await two(stage)
    await couple(stage, bc, sales)
    stage.sales.delete(f"accounts({sales})")
    other = account(stage, "Other")
    await couple(stage, bc, other)
    assert await stage.couplings("CUSTOMER") == {bc: other}
    stage.bc.delete(f"customers({bc})")
    another = customer(stage, "Another")
    await couple(stage, another, other)
    assert await stage.couplings("CUSTOMER") == {another: other}
    assert await stage.errors() == []


async def test_row_104_both_must_exist_and_be_in_the_filters(stage: Stage) -> None:
    bc, sales = await two(stage)
    blocked, lead = customer(stage, "Blocked", blocked="All"), stage.sales.create("accounts", name="Lead")["accountid"]
    assert await couple_refused(stage, blocked, sales) == "record-out-of-filter"
    assert await couple_refused(stage, bc, lead) == "record-out-of-filter"
    assert await couple_refused(stage, NOBODY, sales) == "record-unknown"
    assert await couple_refused(stage, bc, "Nobody & Sons") == "record-unknown"
    assert await couple_refused(stage, bc, sales, "CUSTOMERS") == "mapping-unknown"
    assert await stage.couplings("CUSTOMER") == {}


async def test_records_are_named_by_what_a_person_has_at_hand(stage: Stage) -> None:
    bc, sales = await two(stage)
    number = stage.bc.get(f"customers({bc})")["number"]
    account(stage, "Twin")
    account(stage, "Twin")
    assert await couple_refused(stage, number, "Twin") == "record-ambiguous"
    await couple(stage, number.lower(), "Fabrikam")
    assert await stage.couplings("CUSTOMER") == {bc: sales}


async def test_while_a_side_is_away_the_command_is_refused_and_nothing_is_half_done(stage: Stage) -> None:
    bc, sales = await two(stage)
    stage.sales.arm(status=403, count=1, method="GET", path="/accounts")
    told = await stage.command("couple", mapping="CUSTOMER", bc_id=bc, sales_id=sales)
    assert told.state is RunState.REFUSED
    assert await stage.couplings("CUSTOMER") == {}


async def test_coupling_mends_the_failures_of_both_and_wakes_who_waited(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"only_coupled": False}, CONTACTS={"only_coupled": False})
    await stage.full_sync("CURRENCY")
    await stage.live()
    sales = account(stage, "Fabrikam")
    stage.bc.arm(status=400, count=2, method="POST", path="/customers")
    contact = stage.sales.create(
        "contacts",
        firstname="Cara",
        lastname="Holt",
        **{"parentcustomerid_account@odata.bind": f"/accounts({sales})"},
    )["contactid"]
    await stage.live()
    assert {one.mapping for one in await stage.errors()} == {"CUSTOMER", "CONTACTS"}
    stage.bc.disarm()
    await couple(stage, customer(stage, "Adatum"), sales)
    assert await stage.errors() == []
    assert contact in (await stage.couplings("CONTACTS")).values()


async def _skipped(stage: Stage) -> tuple[str, str]:
    """A pair whose customer's new name was refused twice; both paths."""
    here, there = await pair(stage)
    stage.sales.arm(status=400, count=2, method="PATCH", path="/accounts")
    stage.bc.edit(here, displayName="Refused")
    await stage.live()
    stage.bc.edit(here, phoneNumber="7")
    await stage.live()
    assert [one.state for one in await stage.errors()] == ["skipped"]
    stage.sales.disarm()
    return here, there


@pytest.mark.parametrize(("use", "name"), [("bc", "Refused"), ("sales", "Adatum")])
async def test_row_082_a_skipped_record_takes_the_chosen_sides_values_and_is_skipped_no_more(
    stage: Stage, use: str, name: str
) -> None:
    here, there = await _skipped(stage)
    key = here[len("customers(") : -1]
    told = await stage.command("retry", records=[key], use=use)
    assert told.error is None
    await stage.live()
    assert (stage.bc.get(here)["displayName"], stage.sales.get(there)["name"]) == (name, name)
    assert await stage.errors() == []


async def test_row_082_the_record_may_be_named_by_its_number(stage: Stage) -> None:
    here, there = await _skipped(stage)
    told = await stage.command("retry", mappings=["CUSTOMER"], records=[stage.bc.get(here)["number"]], use="bc")
    assert told.error is None
    await stage.live()
    assert stage.sales.get(there)["name"] == "Refused"


async def test_row_082_only_coupled_records_can_take_a_sides_values(stage: Stage) -> None:
    bc, _ = await two(stage)
    assert await refused(stage, "retry", records=[bc], use="bc") == "record-not-coupled"
    assert await refused(stage, "retry", use="bc") == "nothing-chosen"


async def test_a_name_that_both_sides_know_of_different_pairs_names_neither(stage: Stage) -> None:
    """Values would be written over that nobody meant."""
    first, second = await pair(stage, "Adatum"), await pair(stage, "Fabrikam")
    stage.sales.edit(first[1], name="Contoso")
    stage.sales.edit(second[1], name="Adatum")
    marks = stage.bc.mark(), stage.sales.mark()
    assert await refused(stage, "retry", mappings=["CUSTOMER"], records=["Adatum"], use="bc") == "record-ambiguous"
    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])


async def test_row_133_a_full_synchronisation_leaves_a_skipped_coupling_alone(stage: Stage) -> None:
    _, there = await _skipped(stage)
    done = await stage.full_sync("CUSTOMER")
    assert done["CUSTOMER", "to_sales"] == {"skipped": 1}
    assert stage.sales.get(there)["name"] == "Adatum"
