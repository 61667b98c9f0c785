"""What a try of ours has left is told from what others have made, and from what they have made of it (promise 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from consumers.decide import Create
from consumers.own_work import agreed, came_of, coupled, resembles, taken_for_own
from schemas import rows
from schemas.change import Op
from schemas.coupling import Half
from schemas.outcome import Intent, Outcome
from schemas.side import Side
from tests.support.fakes import NOON
from tests.support.made import mapping
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
CODES = {"bc": "country", "sales": "address1_country"}
SENT = {"displayName": "Adatum", "city": "Linz", "phoneNumber": "+43 1"}
MAPPED = mapping()
NOON_MS = int(NOON.timestamp() * 1000)


def intent(sent: Mapping[str, object] = SENT, number_of_ours: bool = False) -> Intent:
    return Intent("CUSTOMER", "s1", sent, None if number_of_ours else NOON)


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


def test_the_number_that_we_chose_tells_whenever_it_was_changed() -> None:
    sent = {"number": "C7", "displayName": "Adatum", "city": "Linz"}
    assert resembles(MAPPED, {**sent, "displayName": "Contoso"}, 0, intent(sent, number_of_ours=True))
    assert not resembles(MAPPED, {**sent, "number": "C8"}, 0, intent(sent, number_of_ours=True))


def item(key: str = "s1", sent: Mapping[str, Any] = SENT, **settings: Any) -> Create:
    """A creation in BC that was tried before."""
    river = River()
    row = {"accountid": key, "name": "Adatum", "@odata.etag": "1", "modifiedon": "2026-01-01T12:00:00Z"}
    change = rows.change(river.table(SALES), row, Op.UPDATE, 0)
    given = {"fields": dict(SENT), "sent": sent, "tried": True, "lost_at": NOON, **settings}
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
    def of(**edited: str) -> bool | None:
        change = replace(item().change, key="b1")
        return came_of(intent(), replace(item(), change=change, source=Half("b1", "", NOON_MS, {**SENT, **edited})))

    assert (of(), of(city="Graz"), of(displayName="Contoso")) == (True, False, None)


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
