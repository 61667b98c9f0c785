"""What a try of ours has left is told from what others have made, and from what they have made of it (promise 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from consumers.decide import Create
from consumers.own_work import agreed, came_of, coupled, resembles, taken_for_own
from schemas import rows
from schemas.change import Op
from schemas.coupling import Half
from schemas.errors import ApiError
from schemas.outcome import Intent, Outcome
from schemas.side import Side
from tests.support.creating import Bench
from tests.support.fakes import ANY, BROKEN, NOON
from tests.support.made import CITY, NAME, mapping
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
CODES = {"bc": "country", "sales": "address1_country"}
SENT = {"displayName": "Adatum", "city": "Linz", "phoneNumber": "+43 1"}
MAPPED = mapping()
NOON_MS = int(NOON.timestamp() * 1000)


def intent(sent: Mapping[str, object] = SENT) -> Intent:
    return Intent("CUSTOMER", "s1", sent, sent_at=NOON)


@pytest.mark.parametrize(
    ("edited", "is_ours"),
    [
        ({}, True),
        ({"city": "Graz"}, True),
        ({"website": "adatum.example"}, True),
        ({"city": "Graz", "phoneNumber": "+43 2"}, False),  # a name alone many have
        ({"displayName": "Contoso"}, False),  # and a city more
    ],
)
def test_a_record_is_ours_if_it_carries_its_name_and_half_of_what_was_sent(
    edited: dict[str, str], is_ours: bool
) -> None:
    assert resembles(MAPPED, {**SENT, **edited}, NOON_MS, intent()) is is_ours


def test_an_address_tells_as_much_as_a_name() -> None:
    sent = {**SENT, "email": "office@adatum.example"}
    assert resembles(MAPPED, {**sent, "displayName": "Adatum Ltd"}, NOON_MS, intent(sent))


@pytest.mark.parametrize(("hours", "is_ours"), [(1, True), (3, False)])
def test_a_record_that_was_last_changed_before_ours_was_sent_is_none_however_wrong_the_clock(
    hours: int, is_ours: bool
) -> None:
    changed = int((NOON - timedelta(hours=hours)).timestamp() * 1000)
    assert resembles(MAPPED, {**SENT, "city": "Graz"}, changed, intent()) is is_ours


def test_the_number_that_we_chose_tells_as_much() -> None:
    sent = {"number": "C7", "displayName": "Adatum", "city": "Linz"}
    assert resembles(MAPPED, {**sent, "displayName": "Contoso"}, NOON_MS, intent(sent))
    assert not resembles(MAPPED, {**sent, "number": "C8"}, NOON_MS, intent(sent))


def item(key: str = "s1", sent: Mapping[str, Any] = SENT, **settings: Any) -> Create:
    """A creation in BC that was tried before."""
    river = River()
    row = {"accountid": key, "name": "Adatum", "@odata.etag": "1", "modifiedon": "2026-01-01T12:00:00Z"}
    change = rows.change(river.table(SALES), row, Op.UPDATE, 0)
    given = {"fields": dict(SENT), "sent": sent, "tried": True, "sent_at": NOON, **settings}
    return Create(change, MAPPED, rows.half(MAPPED, SALES, row), **given)


def test_of_several_each_record_goes_to_the_try_whose_values_it_carries_most_of() -> None:
    tries = [item("s1"), item("s2", {**SENT, "phoneNumber": "+43 2"})]
    found = [
        Half("b1", sequence=NOON_MS, base={**SENT, "phoneNumber": "+43 2", "city": "Graz"}),
        Half("b2", sequence=NOON_MS, base={**SENT, "city": "Graz"}),
    ]
    assert taken_for_own(tries, found) == {"s1": "b2", "s2": "b1"}


def test_what_carries_all_that_was_sent_is_taken_before_what_was_edited() -> None:
    tries = [item("s1"), item("s2", {**SENT, "phoneNumber": "+43 2"})]
    found = [
        Half("b1", sequence=NOON_MS, base={**SENT, "phoneNumber": "+43 2"}),
        Half("b2", sequence=NOON_MS, base={**SENT, "phoneNumber": "+43 3"}),
    ]
    assert taken_for_own(tries, found) == {"s2": "b1", "s1": "b2"}


def test_what_was_edited_is_agreed_on_as_it_was_sent_and_the_version_is_unknown_until_it_has_travelled() -> None:
    now = Half("b1", "v7", 7, {"displayName": "Adatum", "city": "Graz", "phoneNumber": "+43 1", "website": None})
    then = agreed(MAPPED, BC, now, {"displayName": "Adatum", "city": "Linz"})
    assert (then.version, then.base) == (
        "",
        {"displayName": "Adatum", "city": "Linz", "phoneNumber": None, "website": None},
    )


def test_what_nobody_has_edited_is_agreed_on_as_it_is_with_what_the_service_filled_in() -> None:
    mapped = mapping(fields=[{"bc": "displayName", "sales": "name"}, CODES])
    now = Half("b1", "v7", 7, {"displayName": "Adatum", "country": "AT"})
    assert agreed(mapped, BC, now, {"displayName": "Adatum"}) == now


def test_what_the_record_has_become_since_is_left_to_be_carried() -> None:
    now = Half("b1", "v7", 7, SENT)
    end = coupled(item(fields={**SENT, "displayName": "Adatum Ltd"}), now, now, Outcome.COUPLED)
    assert end.coupling
    assert (end.coupling.sales.version, "name" in end.coupling.sales.base) == ("", False)


def test_a_record_of_bc_that_only_may_be_ours_is_told_from_one_that_is() -> None:
    def of(days: int = 0, **edited: str) -> bool | None:
        change = replace(item().change, key="b1")
        seen = replace(item(), change=change, source=Half("b1", "", NOON_MS, {**SENT, **edited}))
        return came_of(intent(), seen, NOON + timedelta(days=days))

    assert (of(), of(city="Graz"), of(displayName="Contoso")) == (True, False, None)
    assert (of(6, city="Graz"), of(8, city="Graz")) == (False, None), "it does not wait for ever"


async def test_what_only_resembles_our_work_is_not_lost() -> None:
    """Somebody has made the same firm in BC, while ours was being created and never arrived."""
    river = River()
    await river.memory.intend([intent()])
    theirs = river.new(BC, displayName="Adatum", city="Graz", phoneNumber="+43 1")
    (end,) = await river.take(theirs)
    assert (end.outcome, end.transient, end.problem and end.problem.code) == (Outcome.FAILED, True, "perhaps-ours")
    river.memory.begun.clear()  # the account was deleted
    (again,) = await river.take(theirs)
    assert again.outcome is Outcome.INSERTED


SAME_NAME = {"bc": "displayName", "sales": "name"}
NUMBER = {"bc": "number", "sales": "accountnumber"}


@pytest.mark.parametrize("settings", [{}, {"direction": "to_bc"}, {"match_on": [[NUMBER]]}])
async def test_a_number_that_another_record_has_makes_it_ours_no_more_with_the_next_try(settings: Any) -> None:
    river = River(fields=[NAME, CITY, NUMBER], **settings)
    river.bc.put(river.table(BC), number="A1", displayName="Adatum", city="Wien")
    born = river.new(SALES, name="Adatum", address1_city="Graz", accountnumber="A1")
    for _ in range(3):
        (end,) = await river.take(born)
        assert (end.outcome, end.problem and end.problem.code) == (Outcome.FAILED, "number-taken")
    (end,) = await river.take(river.edited(SALES, born.key, accountnumber="A2"))
    assert (end.outcome, sorted(row["number"] for row in river.rows(BC))) == (Outcome.INSERTED, ["A1", "A2"])


async def test_a_key_of_sales_that_another_record_has_is_not_taken_over_with_the_next_try() -> None:
    sales = {"table": "accounts", "key": "accountnumber"}
    river = River(fields=[NAME, CITY, NUMBER], sales=sales, match_on=[[NUMBER]])
    river.sales.put(river.table(SALES), name="X", accountnumber="A1", address1_city="Wien")
    born = river.new(BC, displayName="Adatum", number="A1", city="Graz")
    assert [(await river.take(born))[0].outcome for _ in range(2)] == [Outcome.FAILED] * 2
    assert [row["name"] for row in river.rows(SALES)] == ["X"]


async def test_a_row_that_had_the_id_before_takes_over_what_its_record_holds_though_a_try_of_that_was_refused() -> None:
    """Uncoupled by hand, and both were edited since."""
    bench = Bench(BC, fields=[NAME, CITY], direction="to_sales")
    key = bench.new(displayName="Adatum", city="Graz")
    await bench.push(key)
    bench.memory.kept.clear()
    bench.target.edit(bench.mapping.table(SALES), key, address1_city="Wien", name="Old")
    bench.edit(key, city="Linz")
    writes = count(1)
    bench.target.before_write = lambda: next(writes) == 2 and bench.target.fail(key, BROKEN)
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.FAILED
    bench.target.before_write = lambda: None
    await bench.push(key)
    assert [(row["name"], row["address1_city"]) for row in bench.partners] == [("Adatum", "Linz")]


async def test_a_partner_that_was_found_takes_over_what_its_record_holds_though_a_try_of_that_was_refused() -> None:
    river = River(
        fields=[NAME, CITY, NUMBER], couple_existing=True, match_on=[[{"bc": "displayName", "sales": "name"}]]
    )
    river.bc.put(river.table(BC), number="A1", displayName="Other", city="Wien")
    born = river.new(SALES, name="Adatum", address1_city="Graz", accountnumber="A1")
    await river.take(born)  # the number is taken
    river.bc.put(river.table(BC), number="A2", displayName="Adatum", city="Wels")
    river.bc.fail(ANY, BROKEN)
    await river.take(born)
    river.bc._faults.clear()
    river.bc.edit(river.table(BC), river.rows(BC)[0]["id"], number="A9")
    (end,) = await river.take(born)
    assert end.outcome is Outcome.COUPLED
    assert [row["city"] for row in river.rows(BC) if row["displayName"] == "Adatum"] == ["Graz"]


@pytest.mark.parametrize("source", Side)
async def test_a_value_that_makes_a_side_fail_is_not_sent_again_once_it_is_corrected(source: Side) -> None:
    bench = Bench(source, fields=[NAME, CITY])
    city, there = ("city", "address1_city") if source is BC else ("address1_city", "city")
    key = bench.new(**{"displayName" if source is BC else "name": "Adatum", city: "Graz"})
    write = bench.target._written
    error = ApiError(500, "0x80040216", "a plug-in has failed")
    bench.target._written = lambda one: error if one.fields.get(there) == "Graz" else write(one)  # type: ignore[method-assign]
    assert [one.outcome for one in await bench.push(key)] == [Outcome.FAILED]
    bench.edit(key, **{city: "Linz"})
    (end,) = await bench.push(key)
    assert (end.outcome, [row[there] for row in bench.partners]) == (Outcome.INSERTED, ["Linz"])
