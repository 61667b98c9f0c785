"""`verify`: what both sides hold is compared through the couplings, and brought together on the ordinary road."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.ports import Applied
from daemon.sandbox.seed import seed
from schemas import rows
from schemas.job import RunState
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from tests.support.house import CUSTOMERS, account, customer
from tests.support.stage import Killed, Stage
from tests.support.stage_mappings import field, standard
from tests.support.verifying import NAMES, after_reading, city, findings, found, overlook, pairs, verify


async def test_what_is_overlooked_is_not_carried_by_itself(stage: Stage) -> None:
    """The ground of the other tests."""
    keys = await pairs(stage, "Adatum", "Contoso")
    stage.bc.edit(f"customers({keys['Adatum']})", city="Bonn")
    stage.sales.edit(f"accounts({keys['Contoso']})", address1_city="Rome")
    await overlook(stage)
    await stage.live()
    assert city(stage, keys["Adatum"]) == ("Bonn", "Ulm")
    assert city(stage, keys["Contoso"]) == ("Ulm", "Rome")


async def test_what_is_in_step_is_equal(stage: Stage) -> None:
    await pairs(stage, *NAMES)
    assert await verify(stage) == {"equal": 5}
    whole = await stage.command("verify")
    assert {job["mapping"] for job in whole.jobs if any(job["found"].values())} >= {"CURRENCY", "CUSTOMER"}
    assert not any(job["found"].get("left") for job in whole.jobs)


async def test_no_currency_in_sales_is_business_centrals_own(stage: Stage) -> None:
    """It keeps its own currency as a blank, and shows it as a code (business-central-sync 1.3)."""
    account(stage, "Blank")
    await stage.full_sync(*CUSTOMERS)
    (bc,) = stage.bc.rows("customers")
    (sales,) = stage.sales.rows("accounts")
    assert (bc["currencyCode"], sales["_transactioncurrencyid_value"]) == ("EUR", None)
    assert await verify(stage) == {"equal": 1}
    await pairs(stage, "Adatum")
    stage.bc.edit(f"customers({bc['id']})", currencyCode="USD")
    await overlook(stage)
    assert await verify(stage) == {"equal": 1, "drift": 1, "left": 1}


async def test_drift_is_told_field_by_field_and_nothing_is_written(stage: Stage) -> None:
    keys = await pairs(stage, "Adatum", "Contoso")
    stage.sales.edit(f"accounts({keys['Adatum']})", address1_city="Rome")
    await overlook(stage)
    marks = stage.bc.mark(), stage.sales.mark()
    told = await stage.command("verify", mappings=["CUSTOMER"], id="v")
    assert found(told) == {"equal": 1, "drift": 1, "left": 1}
    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])
    (one,) = await findings(stage, "v")
    assert (one.kind, one.bc_id, one.sales_id) == ("drift", keys["Adatum"], keys["Adatum"])
    assert "Adatum" in one.label
    assert one.detail["fields"] == [
        {
            "field": "city ↔ address1_city",
            "use": "sales",
            "bc": {"city": "Ulm"},
            "sales": {"address1_city": "Rome"},
            "agreed": {"bc": {"city": "Ulm"}, "sales": {"address1_city": "Ulm"}},
        }
    ]


@pytest.mark.parametrize(("gone", "reads"), [((), (2, 2)), (("Adatum", "Trey"), (2, 3))])
async def test_it_costs_one_paged_read_of_each_side_and_one_of_what_is_missing(
    stage: Stage, gone: tuple[str, ...], reads: tuple[int, int]
) -> None:
    """How many there are, the one page they are on, and by id all that are not on it."""
    keys = await pairs(stage, *NAMES)
    for name in gone:
        stage.sales.delete(f"accounts({keys[name]})")
    await overlook(stage)
    marks = stage.bc.mark(), stage.sales.mark()
    await verify(stage)
    found = [
        [entry.path for entry in side.reads(mark) if table in entry.path]
        for side, mark, table in ((stage.bc, marks[0], "customers"), (stage.sales, marks[1], "accounts"))
    ]
    assert tuple(map(len, found)) == reads, found


async def test_after_a_full_synchronisation_of_everything_everything_is_equal(tmp_path: Path) -> None:
    """Every standard mapping, with all that the simulators' data has in it."""
    data = seed(customers=15)
    async with Stage(tmp_path, data.bc, data.sales) as stage:
        await stage.live()
        await stage.full_sync()
        await stage.live()
        told = await stage.command("verify")
        couplings = {mapping.name: await stage.couplings(mapping.name) for mapping in stage.parts.mappings.all}
        assert {job["mapping"]: found(told, job["mapping"]) for job in told.jobs} == {
            name: {"equal": len(pairs)} for name, pairs in couplings.items()
        }


async def test_repair_takes_the_side_that_moved(stage: Stage) -> None:
    keys = await pairs(stage, *NAMES)
    stage.bc.edit(f"customers({keys['Adatum']})", city="Bonn")
    stage.sales.edit(f"accounts({keys['Contoso']})", address1_city="Rome")
    stage.sales.edit(f"accounts({keys['Fabrikam']})", address1_city=None)
    stage.bc.edit(f"customers({keys['Litware']})", city="Oslo")
    stage.sales.edit(f"accounts({keys['Litware']})", telephone1="7")
    await overlook(stage)
    told = await stage.command("verify", mappings=["CUSTOMER"], repair=True)
    assert found(told) == {"equal": 1, "drift": 4}
    (job,) = told.jobs
    assert job["published"] == job["settled"]
    await stage.live()
    assert city(stage, keys["Adatum"]) == ("Bonn", "Bonn")
    assert city(stage, keys["Contoso"]) == ("Rome", "Rome")
    assert city(stage, keys["Fabrikam"]) == ("", None)
    assert city(stage, keys["Litware"]) == ("Oslo", "Oslo")
    assert stage.bc.get(f"customers({keys['Litware']})")["phoneNumber"] == "7"
    assert await verify(stage) == {"equal": 5}


@pytest.mark.parametrize(("policy", "right"), [("merge", None), ("bc_wins", "Bonn"), ("sales_wins", "Rome")])
async def test_two_edits_of_a_field_are_for_the_policy_and_a_conflict_is_only_told(
    stage: Stage, policy: str, right: str | None
) -> None:
    await stage.configure(CUSTOMER={"on_update_conflict": policy})
    keys = await pairs(stage, "Adatum")
    stage.bc.edit(f"customers({keys['Adatum']})", city="Bonn", phoneNumber="1")
    stage.sales.edit(f"accounts({keys['Adatum']})", address1_city="Rome")
    await overlook(stage)
    told = await verify(stage, repair=True)
    assert told == ({"drift": 1} if right else {"conflict": 1, "left": 1})
    await stage.live()
    assert city(stage, keys["Adatum"]) == ((right, right) if right else ("Bonn", "Rome"))


async def test_a_record_out_of_the_filter_is_no_orphan(stage: Stage) -> None:
    keys = await pairs(stage, "Adatum", "Contoso")
    stage.bc.edit(f"customers({keys['Adatum']})", blocked="All")
    await overlook(stage)
    assert await verify(stage) == {"equal": 1, "outside": 1}


@pytest.mark.parametrize(("rule", "left"), [("ignore", 1), ("uncouple", 0), ("restore", 0)])
async def test_an_orphan_goes_the_way_of_a_deletion(stage: Stage, rule: str, left: int) -> None:
    await stage.configure(CUSTOMER={"on_delete": rule})
    keys = await pairs(stage, "Adatum", "Contoso")
    stage.sales.delete(f"accounts({keys['Adatum']})")
    await overlook(stage)
    assert await verify(stage) == {"equal": 1, "orphan": 1, "left": 1}
    assert (await verify(stage, repair=True)).get("left", 0) == left
    await stage.live()
    coupled = await stage.couplings("CUSTOMER")
    names = sorted(row["name"] for row in stage.sales.rows("accounts"))
    assert (len(coupled), names) == {
        "ignore": (2, ["Contoso"]),
        "uncouple": (1, ["Contoso"]),
        "restore": (2, ["Adatum", "Contoso"]),
    }[rule]


async def test_a_partner_gone_of_a_mapping_that_travels_one_way_is_found_by_its_survivor(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"on_delete": "restore", "direction": "to_sales"})
    keys = await pairs(stage, "Adatum")
    stage.sales.delete(f"accounts({keys['Adatum']})")
    await overlook(stage)
    assert await verify(stage, repair=True) == {"orphan": 1}
    assert [row["name"] for row in stage.sales.rows("accounts")] == ["Adatum"]
    assert await verify(stage) == {"equal": 1}


async def test_a_coupling_of_which_nothing_is_left_is_removed(stage: Stage) -> None:
    keys = await pairs(stage, "Adatum", "Contoso")
    stage.sales.delete(f"accounts({keys['Adatum']})")
    stage.bc.delete(f"customers({keys['Adatum']})")
    await overlook(stage)
    assert await verify(stage) == {"equal": 1, "gone": 1, "left": 1}
    told = await stage.command("verify", mappings=["CUSTOMER"], repair=True)
    assert [job["uncoupled"] for job in told.jobs] == [1]
    assert list(await stage.couplings("CUSTOMER")) == [keys["Contoso"]]


async def test_a_coupling_that_was_never_carried_is_completed(stage: Stage) -> None:
    await stage.full_sync("CURRENCY")
    await stage.live()
    bc, sales = customer(stage, "Adatum", city="Ulm"), account(stage, "Fabrikam", address1_city="Bonn")
    publish = stage.log.publish

    async def kill(*given: Any, **named: Any) -> Any:
        raise Killed

    stage.log.publish = kill  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await stage.command("couple", mapping="CUSTOMER", bc_id=bc, sales_id=sales, use="bc", id="c")
    stage.log.publish = publish  # type: ignore[method-assign]
    assert await stage.couplings("CUSTOMER") == {bc: sales}
    await overlook(stage)  # takes the command up again, and so carries it
    assert stage.outcomes("c")[-1].state is RunState.DONE
    await stage.live()
    assert stage.sales.get(f"accounts({sales})")["name"] == "Adatum"
    assert await verify(stage) == {"equal": 1}


async def test_a_difference_both_have_agreed_on_is_told_and_business_central_repairs_it(stage: Stage) -> None:
    await stage.full_sync("CURRENCY")
    bc, sales = customer(stage, "Adatum"), account(stage, "Fabrikam")
    await stage.command("couple", mapping="CUSTOMER", bc_id=bc, sales_id=sales, use="nothing")
    assert await verify(stage) == {"drift": 1, "left": 1}
    assert await verify(stage, repair=True) == {"drift": 1}
    assert stage.sales.get(f"accounts({sales})")["name"] == "Adatum"


async def test_half_a_coupling_follows_the_side_that_was_to_win(stage: Stage) -> None:
    await stage.full_sync("CURRENCY")
    bc, sales = customer(stage, "Adatum", city="Ulm"), account(stage, "Fabrikam", address1_city="Bonn")
    await stage.command("couple", mapping="CUSTOMER", bc_id=bc, sales_id=sales, use="nothing")
    await stage.live()
    ((_, kept),) = (await stage.store.memory.couplings(["CUSTOMER"], Side.BC, [bc])).items()
    half = replace(kept, bc=replace(kept.bc, base={}))
    change = rows.deletion(stage.parts.mappings["CUSTOMER"].bc, bc, 0)
    await stage.store.memory.record([Settled(change, "CUSTOMER", Outcome.IGNORED, half)], Applied("", ""))
    assert await verify(stage) == {"half": 1, "left": 1}
    assert await verify(stage, repair=True) == {"half": 1}
    await stage.live()
    assert stage.sales.get(f"accounts({sales})")["name"] == "Adatum"
    assert await verify(stage) == {"equal": 1}


@pytest.mark.parametrize("edited", list(Side))
async def test_what_is_carried_after_its_side_was_read_is_no_drift(stage: Stage, edited: Side) -> None:
    """Business Central is read first, Sales later, and the couplings last."""
    keys = await pairs(stage, "Adatum", "Contoso")

    async def edit() -> None:
        if edited is Side.BC:
            stage.bc.edit(f"customers({keys['Adatum']})", city="Bonn")
        else:
            stage.sales.edit(f"accounts({keys['Adatum']})", address1_city="Bonn")
        await stage.live()
        assert city(stage, keys["Adatum"]) == ("Bonn", "Bonn")

    after_reading(stage, Side.BC, edit)
    assert await verify(stage) == {"equal": 2}


async def test_what_is_gone_since_its_side_was_read_and_was_carried_before_is_told(stage: Stage) -> None:
    keys = await pairs(stage, "Adatum")

    async def remove() -> None:
        stage.bc.edit(f"customers({keys['Adatum']})", city="Bonn")
        await stage.live()
        stage.sales.delete(f"accounts({keys['Adatum']})")

    after_reading(stage, Side.SALES, remove)
    told = await stage.command("verify", mappings=["CUSTOMER"], id="v")
    assert found(told) == {"orphan": 1, "left": 1}
    (one,) = await findings(stage, "v")
    assert one.detail["gone"] == ["sales"]
    assert f"`coupled uncouple CUSTOMER {keys['Adatum']}`" in one.detail["next"]


async def test_duplicates_are_told_and_left(stage: Stage) -> None:
    await stage.full_sync("CURRENCY")
    customer(stage, "Adatum", email="a@adatum.example")
    account(stage, "Adatum Ltd", emailaddress1="a@adatum.example")
    account(stage, "Nobody")
    assert await verify(stage, repair=True) == {"duplicate": 1}
    assert await stage.couplings("CUSTOMER") == {}


async def test_records_of_one_side_that_look_alike_are_told_if_one_is_coupled(stage: Stage) -> None:
    """Two couplings of what is one thing: full synchronisation made a partner for each."""
    await stage.full_sync("CURRENCY")
    first, again = (customer(stage, name, email="a@adatum.example") for name in ("Adatum", "Adatum Ltd"))
    await stage.full_sync("CUSTOMER")
    account(stage, "ADATUM")
    for name in ("Nobody", "Nobody"):
        account(stage, name)
    told = await stage.command("verify", mappings=["CUSTOMER"], id="v")
    assert found(told) == {"equal": 2, "duplicate": 3}
    by_side = {
        (one.direction, tuple(one.detail["by"])): one.detail["bc" if one.bc_id else "sales"]
        for one in await findings(stage, "v")
    }
    assert set(by_side) == {
        ("to_sales", ("email",)),
        ("to_bc", ("emailaddress1",)),
        ("to_bc", ("name",)),
    }
    assert set(by_side["to_sales", ("email",)]) == {first, again}
    assert set(by_side["to_bc", ("emailaddress1",)]) == {first, again}
    assert {label.casefold() for label in by_side["to_bc", ("name",)].values()} == {"adatum"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"max_length": 2}, ("Ulm", "Ul")),
        ({"transform": ["upper"]}, ("Ulm", "ULM")),
        # The way that did not change still makes of one value what the other side has.
        ({"transform": ["upper"], "transform_direction": "to_sales"}, ("Ulm", "ULM")),
        ({"transform": ["upper"], "transform_direction": "to_bc"}, ("ULM", "Ulm")),
    ],
)
async def test_a_repair_pays_what_a_changed_translation_owes(
    stage: Stage, changed: dict[str, Any], expected: tuple[str, str]
) -> None:
    """A full synchronisation takes such values for agreed."""
    keys = await pairs(stage, "Adatum")
    definitions, tables = stage.store.definitions, standard().definitions
    await definitions.run_with(tables, stage.clock.now())
    shorter = standard(CUSTOMER={"fields": field("address1_city", **changed)})
    await stage.configure(shorter)
    await stage.store.definitions.run_with(shorter.definitions, stage.clock.now())
    await stage.full_sync("CURRENCY", "CUSTOMER")
    assert (await stage.store.definitions.known())["CUSTOMER"].owed
    stage.clock.tick()
    assert await verify(stage) == {"drift": 1, "left": 1}
    await verify(stage, repair=True)
    assert city(stage, keys["Adatum"]) == expected
    assert await verify(stage) == {"equal": 1}
    assert not (await stage.store.definitions.known())["CUSTOMER"].owed
