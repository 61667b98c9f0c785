"""`coupled explain` tells the truth: what it says of a record has happened to it, and its next step ends it."""

from __future__ import annotations

import pytest

from daemon.explaining import Explainer
from schemas.errors import Refused, Unreachable
from schemas.explanation import Explanation, Why
from schemas.outcome import Outcome
from schemas.side import Direction, Side
from tests.support.house import account, customer, pair
from tests.support.stage import Stage


async def explained(stage: Stage, record: str, mapping: str = "CUSTOMER") -> Explanation:
    return await Explainer(stage.parts.sides, stage.store).explain(mapping, record)


def key(path: str) -> str:
    return path.split("(")[1][:-1]


async def test_a_pair_in_step_by_either_id_or_its_number(stage: Stage) -> None:
    bc, sales = await pair(stage, city="Ulm")
    number = stage.bc.get(bc)["number"]
    for record in (key(bc), key(sales).upper(), number):
        told = await explained(stage, record)
        assert (told.in_step, told.why, told.says) == (True, Why.IN_STEP, "In step.")
        assert (told.bc.id, told.sales.id) == (key(bc), key(sales))
        assert told.bc.name == f"{number} Adatum"
        assert told.coupled_at
        assert told.synchronised_at
    city = next(row for row in told.fields if "city" in row.bc)
    assert (city.bc, city.sales, city.differs) == ({"city": "Ulm"}, {"address1_city": "Ulm"}, False)
    assert [one.does for one in told.would] == ["nothing", "nothing"]


async def test_a_fresh_edit_is_on_its_way_and_then_in_step(stage: Stage) -> None:
    bc, _ = await pair(stage)
    stage.bc.edit(bc, city="Ulm")
    told = await explained(stage, key(bc))
    assert told.why is Why.ON_ITS_WAY
    assert told.says.startswith("Not in step: Business Central's city was changed, and nothing keeps it from")
    [row] = [row for row in told.fields if row.differs]
    assert (row.changed, row.wins, row.agreed_bc) == ((Side.BC,), Side.BC, {"city": None})
    would = next(one for one in told.would if one.direction is Direction.TO_SALES)
    assert (would.does, would.fields) == ("modify", {"address1_city": "Ulm"})
    await stage.live()
    assert (await explained(stage, key(bc))).in_step


@pytest.mark.parametrize("policy", ["fail", "merge"])
async def test_a_conflict_before_and_after_it_is_noticed_and_its_next_step_ends_it(stage: Stage, policy: str) -> None:
    await stage.configure(CUSTOMER={"on_update_conflict": policy})
    bc, sales = await pair(stage)
    stage.bc.edit(bc, city="Ulm")
    stage.sales.edit(sales, address1_city="Bonn")
    for noticed in (False, True):
        told = await explained(stage, key(bc))
        assert told.why is Why.CONFLICT
        assert "city ↔ address1_city was changed on both sides" in told.says
        [row] = [row for row in told.fields if row.differs]
        assert (row.changed, row.wins) == ((Side.BC, Side.SALES), None)
        assert any(one.state == "conflict" for one in told.failures) is noticed
        await stage.live()
    assert f"coupled retry CUSTOMER --record {key(bc)} --use bc" in told.next
    await stage.command("retry", mappings=["CUSTOMER"], records=[key(bc)], use="bc")
    await stage.live()
    assert (await explained(stage, key(bc))).in_step
    assert stage.sales.get(sales)["address1_city"] == "Ulm"


async def test_a_record_that_has_left_the_filter(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.bc.edit(bc, blocked="All")
    await stage.live()
    told = await explained(stage, key(bc))
    assert (told.in_step, told.why) == (True, Why.OUT_OF_FILTER)
    assert "a later change is not carried because Business Central's record is outside the filter" in told.says
    assert "blocked is 'All'" in told.says
    stage.bc.edit(bc, city="Ulm")
    await stage.live()
    told = await explained(stage, key(bc))
    assert (told.in_step, told.why, told.bc.in_filter) == (False, Why.OUT_OF_FILTER, False)
    assert stage.sales.get(sales)["address1_city"] is None


async def test_a_paused_mapping(stage: Stage) -> None:
    bc, sales = await pair(stage)
    await stage.command("pause", mappings=["CUSTOMER"])
    stage.sales.edit(sales, address1_city="Ulm")
    await stage.live()
    told = await explained(stage, key(sales))
    assert (told.why, told.paused) == (Why.PAUSED, True)
    assert "Sales' address1_city was changed, and is not carried because CUSTOMER is paused since 2" in told.says
    assert "coupled resume CUSTOMER" in told.next
    await stage.command("resume", mappings=["CUSTOMER"])
    await stage.live()
    assert (await explained(stage, key(bc))).in_step


async def test_one_that_waits_for_a_dependency_and_its_next_step_ends_it(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"only_coupled": False})
    await stage.live()
    bc = customer(stage, currencyCode="USD")
    await stage.live()
    told = await explained(stage, bc)
    assert (told.why, told.in_step) == (Why.WAITING, False)
    again = told.failures[0].again_at
    assert again
    assert f"CURRENCY code USD, which is not coupled; it is tried again at {again:%Y-%m-%d %H:%M:%S} UTC" in told.says
    assert "coupled full-sync CURRENCY" in told.next
    await stage.full_sync("CURRENCY")
    await stage.live()
    assert (await explained(stage, bc)).in_step


async def test_without_a_partner_while_only_coupled_records_are_carried(stage: Stage) -> None:
    await stage.live()
    bc = customer(stage)
    await stage.live()
    told = await explained(stage, bc)
    assert told.why is Why.ONLY_COUPLED
    assert "has no partner in Sales, and gets none because CUSTOMER carries coupled records only" in told.says
    assert f"coupled sync CUSTOMER --record {bc}" in told.next
    await stage.full_sync("CURRENCY")
    await stage.command("sync", mappings=["CUSTOMER"], records=[bc])
    await stage.live()
    assert (await explained(stage, bc)).in_step


async def test_edited_where_it_does_not_travel_from_and_its_next_step_ends_it(stage: Stage) -> None:
    bc, sales = await pair(stage, creditLimit=5)
    stage.sales.edit(sales, creditlimit=9)
    await stage.live()
    told = await explained(stage, key(bc))
    assert told.why is Why.ONE_WAY
    assert "Sales' creditlimit was changed, and is not carried because the field travels from Business Cen" in told.says
    await stage.command("retry", mappings=["CUSTOMER"], records=[key(bc)], use="bc")
    await stage.live()
    assert (await explained(stage, key(bc))).in_step


async def test_a_partner_that_is_gone(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.sales.delete(sales)
    told = await explained(stage, key(bc))
    assert (told.why, told.sales.there) == (Why.GONE, False)
    assert told.sales.name == "Adatum"
    assert f"Sales record {key(sales)} does not exist any more" in told.says
    assert "on_delete is" in told.next.lower()


async def test_one_that_nobody_knows_and_a_side_that_is_away(stage: Stage) -> None:
    with pytest.raises(Refused, match="Neither side has a record"):
        await explained(stage, "00000000-0000-0000-0000-00000000dead")
    with pytest.raises(Refused, match="Neither side has a record 'NO-SUCH'"):
        await explained(stage, "NO-SUCH")
    with pytest.raises(Refused, match="no mapping"):
        await explained(stage, "1", mapping="NOTHING")
    stage.bc.arm(status=503, count=100)
    with pytest.raises(Unreachable, match="A side did not answer"):
        await explained(stage, account(stage))


@pytest.mark.parametrize(("policy", "lost"), [("bc_wins", "Bonn"), ("sales_wins", "Ulm")])
async def test_its_history_names_what_was_carried_and_the_value_that_lost(stage: Stage, policy: str, lost: str) -> None:
    await stage.configure(CUSTOMER={"on_update_conflict": policy})
    bc, sales = await pair(stage)
    stage.bc.edit(bc, city="Ulm")
    stage.sales.edit(sales, address1_city="Bonn", telephone1="+49 1")
    await stage.live()
    history = (await explained(stage, key(sales))).history
    assert {(one.bc_id, one.sales_id) for one in history} == {(key(bc), key(sales))}
    assert history[-1].outcome is Outcome.INSERTED
    assert lost in {value for one in history for value in one.overruled.values()}
    wrote = {name for one in history for name in one.wrote}
    assert wrote == {"phoneNumber", "address1_city" if policy == "bc_wins" else "city"}


@pytest.mark.parametrize(("use", "lost"), [("bc", "address1_city"), ("sales", "city")])
async def test_its_history_keeps_what_was_written_over_when_a_sides_values_were_taken(
    stage: Stage, use: str, lost: str
) -> None:
    bc, sales = await pair(stage, city="Ulm")
    stage.bc.edit(bc, city="Wien")
    stage.sales.edit(sales, address1_city="Bonn")
    assert (await stage.command("retry", records=[key(bc)], use=use)).error is None
    await stage.live()
    assert (await explained(stage, key(bc))).in_step
    newest = (await explained(stage, key(bc))).history[0]
    assert (newest.outcome, newest.wrote) == (Outcome.MODIFIED, [lost])
    assert newest.overruled == {lost: "Bonn" if use == "bc" else "Wien"}


@pytest.mark.parametrize("named", [Side.BC, Side.SALES])
async def test_a_record_that_was_deleted_for_its_partners_sake_is_still_told_of(stage: Stage, named: Side) -> None:
    await stage.configure(CUSTOMER={"on_delete": "delete"})
    bc, sales = await pair(stage)
    stage.sales.delete(sales)
    await stage.look_for_deletions()
    await stage.live()
    told = await explained(stage, key(bc) if named is Side.BC else key(sales))
    assert (told.why, told.history[0].outcome, told.history[0].direction) == (
        Why.GONE,
        Outcome.DELETED,
        Direction.TO_BC,
    )
    assert (told.bc.there, told.sales.there) == (False, False)


async def test_what_a_field_names_by_its_id_is_called_by_its_name(stage: Stage) -> None:
    bc, sales = await pair(stage, currencyCode="USD")
    told = await explained(stage, key(bc))
    row = next(one for one in told.fields if "transactioncurrencyid" in one.sales)
    assert row.names == {stage.sales.get(sales)["_transactioncurrencyid_value"]: "US-Dollar"}
    assert [one.names for one in told.fields if one is not row and one.names] == []
