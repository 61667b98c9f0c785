"""The partner moved too: every policy, field by field (business-central-sync 3.6)."""

from dataclasses import replace
from typing import Any

import pytest

from consumers.decide import Modify, decide
from consumers.resolve import resolve
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from tests.support.made import bc_row, change_of, coupled, mapping, sales_row

OPEN = Flags(only_coupled=False, paused=False)
BEFORE = {"displayName": "Adatum", "phoneNumber": "1", "city": "Graz", "creditLimit": 10, "website": "old"}
BEFORE_THERE = {"name": "Adatum", "telephone1": "1", "address1_city": "Graz", "creditlimit": 10, "websiteurl": "old"}
POLICIES = ["fail", "merge", "bc_wins", "sales_wins"]


def both_edited(
    policy: str, here: dict[str, Any], there: dict[str, Any], mapped: TableMapping | None = None
) -> Settled | Modify:
    """BC's change meets an account that has been edited since both agreed."""
    used = mapped or mapping(on_update_conflict=policy)
    held = coupled(used, bc_row(at=10, **BEFORE), sales_row(at=10, **BEFORE_THERE))
    change = change_of(used, Side.BC, bc_row(at=11, **{**BEFORE, **here}))
    item = decide(change, used, held, {}, OPEN)
    assert isinstance(item, Modify)
    return resolve(item, sales_row(at=12, **{**BEFORE_THERE, **there}))


@pytest.mark.parametrize("policy", ["merge", "bc_wins", "sales_wins"])
def test_edits_of_different_fields_are_merged(policy: str) -> None:
    merged = both_edited(policy, {"city": "Wien"}, {"telephone1": "2"})
    assert isinstance(merged, Modify)
    assert dict(merged.fields) == {"address1_city": "Wien"}
    assert merged.partner.version == 'W/"12"'


def test_edits_of_different_fields_are_a_conflict_under_fail_as_in_the_original() -> None:
    refused = both_edited("fail", {"city": "Wien"}, {"telephone1": "2"})
    assert isinstance(refused, Settled)
    assert (refused.outcome, refused.coupling) == (Outcome.CONFLICT, None)


@pytest.mark.parametrize("policy", ["fail", "merge"])
def test_different_edits_of_one_field_are_a_conflict_that_names_all_values(policy: str) -> None:
    refused = both_edited(policy, {"city": "Wien"}, {"address1_city": "Linz"})
    assert isinstance(refused, Settled)
    assert (refused.outcome, refused.coupling) == (Outcome.CONFLICT, None)
    assert refused.problem is not None
    for word in ("address1_city", "Wien", "Linz", "Graz", "customers", "accounts"):
        assert word in refused.problem.message


def test_bc_wins_writes_its_value() -> None:
    won = both_edited("bc_wins", {"city": "Wien"}, {"address1_city": "Linz"})
    assert isinstance(won, Modify)
    assert dict(won.fields) == {"address1_city": "Wien"}


def test_sales_wins_leaves_its_value_and_its_own_change_still_carries_it() -> None:
    mapped = mapping(on_update_conflict="sales_wins")
    lost = both_edited("sales_wins", {"city": "Wien"}, {"address1_city": "Linz"}, mapped)
    assert isinstance(lost, Settled)
    assert lost.coupling is not None
    theirs = change_of(mapped, Side.SALES, sales_row(at=12, **{**BEFORE_THERE, "address1_city": "Linz"}))
    carried = decide(theirs, mapped, lost.coupling, {}, OPEN)
    assert isinstance(carried, Modify)
    assert dict(carried.fields) == {"city": "Linz"}


def test_the_winner_takes_only_what_clashes() -> None:
    kept = both_edited("sales_wins", {"city": "Wien", "phoneNumber": "3"}, {"address1_city": "Linz"})
    assert isinstance(kept, Modify)
    assert dict(kept.fields) == {"telephone1": "3"}


@pytest.mark.parametrize("policy", POLICIES)
def test_equal_edits_are_no_conflict_and_need_no_write(policy: str) -> None:
    alike = both_edited(policy, {"city": "Wien"}, {"address1_city": "Wien"})
    assert isinstance(alike, Settled)
    assert alike.outcome is Outcome.UNCHANGED
    assert alike.coupling is not None
    assert alike.coupling.sales.base["address1_city"] == "Wien"
    assert alike.coupling.bc.base["city"] == "Wien"


@pytest.mark.parametrize("policy", POLICIES)
def test_one_way_fields_never_conflict(policy: str) -> None:
    """Ours overwrites theirs; an edit of theirs in a field that only travels to us is no clash (check 61)."""
    ours = both_edited(policy, {"creditLimit": 20}, {"creditlimit": 30})
    assert isinstance(ours, Modify)
    assert dict(ours.fields) == {"creditlimit": 20}
    theirs = both_edited(policy, {"city": "Wien"}, {"websiteurl": "new"})
    assert isinstance(theirs, Modify)
    assert dict(theirs.fields) == {"address1_city": "Wien"}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_one_way_field_here_and_any_field_there_is_no_conflict(policy: str) -> None:
    ours = both_edited(policy, {"creditLimit": 20}, {"telephone1": "2"})
    assert isinstance(ours, Modify)
    assert dict(ours.fields) == {"creditlimit": 20}


@pytest.mark.parametrize("policy", POLICIES)
def test_an_edit_of_a_field_nobody_mapped_only_renews_the_version(policy: str) -> None:
    again = both_edited(policy, {"city": "Wien"}, {"description": "met at the fair"})
    assert isinstance(again, Modify)
    assert again.partner.version == 'W/"12"'


@pytest.mark.parametrize("policy", ["merge", "bc_wins", "sales_wins"])
def test_what_the_partner_edited_and_we_did_not_write_is_carried_by_its_own_change(policy: str) -> None:
    mapped = mapping(on_update_conflict=policy)
    merged = both_edited(policy, {"city": "Wien"}, {"telephone1": "2"}, mapped)
    assert isinstance(merged, Modify)
    theirs = change_of(mapped, Side.SALES, sales_row(at=12, **{**BEFORE_THERE, "telephone1": "2"}))
    carried = decide(theirs, mapped, merged.coupling, {}, OPEN)
    assert isinstance(carried, Modify)
    assert carried.fields["phoneNumber"] == "2"


def test_a_conflict_is_over_when_both_sides_are_made_equal() -> None:
    mapped = mapping(on_update_conflict="fail")
    held = coupled(mapped, bc_row(at=10, **BEFORE), sales_row(at=10, **BEFORE_THERE))
    change = change_of(mapped, Side.BC, bc_row(at=14, **{**BEFORE, "city": "Wien", "phoneNumber": "2"}))
    item = decide(change, mapped, held, {}, OPEN)
    assert isinstance(item, Modify)
    equal = sales_row(at=13, **{**BEFORE_THERE, "address1_city": "Wien", "telephone1": "2"})
    assert resolve(item, equal).outcome is Outcome.UNCHANGED


def test_two_blanks_of_different_kinds_are_no_conflict() -> None:
    """Sales clears a number to null, BC to 0: both say "none" (wire-protocols A2)."""
    amount = {"bc": "discount", "sales": "discount_amount"}
    mapped = mapping(fields=[amount], on_update_conflict="merge")
    held = coupled(mapped, bc_row(at=10, discount=5), sales_row(at=10, discount_amount=5))
    change = change_of(mapped, Side.SALES, sales_row(at=11, discount_amount=None))
    item = decide(change, mapped, held, {}, OPEN)
    assert isinstance(item, Modify)
    assert resolve(item, bc_row(at=11, discount=0)).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("policy", ["fail", "merge"])
@pytest.mark.parametrize(
    ("stored", "outcome"), [(10.1235, Outcome.MODIFIED), (10.12, Outcome.MODIFIED), (10.9, Outcome.CONFLICT)]
)
def test_our_own_write_that_sales_has_rounded_is_no_edit_of_a_user(
    policy: str, stored: float, outcome: Outcome
) -> None:
    """Its answer was lost. Money is rounded to its currency's decimals; taken for an edit it was a conflict."""
    used = mapping(on_update_conflict=policy, fields=[{"bc": "creditLimit", "sales": "creditlimit"}])
    held = coupled(used, bc_row(at=10, creditLimit=5), sales_row(at=10, creditlimit=5))
    item = decide(change_of(used, Side.BC, bc_row(at=11, creditLimit=10.12345)), used, held, {}, OPEN)
    assert isinstance(item, Modify)
    end = resolve(replace(item, sent=True), sales_row(at=12, creditlimit=stored))
    assert isinstance(end, Settled)
    assert end.outcome is outcome
