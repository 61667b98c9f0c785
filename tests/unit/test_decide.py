"""What becomes of one change, without asking the other side (DESIGN 2.3)."""

from dataclasses import replace
from typing import Any

import pytest

from consumers.decide import Create, Decision, Deletion, Modify, decide
from consumers.pairing import opened
from schemas.coupling import Coupling, Reference
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.use import Use
from tests.support.made import (
    BC_ID,
    CITY,
    NAME,
    bc_row,
    change_of,
    coupled,
    deletion_of,
    mapping,
    mappings,
    part,
    sales_row,
)

OPEN = Flags(only_coupled=False, paused=False)
AGREED = {"displayName": "Adatum", "city": "Graz"}
AGREED_THERE = {"name": "Adatum", "address1_city": "Graz"}


def agreed(mapped: TableMapping) -> Coupling:
    return coupled(mapped, bc_row(at=10, **AGREED), sales_row(at=10, **AGREED_THERE))


def after_bc(row: dict[str, Any], mapped: TableMapping | None = None, flags: Flags = OPEN) -> Decision:
    """BC's coupled record is now like `row`."""
    used = mapped or mapping()
    return decide(change_of(used, Side.BC, row), used, agreed(used), {}, flags)


def settled(decision: Decision) -> Settled:
    assert isinstance(decision, Settled)
    return decision


def test_our_own_write_coming_back_is_unchanged_and_costs_nothing() -> None:
    echo = settled(after_bc(bc_row(at=10, **AGREED)))
    assert (echo.outcome, echo.coupling) == (Outcome.UNCHANGED, None)


def test_an_edit_of_a_field_nobody_mapped_only_moves_the_version() -> None:
    irrelevant = settled(after_bc(bc_row(at=11, taxLiable=True, **AGREED)))
    assert irrelevant.outcome is Outcome.UNCHANGED
    assert irrelevant.coupling is not None
    assert irrelevant.coupling.bc.version == 'W/"bc-11"'


def test_only_the_fields_that_differ_are_written() -> None:
    decision = after_bc(bc_row(at=11, displayName="Adatum", city="Wien"))
    assert isinstance(decision, Modify)
    assert dict(decision.fields) == {"address1_city": "Wien"}
    assert decision.partner.version == 'W/"10"'


def test_what_is_written_over_without_having_been_agreed_on_is_told() -> None:
    """Somebody has chosen BC's values: what Sales holds is nowhere else afterwards. Its blanks are no loss."""
    mapped, row = mapping(), bc_row(at=11, displayName="Adatum", city="Wien", phoneNumber="+43 1")
    there = {**AGREED_THERE, "telephone1": None}
    chosen = opened(mapped, coupled(mapped, bc_row(at=10, **AGREED), sales_row(at=10, **there)), Use.BC)
    decision = decide(change_of(mapped, Side.BC, row), mapped, chosen, {}, OPEN)
    assert isinstance(decision, Modify)
    assert decision.fields["address1_city"] == "Wien"
    assert decision.overruled == {"address1_city": "Graz"}
    edited = after_bc(row)
    assert isinstance(edited, Modify)
    assert not edited.overruled  # of the same field: both had agreed on what it was


def test_an_older_version_never_overwrites_a_newer_one() -> None:
    assert settled(after_bc(bc_row(at=9, displayName="Old name"))).outcome is Outcome.UNCHANGED


def test_spaces_and_the_case_of_codes_are_no_difference() -> None:
    mapped = mapping(fields=[NAME, {"bc": "country", "sales": "address1_country"}])
    held = coupled(mapped, bc_row(displayName="A", country="AT"), sales_row(name="A", address1_country="AT"))
    change = change_of(mapped, Side.SALES, sales_row(at=2, name=" A ", address1_country="at"))
    assert settled(decide(change, mapped, held, {}, OPEN)).outcome is Outcome.UNCHANGED


def test_a_text_that_is_cut_is_no_difference_beyond_the_cut() -> None:
    mapped = mapping(fields=[NAME])
    held = coupled(mapped, bc_row(displayName="x" * 20), sales_row(name="x" * 20))
    longer = change_of(mapped, Side.BC, bc_row(at=2, displayName="x" * 20 + "y"))
    assert settled(decide(longer, mapped, held, {}, OPEN)).outcome is Outcome.UNCHANGED


def test_an_uncoupled_record_is_ignored_while_only_coupled_ones_are_carried() -> None:
    mapped = mapping()
    change = change_of(mapped, Side.BC, bc_row(displayName="New"))
    assert settled(decide(change, mapped, None, {}, Flags(True, False))).outcome is Outcome.IGNORED
    assert isinstance(decide(change, mapped, None, {}, OPEN), Create)


def test_a_coupled_record_is_carried_while_only_coupled_ones_are() -> None:
    assert isinstance(after_bc(bc_row(at=11, displayName="New"), flags=Flags(True, False)), Modify)


@pytest.mark.parametrize("known", [True, False])
def test_a_record_outside_the_filter_is_ignored(known: bool) -> None:
    mapped = mapping(bc={"table": "customers", "filter": "blocked eq '_x0020_'"})
    change = change_of(mapped, Side.BC, bc_row(at=11, displayName="New", blocked="All"))
    assert settled(decide(change, mapped, agreed(mapped) if known else None, {}, OPEN)).outcome is Outcome.IGNORED


def test_a_paused_mapping_notes_that_it_missed_something() -> None:
    missed = settled(after_bc(bc_row(at=11, displayName="New"), flags=Flags(False, True)))
    assert (missed.outcome, missed.missed) == (Outcome.IGNORED, True)


@pytest.mark.parametrize("deleted", [False, True])
def test_without_live_changes_only_what_is_meant_for_the_mapping_is_settled(deleted: bool) -> None:
    mapped = mapping(live=False)
    change = deletion_of(mapped, Side.BC, BC_ID) if deleted else change_of(mapped, Side.BC, bc_row(at=11, city="Ulm"))
    live = settled(decide(change, mapped, agreed(mapped), {}, OPEN))
    assert (live.outcome, live.missed) == (Outcome.IGNORED, False)
    asked_for = decide(replace(change, mapping=mapped.name), mapped, agreed(mapped), {}, OPEN)
    assert isinstance(asked_for, Deletion if deleted else Modify)


def test_the_deletion_of_a_record_nobody_coupled_is_ignored() -> None:
    mapped = mapping(on_delete="uncouple")
    assert settled(decide(deletion_of(mapped, Side.BC, BC_ID), mapped, None, {}, OPEN)).outcome is Outcome.IGNORED


def test_a_field_of_the_other_direction_is_not_carried_and_keeps_what_was_agreed() -> None:
    mapped = mapping()
    end = settled(after_bc(bc_row(at=11, website="https://adatum.example", **AGREED), mapped))
    assert end.outcome is Outcome.UNCHANGED
    assert end.coupling is not None
    assert end.coupling.bc.base["website"] is None


def test_clearing_a_field_clears_it_over_there() -> None:
    decision = after_bc(bc_row(at=11, displayName="Adatum", city=""))
    assert isinstance(decision, Modify)
    assert dict(decision.fields) == {"address1_city": None}


def test_a_new_record_starts_without_blanks_and_with_its_constants() -> None:
    mapped = mapping(fields=[NAME, CITY, {"sales": "customertypecode", "constant": 3, "direction": "to_sales"}])
    decision = decide(change_of(mapped, Side.BC, bc_row(displayName="New")), mapped, None, {}, OPEN)
    assert isinstance(decision, Create)
    assert dict(decision.fields) == {"name": "New", "customertypecode": 3}


CURRENCY = part(
    "CURRENCY",
    bc={"table": "currencies"},
    sales={"table": "transactioncurrencies"},
    fields=[{"bc": "code", "sales": "isocurrencycode"}],
)


def with_currency(**settings: Any) -> TableMapping:
    lookup = {"bc": "currencyCode", "sales": "transactioncurrencyid", "lookup": "CURRENCY", **settings}
    return mappings(CURRENCY, part(fields=[NAME, lookup]))["CUSTOMER"]


def in_euro(mapped: TableMapping, lookups: dict[Reference, dict[str, str]]) -> Decision:
    row = bc_row(at=11, displayName="Adatum", currencyCode="eur")
    return decide(change_of(mapped, Side.BC, row), mapped, agreed(mapped), lookups, OPEN)


def test_a_related_record_that_is_not_coupled_fails_the_record_and_says_which() -> None:
    end = settled(in_euro(with_currency(), {}))
    assert end.outcome is Outcome.FAILED
    assert end.coupling is None  # the next change of the record tries again
    assert end.problem is not None
    assert end.problem.code == "not-coupled"
    assert "CURRENCY code EUR" in end.problem.message
    assert "coupled full-sync CURRENCY" in end.problem.hint


def test_a_salesperson_that_no_sales_user_stands_behind_is_mended_in_sales() -> None:
    """SALESPEOPLE come from Sales only: synchronising them could not help."""
    people = part(
        "SALESPEOPLE",
        bc={"table": "salespeoplePurchasers"},
        sales={"table": "systemusers"},
        direction="to_bc",
        match_on=[[{"bc": "email", "sales": "internalemailaddress"}]],
        fields=[{"bc": "email", "sales": "internalemailaddress"}],
    )
    owner = {"bc": "salespersonCode", "sales": "ownerid", "lookup": "SALESPEOPLE", "direction": "to_sales"}
    customer = mappings(people, part(fields=[owner, CITY]))["CUSTOMER"]
    end = settled(decide(change_of(customer, Side.BC, bc_row(salespersonCode="JR")), customer, None, {}, OPEN))
    assert end.problem is not None
    assert "SALESPEOPLE code JR" in end.problem.message
    for words in ("come from Sales only", "email = internalemailaddress", "clear the field in Business Central"):
        assert words in end.problem.hint


def test_a_related_record_is_named_by_its_partner() -> None:
    euro = {Reference("CURRENCY", Side.BC, "code", "EUR"): {"id": "the-euro"}}
    decision = in_euro(with_currency(), euro)
    assert isinstance(decision, Modify)
    assert dict(decision.fields) == {"transactioncurrencyid": "the-euro"}


def test_a_name_the_related_record_does_not_have_yet_is_said() -> None:
    euro = {Reference("CURRENCY", Side.BC, "code", "EUR"): {"id": "the-euro"}}
    end = settled(in_euro(with_currency(to="uom"), euro))
    assert end.problem is not None
    assert end.problem.code == "no-reference"


def test_clear_on_failure_writes_a_blank_instead() -> None:
    mapped = with_currency(clear_on_failure=True)
    held = agreed(mapped)
    dollar = replace(held.sales, base={**held.sales.base, "transactioncurrencyid": "the-dollar"})
    change = change_of(mapped, Side.BC, bc_row(at=11, displayName="Adatum", currencyCode="EUR"))
    decision = decide(change, mapped, replace(held, sales=dollar), {}, OPEN)
    assert isinstance(decision, Modify)
    assert dict(decision.fields) == {"transactioncurrencyid": None}


def without(mapped: TableMapping, column: str, **row: Any) -> Decision:
    """BC's coupled record has so much in a column that no message held it."""
    made = replace(change_of(mapped, Side.BC, bc_row(at=11, **row)), left_out={column: 2_000_000})
    return decide(made, mapped, agreed(mapped), {}, OPEN)


def test_promise_7_a_record_too_large_for_a_message_fails_and_says_by_which_field() -> None:
    failed = settled(without(mapping(), "city", displayName="Adatum & Co"))
    assert (failed.outcome, failed.coupling, failed.transient) == (Outcome.FAILED, None, False)
    assert failed.problem
    assert "city (2,000,000 bytes)" in failed.problem.message


def test_what_a_mapping_does_not_read_may_be_as_large_as_it_likes() -> None:
    made = without(mapping(), "comment", displayName="Adatum & Co", city="Graz")
    assert isinstance(made, Modify)
    assert made.fields == {"name": "Adatum & Co"}


def test_outside_the_filter_it_is_ignored_and_where_nobody_can_tell_it_fails() -> None:
    filtered = mapping(bc={"table": "customers", "filter": "blocked eq '_x0020_'"})
    assert settled(without(filtered, "city", blocked="All", displayName="Adatum")).outcome is Outcome.IGNORED
    untold = settled(without(filtered, "blocked", displayName="Adatum", city="Graz"))
    assert untold.outcome is Outcome.FAILED
