"""Deletions, rows 67–71, 112, 113 and 132: what becomes of the partner, and of the coupling."""

from __future__ import annotations

from functools import partial

import pytest

from producers.dataverse import DeltaSource
from schemas.side import Side
from tests.support.house import TO_BC, TO_SALES, names, pair
from tests.support.stage import Stage

SIDES = pytest.mark.parametrize("gone", ["customer", "account"])


async def coupled(stage: Stage, policy: str) -> tuple[str, str]:
    await stage.configure(CUSTOMER={"on_delete": policy})
    return await pair(stage, city="Graz")


async def delete(stage: Stage, gone: str, bc: str, sales: str) -> None:
    """Somebody deletes one of the two, and the daemon gets to know."""
    if gone == "customer":
        stage.bc.delete(bc)
        await stage.look_for_deletions()
    else:
        stage.sales.delete(sales)
    await stage.live()


def edit(stage: Stage, gone: str, bc: str, sales: str) -> None:
    """Somebody changes the other one."""
    if gone == "customer":
        stage.sales.edit(sales, address1_city="Wien")
    else:
        stage.bc.edit(bc, city="Wien")


@SIDES
async def test_row_067_without_a_policy_the_survivor_fails_then_is_skipped_and_the_coupling_stays(
    stage: Stage, gone: str
) -> None:
    bc, sales = await coupled(stage, "ignore")
    await delete(stage, gone, bc, sales)
    assert await stage.errors() == []
    edit(stage, gone, bc, sales)
    way = TO_BC if gone == "customer" else TO_SALES
    assert (await stage.sync("CUSTOMER"))["CUSTOMER", way] == {"failed": 1}
    again = (await stage.sync("CUSTOMER"))["CUSTOMER", way]
    assert (again["skipped"], "failed" in again) == (1, False)
    assert [error.problem.code for error in await stage.errors()] == ["coupled-to-deleted"]
    assert len(await stage.couplings("CUSTOMER")) == 1


@SIDES
@pytest.mark.parametrize("found", ["by its deletion", "when its partner is carried"])
async def test_row_068_restore_creates_the_deleted_record_again_from_its_partner(
    stage: Stage, gone: str, found: str
) -> None:
    bc, sales = await coupled(stage, "restore")
    if found == "by its deletion":
        await delete(stage, gone, bc, sales)
    else:
        (stage.bc if gone == "customer" else stage.sales).delete(bc if gone == "customer" else sales)
        edit(stage, gone, bc, sales)
        ended = await stage.sync("CUSTOMER")
        assert ended["CUSTOMER", TO_BC if gone == "customer" else TO_SALES] == {"inserted": 1}
    assert names(stage) == (["Adatum"], ["Adatum"])
    ((new_bc, new_sales),) = (await stage.couplings("CUSTOMER")).items()
    old_bc, old_sales = bc.partition("(")[2][:-1], sales.partition("(")[2][:-1]
    assert (new_bc == old_bc, new_sales == old_sales) == (gone == "account", True)
    marks = stage.bc.mark(), stage.sales.mark()
    await stage.live()
    await stage.look_for_deletions()
    await stage.live()
    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])
    stage.bc.edit(f"customers({new_bc})", city="Linz")
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] == "Linz"
    assert await stage.errors() == []


@SIDES
async def test_row_069_uncouple_ends_the_coupling_and_deletes_nothing(stage: Stage, gone: str) -> None:
    bc, sales = await coupled(stage, "uncouple")
    await delete(stage, gone, bc, sales)
    assert await stage.couplings("CUSTOMER") == {}
    assert names(stage) == (([], ["Adatum"]) if gone == "customer" else (["Adatum"], []))
    edit(stage, gone, bc, sales)
    await stage.live()
    assert sum(map(len, names(stage))) == 1
    assert await stage.errors() == []


async def test_row_070_uncouple_where_new_records_are_carried_creates_the_record_again(stage: Stage) -> None:
    bc, sales = await coupled(stage, "uncouple")
    await stage.configure(CUSTOMER={"on_delete": "uncouple", "only_coupled": False})
    await delete(stage, "customer", bc, sales)
    assert names(stage) == ([], ["Adatum"])
    edit(stage, "customer", bc, sales)
    await stage.live()
    assert names(stage) == (["Adatum"], ["Adatum"])


async def test_a_change_under_way_does_not_bring_back_what_is_deleted_with_its_partner(stage: Stage) -> None:
    """A start reads BC's last minutes again, and BC tells of no deletion, not even of ours (promise 3)."""
    _, sales = await coupled(stage, "delete")
    await stage.configure(CUSTOMER={"on_delete": "delete", "only_coupled": False})
    assert await stage.capture({Side.BC})
    stage.sales.delete(sales)
    await stage.capture({Side.SALES})
    await stage.deliver(Side.SALES, "accounts")
    await stage.live()
    assert names(stage) == ([], [])
    assert await stage.couplings("CUSTOMER") == {}
    assert await stage.errors() == []


@SIDES
async def test_row_071_deleting_one_side_never_deletes_the_other(stage: Stage, gone: str) -> None:
    bc, sales = await pair(stage)
    await delete(stage, gone, bc, sales)
    await stage.full_sync("CUSTOMER")
    await stage.live()
    assert names(stage)[gone == "customer"] == ["Adatum"]


@SIDES
async def test_only_delete_takes_the_partner_along_and_then_there_is_silence(stage: Stage, gone: str) -> None:
    bc, sales = await coupled(stage, "delete")
    await delete(stage, gone, bc, sales)
    assert names(stage) == ([], [])
    assert await stage.couplings("CUSTOMER") == {}
    await stage.look_for_deletions()
    await stage.live()
    assert await stage.errors() == []


async def test_a_partner_edited_meanwhile_is_not_deleted(stage: Stage) -> None:
    bc, sales = await coupled(stage, "delete")
    edit(stage, "customer", bc, sales)
    await delete(stage, "customer", bc, sales)
    assert names(stage) == ([], ["Adatum"])
    assert {error.problem.code for error in await stage.errors()} == {"deleted-but-changed"}


@pytest.mark.parametrize(("gone", "policy"), [("customer", "ignore"), ("account", "restore")])
async def test_row_112_where_both_are_deleted_the_coupling_disappears(stage: Stage, gone: str, policy: str) -> None:
    bc, sales = await coupled(stage, policy)
    stage.bc.delete(bc)
    stage.sales.delete(sales)
    if gone == "customer":
        await stage.look_for_deletions()
    await stage.live()
    assert await stage.couplings("CUSTOMER") == {}
    assert await stage.errors() == []
    assert names(stage) == ([], [])


@pytest.mark.parametrize("first", ["account", "nothing"])
@pytest.mark.parametrize("policy", ["ignore", "fail", "uncouple"])
async def test_row_112_a_skipped_pair_whose_customer_is_deleted_last_is_no_pair_any_more(
    stage: Stage, policy: str, first: str
) -> None:
    """Business Central does not tell, so it is looked for, whatever the pair was skipped for."""
    bc, sales = await coupled(stage, policy)
    stage.sales.edit(sales, emailaddress1="nobody")  # which Business Central refuses
    for _ in range(2):
        await stage.sync("CUSTOMER")
    assert [error.state for error in await stage.errors()] == ["skipped"]
    if first == "account":
        stage.sales.delete(sales)
        await stage.live()
    stage.bc.delete(bc)
    await stage.look_for_deletions()
    gone = first == "account" or policy == "uncouple"
    assert await stage.couplings("CUSTOMER") == ({} if gone else {_id(bc): _id(sales)})
    assert gone is not bool(await stage.errors())
    if policy != "ignore":
        await stage.look_for_deletions()
        assert await stage.look_for_deletions() == 0


def _id(path: str) -> str:
    return path.partition("(")[2].rstrip(")")


async def test_row_113_a_customer_that_vanished_from_bc_is_found_and_in_the_end_skipped(stage: Stage) -> None:
    bc, _ = await coupled(stage, "fail")
    stage.bc.delete(bc)
    await stage.live()
    assert await stage.errors() == []  # its API does not tell
    assert await stage.look_for_deletions() == 1
    assert [(error.problem.code, error.state) for error in await stage.errors()] == [("coupled-to-deleted", "failed")]
    assert await stage.look_for_deletions() == 1
    assert [error.state for error in await stage.errors()] == ["skipped"]
    assert await stage.look_for_deletions() == 0


async def test_a_deletion_that_could_not_be_carried_is_carried_when_retried(stage: Stage) -> None:
    _, sales = await coupled(stage, "delete")
    stage.bc.arm(status=503, count=60, method="DELETE", path="/customers")
    stage.sales.delete(sales)
    await stage.live()
    stage.bc.disarm()
    stage.clock.tick(minutes=1)
    await stage.live()
    assert names(stage) == ([], [])
    assert await stage.errors() == []


async def test_a_product_deleted_while_one_mapping_of_its_table_is_paused_is_found_afterwards(stage: Stage) -> None:
    await stage.configure(ITEM_PRODUCT={"on_delete": "uncouple"})
    await stage.live()
    key = stage.bc.create("items", number="BOLT", displayName="Bolt", baseUnitOfMeasureCode="PCS")["id"]
    await stage.full_sync("CURRENCY", "UNITOFMEASURE", "ITEM-PRODUCT")
    await stage.live()
    await stage.command("pause", mappings=["ITEM-PRODUCT"])
    stage.sales.delete(f"products({key})")
    await stage.live()  # RESOURCE-PRODUCT has read the deletion, which is told once
    assert await stage.look_for_deletions() == 0
    await stage.command("resume", mappings=["ITEM-PRODUCT"])
    await stage.live()
    assert list(await stage.couplings("ITEM-PRODUCT")) == [key]
    assert await stage.look_for_deletions() == 1
    assert await stage.couplings("ITEM-PRODUCT") == {}


async def test_the_own_currency_of_the_company_is_never_taken_for_deleted(stage: Stage) -> None:
    await stage.configure(CURRENCY={"on_delete": "delete"})
    await stage.full_sync("CURRENCY")
    before = await stage.couplings("CURRENCY")
    assert len(before) == 2
    await stage.look_for_deletions()
    assert await stage.couplings("CURRENCY") == before


async def currency(stage: Stage, policy: str) -> tuple[str, str]:
    """A currency and Sales', which the mapping only writes to; both paths."""
    await stage.configure(CURRENCY={"on_delete": policy})
    await stage.live()
    rate = {"relationalExchangeRateAmount": 1, "exchangeRateAmount": 7.5, "startingDate": "2026-01-01"}
    key = stage.bc.create("currencies", code="DKK", displayName="Krone")["id"]
    stage.bc.create("currencyExchangeRates", currencyCode="DKK", relationalCurrencyCode="", **rate)
    await stage.full_sync("CURRENCY")
    await stage.live()
    return f"currencies({key})", f"transactioncurrencies({(await stage.couplings('CURRENCY'))[key]})"


async def test_row_068_restore_brings_back_what_the_mapping_only_writes(stage: Stage) -> None:
    bc, sales = await currency(stage, "restore")
    stage.sales.delete(sales)
    assert await stage.look_for_deletions() == 1
    [made] = [row for row in stage.sales.rows("transactioncurrencies") if row["isocurrencycode"] == "DKK"]
    assert (await stage.couplings("CURRENCY"))[_id(bc)] == made["transactioncurrencyid"]
    assert await stage.errors() == []
    assert await stage.look_for_deletions() == 0


async def test_row_067_fail_tells_a_deletion_where_the_mapping_only_writes(stage: Stage) -> None:
    bc, sales = await currency(stage, "fail")
    stage.sales.delete(sales)
    for state in ("failed", "skipped"):
        assert await stage.look_for_deletions() == 1
        [error] = await stage.errors()
        assert (error.problem.code, error.state, error.bc_id) == ("coupled-to-deleted", state, _id(bc))
    assert await stage.look_for_deletions() == 0
    await stage.configure(CURRENCY={"on_delete": "restore"})
    await stage.command("retry", mappings=["CURRENCY"])
    await stage.live()
    assert "DKK" in {row["isocurrencycode"] for row in stage.sales.rows("transactioncurrencies")}
    assert await stage.errors() == []


async def test_row_071_what_the_mapping_only_reads_is_never_deleted(stage: Stage) -> None:
    bc, sales = await currency(stage, "delete")
    stage.sales.delete(sales)
    await stage.look_for_deletions()
    await stage.live()
    assert stage.bc.get(bc)["code"] == "DKK"
    assert _id(bc) in await stage.couplings("CURRENCY")


async def test_row_132_a_deleted_salesperson_loses_its_coupling_without_waiting_for_its_user(stage: Stage) -> None:
    await stage.live()
    await stage.full_sync("SALESPEOPLE")
    [code] = await stage.couplings("SALESPEOPLE")
    stage.bc.delete(f"salespeoplePurchasers({code})")
    assert await stage.look_for_deletions() == 1
    assert await stage.couplings("SALESPEOPLE") == {}
    assert await stage.errors() == []


async def test_row_132_a_deleted_salesperson_loses_its_coupling(stage: Stage) -> None:
    await stage.live()
    await stage.full_sync("SALESPEOPLE")
    ((code, user),) = (await stage.couplings("SALESPEOPLE")).items()
    stage.bc.delete(f"salespeoplePurchasers({code})")
    stage.sales.edit(f"systemusers({user})", mobilephone="+1 2")
    await stage.live()
    assert await stage.couplings("SALESPEOPLE") == {}
    assert await stage.errors() == []


def break_off(stage: Stage, after: int) -> None:
    """Sales goes away after so many pages of accounts."""
    stage.sales.arm(status=503, count=100, method="GET", path="/accounts", skip=after)


@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("broken", [False, True])
async def test_a_deletion_that_an_expired_delta_link_would_have_told_is_found(
    stage: Stage, pending: bool, broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The full read that follows tells of none (wire-protocols B4.1). `pending`: the link expires between two pages;
    `broken`: the full read breaks off, and another process goes on with it."""
    monkeypatch.setattr("daemon.sides.DeltaSource", partial(DeltaSource, page_size=2))
    bc, sales = await coupled(stage, "delete")
    for number in range(8):
        stage.sales.create("accounts", name=f"Other {number}")
        if number == 3:
            await stage.live()
    if pending:
        break_off(stage, after=1)
        await stage.capture({Side.SALES})
        stage.sales.disarm()
    stage.sales.delete(sales)
    stage.clock.tick(8 * 86_400)
    if broken:
        break_off(stage, after=3)
        await stage.capture({Side.SALES})
        stage.sales.disarm()
        await stage.restart()
    await stage.live()
    assert stage.bc.http.get(bc).status_code == 404


@SIDES
@pytest.mark.parametrize("topic", [Side.BC, Side.SALES])
async def test_what_was_read_before_it_was_deleted_makes_no_partner_anew(stage: Stage, gone: str, topic: Side) -> None:
    """A kill may put a page on its topic twice, behind the deletion. Its partner, made anew, would make another record
    on this side, and that one another partner, in turn."""
    await stage.configure(CUSTOMER={"on_delete": "delete", "only_coupled": False})
    bc, sales = await pair(stage, city="Graz")
    name = stage.topics.table(topic, "customers" if topic is Side.BC else "accounts")
    told = [message for message, _ in stage.log.read(name)]
    await delete(stage, gone, bc, sales)
    assert names(stage) == ([], [])
    since = stage.bc.mark(), stage.sales.mark()
    for message in told:
        stage.log.put(name, message.key, message.value)
    await stage.work()
    assert names(stage) == ([], [])
    await stage.live()
    assert (stage.bc.writes(since[0]), stage.sales.writes(since[1]), await stage.errors()) == ([], [], [])


@SIDES
async def test_nor_where_a_deletion_only_ends_the_coupling(stage: Stage, gone: str) -> None:
    """Its partner lives, and would be coupled with what is gone, or be there twice."""
    await stage.configure(CUSTOMER={"on_delete": "uncouple", "only_coupled": False})
    bc, sales = await pair(stage, city="Graz")
    name = stage.topics.table(*((Side.BC, "customers") if gone == "customer" else (Side.SALES, "accounts")))
    told = [message for message, _ in stage.log.read(name)]
    await delete(stage, gone, bc, sales)
    left = ([], ["Adatum"]) if gone == "customer" else (["Adatum"], [])
    assert names(stage) == left
    for message in told:
        stage.log.put(name, message.key, message.value)
    await stage.live()
    assert (names(stage), await stage.couplings("CUSTOMER")) == (left, {})
    assert await stage.errors() == []


async def test_what_is_read_after_its_pair_has_ended_is_not_looked_for(stage: Stage) -> None:
    """It was there then: another look at each, after a mass uncoupling, would be for nothing."""
    await stage.configure(CUSTOMER={"only_coupled": False})
    bc, sales = await pair(stage, city="Graz")
    await stage.command("uncouple", mapping="CUSTOMER", all=True)
    await stage.live()
    stage.clock.tick(120)
    stage.bc.edit(bc, city="Wien")
    await stage.capture({Side.BC})
    since = stage.bc.mark()
    await stage.deliver(Side.BC, "customers")
    assert stage.bc.log(since) == []
    assert stage.sales.get(sales)["address1_city"] == "Wien"


async def test_a_record_that_gets_no_partner_is_not_looked_for(stage: Stage) -> None:
    """An API call for each change of what somebody has uncoupled would be for nothing."""
    await stage.configure(CUSTOMER={"only_coupled": True})
    bc, _ = await pair(stage, city="Graz")
    await stage.command("uncouple", mapping="CUSTOMER", all=True)
    await stage.live()
    stage.bc.edit(bc, city="Wien")
    await stage.capture({Side.BC})
    since = stage.bc.mark()
    await stage.work()
    assert stage.bc.log(since) == []
