"""Creating a partner: exactly one, whatever is lost on the way (promise 2)."""

from collections.abc import Sequence
from typing import Any

import pytest

from schemas.errors import ApiError
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from tests.support.creating import CITY, NAME, Bench
from tests.support.fakes import ANY, BROKEN, BUSY, LOST

SALESPEOPLE: dict[str, Any] = {
    "bc": {"table": "salespeoplePurchasers"},
    "sales": {"table": "systemusers"},
    "direction": "to_bc",
    "fields": [
        {"bc": "code", "generate": "SP NO. {:05d}", "direction": "to_bc", "on": "insert"},
        {"bc": "displayName", "sales": "fullname"},
        {"bc": "email", "sales": "internalemailaddress"},
    ],
}
MATCHED = {
    "couple_existing": True,
    "match_on": [[{"bc": "email", "sales": "internalemailaddress", "ignore_case": True}]],
}
PRODUCT: dict[str, Any] = {
    "bc": {"table": "items"},
    "sales": {"table": "products"},
    "fields": [
        {"bc": "displayName", "sales": "name"},
        {"sales": "statecode", "constant": 0, "direction": "to_sales", "on": "after_insert"},
    ],
}


def outcomes(ends: Sequence[Settled]) -> list[Outcome]:
    return [end.outcome for end in ends]


async def test_an_account_gets_the_id_of_its_customer() -> None:
    bench = Bench(Side.BC)
    key = bench.new(displayName="Adatum", city="Graz")
    (end,) = await bench.push(key)
    assert (end.outcome, end.partner) == (Outcome.INSERTED, key)
    assert bench.partners[0]["accountid"] == key


async def test_an_account_whose_answer_was_lost_is_found_by_its_id() -> None:
    bench = Bench(Side.BC)
    key = bench.new(displayName="Adatum", city="Graz")
    bench.target.fail(key, LOST, applied=True)
    (end,) = await bench.push(key)
    assert end.coupling is not None
    assert len(bench.partners) == 1


async def test_an_account_created_before_a_crash_is_coupled_and_brought_up_to_date() -> None:
    bench = Bench(Side.BC)
    key = bench.new(displayName="Adatum", city="Graz")
    await bench.carried_out(key)  # and then the process is killed: nothing recorded
    bench.edit(key, city="Wien")
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.COUPLED
    await bench.push_again(end)
    assert [row["address1_city"] for row in bench.partners] == ["Wien"]


async def test_what_was_sent_before_and_is_refused_now_is_no_reason_not_to_send_what_the_record_has_become() -> None:
    bench = Bench(Side.BC)
    key = bench.new(displayName="Adatum", city="Graz")
    bench.target.fail(key, BUSY, times=9)
    await bench.carried_out(key)
    bench.target._faults.clear()
    bench.edit(key, city="Wien")
    bench.target.fail(key, ApiError(400, "0x80040237", "Graz is no city any more"))
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.INSERTED
    assert [write.fields["address1_city"] for write in bench.target.writes[-2:]] == ["Graz", "Wien"]
    assert [row["address1_city"] for row in bench.partners] == ["Wien"]


async def test_a_customer_whose_answer_was_lost_is_found_by_what_was_sent() -> None:
    bench = Bench(Side.SALES)
    key = bench.new(name="Adatum", address1_city="Graz")
    bench.target.fail(ANY, LOST, applied=True)
    (end,) = await bench.push(key)
    assert end.coupling is not None
    assert len(bench.partners) == 1


async def test_a_customer_created_before_a_crash_is_found_by_its_intent() -> None:
    bench = Bench(Side.SALES)
    key = bench.new(name="Adatum", address1_city="Graz")
    await bench.carried_out(key)
    bench.edit(key, address1_city="Wien")
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.COUPLED
    await bench.push_again(end)
    assert [row["city"] for row in bench.partners] == ["Wien"]
    assert bench.memory.begun == {}


async def test_a_customer_intended_but_never_sent_is_created_as_the_account_is_now() -> None:
    bench = Bench(Side.SALES)
    key = bench.new(name="Adatum", address1_city="Graz")
    bench.target.fail(ANY, BUSY, times=9)
    await bench.carried_out(key)
    bench.target._faults.clear()
    bench.edit(key, address1_city="Wien")
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.INSERTED
    assert [row["city"] for row in bench.partners] == ["Wien"]


async def test_a_customer_whose_fate_is_unknown_while_the_side_is_away_is_not_created_again() -> None:
    bench = Bench(Side.SALES)
    key = bench.new(name="Adatum", address1_city="Graz")
    bench.target.fail(ANY, LOST, applied=True)
    bench.target.after_fault = lambda: bench.target.read_faults.extend([BUSY] * 19)  # longer than our patience
    with pytest.raises(ApiError):
        await bench.push(key)
    assert len(bench.partners) == 1
    bench.target.read_faults.clear()
    await bench.push(key)
    assert len(bench.partners) == 1


async def test_a_look_that_is_refused_for_good_does_not_forget_what_may_have_been_created() -> None:
    bench = Bench(Side.SALES)
    key = bench.new(name="Adatum", address1_city="Graz")
    bench.target.fail(ANY, LOST, applied=True)
    bench.target.after_fault = lambda: bench.target.read_faults.append(ApiError(403, "", "no privilege"))
    assert outcomes(await bench.push(key)) == [Outcome.FAILED]
    await bench.push(key)
    assert len(bench.partners) == 1


async def test_two_accounts_alike_get_a_customer_each_after_a_crash() -> None:
    bench = Bench(Side.SALES)
    keys = [bench.new(name="Adatum", address1_city="Graz") for _ in range(2)]
    await bench.carried_out(*keys)
    ends = await bench.push(*keys)
    assert len(bench.partners) == 2
    assert len({end.partner for end in ends}) == 2


async def test_somebody_elses_customer_of_the_same_name_is_not_taken_for_ours() -> None:
    bench = Bench(Side.SALES)
    bench.existing(displayName="Adatum", city="Linz")
    key = bench.new(name="Adatum", address1_city="Graz")
    bench.target.fail(ANY, LOST)
    await bench.push(key)
    bench.later(960)  # nothing can come of it any more
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.INSERTED
    assert sorted(row["city"] for row in bench.partners) == ["Graz", "Linz"]


async def test_generated_codes_are_drawn_in_order() -> None:
    bench = Bench(Side.SALES, **SALESPEOPLE)
    await bench.push(bench.new(fullname="A"), bench.new(fullname="B"))
    assert {row["displayName"]: row["code"] for row in bench.partners} == {"A": "SP NO. 00001", "B": "SP NO. 00002"}


async def test_a_code_that_is_taken_draws_the_next() -> None:
    bench = Bench(Side.SALES, **SALESPEOPLE)
    bench.existing(code="SP NO. 00001", displayName="Old")
    bench.existing(code="SP NO. 00002", displayName="Older")
    (end,) = await bench.push(bench.new(fullname="New"))
    assert end.outcome is Outcome.INSERTED
    assert bench.partners[-1]["code"] == "SP NO. 00003"


async def test_a_salesperson_of_unknown_fate_keeps_its_code() -> None:
    bench = Bench(Side.SALES, **SALESPEOPLE)
    key = bench.new(fullname="A")
    bench.target.fail(ANY, LOST)
    await bench.push(key)
    assert [row["code"] for row in bench.partners] == ["SP NO. 00001"]


async def test_a_salesperson_whose_found_partner_is_gone_before_it_was_coupled_gets_a_code() -> None:
    bench = Bench(Side.SALES, **SALESPEOPLE, **MATCHED)
    key = bench.new(fullname="A")
    await bench.memory.name_partners({(bench.mapping.name, key): "00000009-0000-4000-8000-0000000000bc"})
    (end,) = await bench.push(key)
    assert (end.outcome, [row["code"] for row in bench.partners]) == (Outcome.INSERTED, ["SP NO. 00001"])


async def test_an_existing_partner_is_coupled_instead_of_duplicated() -> None:
    bench = Bench(Side.SALES, **SALESPEOPLE, **MATCHED)
    known = bench.existing(code="JR", displayName="J. Roberts", email="john@contoso.example")
    (end,) = await bench.push(bench.new(fullname="John Roberts", internalemailaddress="John@Contoso.example"))
    assert (end.outcome, end.partner) == (Outcome.COUPLED, known)
    assert [(row["code"], row["displayName"]) for row in bench.partners] == [("JR", "John Roberts")]


async def test_a_later_match_group_finds_whom_an_earlier_one_does_not() -> None:
    by_name = [{"bc": "displayName", "sales": "fullname", "ignore_case": True}]
    bench = Bench(Side.SALES, **SALESPEOPLE, **{**MATCHED, "match_on": [*MATCHED["match_on"], by_name]})  # type: ignore[misc]
    by_mail = bench.existing(code="A", displayName="Somebody", email="ann@contoso.example")
    named = bench.existing(code="B", displayName="BOB", email="")
    ann = bench.new(fullname="Ann", internalemailaddress="ann@contoso.example")
    bob = bench.new(fullname="Bob", internalemailaddress="bob@contoso.example")
    assert {end.change.key: end.partner for end in await bench.push(ann, bob)} == {ann: by_mail, bob: named}


async def test_two_candidates_are_none_and_two_records_do_not_share_one() -> None:
    bench = Bench(Side.SALES, **SALESPEOPLE, **MATCHED)
    for code in ("A", "B"):
        bench.existing(code=code, displayName=code, email="both@contoso.example")
    bench.existing(code="C", displayName="C", email="one@contoso.example")
    both = bench.new(fullname="Both", internalemailaddress="both@contoso.example")
    first, second = (bench.new(fullname="One", internalemailaddress="one@contoso.example") for _ in range(2))
    ends = {end.change.key: end.outcome for end in await bench.push(both, first, second)}
    assert ends == {both: Outcome.INSERTED, first: Outcome.COUPLED, second: Outcome.INSERTED}


async def test_a_partner_that_is_coupled_already_is_no_candidate() -> None:
    bench = Bench(Side.SALES, **SALESPEOPLE, **MATCHED)
    await bench.push(bench.new(fullname="First", internalemailaddress="x@contoso.example"))
    (end,) = await bench.push(bench.new(fullname="Second", internalemailaddress="x@contoso.example"))
    assert end.outcome is Outcome.INSERTED


async def test_what_can_only_be_set_after_creation_is_set_then() -> None:
    bench = Bench(Side.BC, **PRODUCT)
    (end,) = await bench.push(bench.new(displayName="Chair"))
    assert end.outcome is Outcome.INSERTED
    assert bench.partners[0]["statecode"] == 0
    assert [sorted(write.fields) for write in bench.target.writes] == [["name"], ["statecode"]]


async def test_a_second_step_that_is_refused_is_made_up_for_next_time() -> None:
    bench = Bench(Side.BC, **PRODUCT)
    key = bench.new(displayName="Chair")
    bench.target._faults[key] = [(BROKEN, False)]
    assert outcomes(await bench.push(key)) == [Outcome.FAILED]
    await bench.push(key)
    assert [row.get("statecode") for row in bench.partners] == [0]


async def test_a_second_step_refused_in_business_central_leaves_one_record() -> None:
    after = {"bc": "blocked", "constant": "All", "direction": "to_bc", "on": "after_insert"}
    bench = Bench(Side.SALES, fields=[NAME, CITY, after])
    key = bench.new(name="Adatum", address1_city="Graz")
    original = bench.target._carried_out

    def refusing(write: Any) -> Any:
        return ApiError(400, "broken", "not now") if "blocked" in write.fields else original(write)

    bench.target._carried_out = refusing  # type: ignore[method-assign]
    assert outcomes(await bench.push(key)) == [Outcome.FAILED]
    bench.target._carried_out = original  # type: ignore[method-assign]
    await bench.push(key)
    assert [row["blocked"] for row in bench.partners] == ["All"]


async def test_a_number_somebody_else_has_fails_and_says_which() -> None:
    fields = [{"bc": "number", "sales": "productnumber"}, {"bc": "displayName", "sales": "name"}]
    bench = Bench(Side.SALES, bc={"table": "items"}, sales={"table": "products"}, fields=fields)
    bench.existing(number="1000", displayName="Bicycle")
    (end,) = await bench.push(bench.new(productnumber="1000", name="Chair"))
    assert end.outcome is Outcome.FAILED
    assert end.problem is not None
    assert end.problem.code == "number-taken"
    assert "1000" in end.problem.message


async def test_new_couplings_learn_the_names_that_only_child_rows_tell() -> None:
    uom = {"uom": {"child": "uoms", "parent": "uomscheduleid", "field": "uomid"}}
    bench = Bench(
        Side.BC,
        bc={"table": "unitsOfMeasure"},
        sales={"table": "uomschedules", "references": uom},
        direction="to_sales",
        fields=[{"bc": "code", "sales": "name"}],
    )
    key = bench.new(code="PCS")
    (end,) = await bench.push(key)
    assert end.coupling is not None
    assert end.coupling.sales.references == {"uom": f"uom of {key}"}
    assert end.coupling.bc.references == {"code": "PCS"}
