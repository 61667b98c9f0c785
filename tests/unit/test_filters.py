"""Mapping filters, evaluated on each event (DESIGN 4)."""

from typing import Any

import pytest

from schemas.filter_text import NotAFilter
from schemas.filters import Filter
from schemas.side import Side

ROW = {
    "name": "Adatum",
    "street": "De Ruyterkade 5 ",
    "state": 0,
    "limit": 12.5,
    "parent": None,
    "blocked": "_x0020_",
    "licensed": True,
}


@pytest.mark.parametrize(
    "text",
    [
        "state eq 0",
        "state ne 1",
        "limit gt 12",
        "limit ge 12.5 and limit le 12.5",
        "limit lt 13",
        "name eq 'ADATUM'",  # as Dataverse compares
        "parent eq null",
        "name ne null",
        "blocked eq '_x0020_'",
        "blocked eq ' '",
        "licensed eq true",
        "not (state eq 1)",
        "state eq 1 or name eq 'adatum'",
        "state eq 0 and (name eq 'x' or limit gt 1)",
        "contains(name,'dat')",
        "startswith(name,'AD')",
        "endswith(name,'tum')",
        "startswith(street,'De ')",
        "contains(street,' 5')",
        "endswith(street,'5 ')",
        "street eq 'de ruyterkade 5'",
        "licensed",
        "not (licensed eq false)",
        "  state eq 0 ",
        "",
        " ",
    ],
)
def test_a_row_inside(text: str) -> None:
    assert Filter.parse(text).matches(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "state eq 1",
        "parent gt 1",  # null compares with nothing
        "parent ne null",
        "missing eq 'x'",
        "contains(parent,'x')",
        "licensed eq false",
        "name eq 'it''s'",
        "startswith(name,' ')",
        "startswith(street,' De')",
        "street eq ' De Ruyterkade 5'",
        "startswith(name,'Ad ')",  # Adatum is not "Ad atum"
        "endswith(street,'5')",
        "name",  # true or false it is not
        "contains(parent,'')",
    ],
)
def test_a_row_outside(text: str) -> None:
    assert not Filter.parse(text).matches(ROW)


def test_a_filter_knows_the_columns_it_reads() -> None:
    text = "statecode eq 0 and (_parentcustomerid_value ne null or contains(name,'x'))"
    assert Filter.parse(text).fields == {"statecode", "_parentcustomerid_value", "name"}


def test_a_column_that_is_a_number_here_and_text_there_does_not_crash_an_equality() -> None:
    assert not Filter.parse("name eq 5").matches(ROW)


@pytest.mark.parametrize(
    "text",
    ["name gt 5", "name le 5", "limit lt 'x'", "licensed ge 'x'", "contains(limit,'1')", "startswith(name,5)"],
)
def test_values_of_unlike_types_never_match_and_never_crash(text: str) -> None:
    assert not Filter.parse(text).matches(ROW)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("name eq", "breaks at 'eq'", "Write it as"),
        ("(a eq 1", "ends too early", "Write it as"),
        ("name = 'x'", "breaks at '='", "Write 'eq'"),
        ("name equals 'x'", "breaks at 'equals'", "Write 'eq'"),
        ('name eq "x"', "breaks at '\"x\"'", "single quotes"),
        ("name eq 'O'Neil'", 'breaks at "Neil\'"', "'O''Neil'"),
        ("a in (1,2)", "uses 'in', which is not supported", "country eq 'DE' or country eq 'AT'"),
        ("a in ('x')", "breaks at ')'", "Write it out"),
        ("tolower(name) eq 'x'", "uses 'tolower()', which is not supported", "Leave it out"),
        ("length(name) gt 3", "uses 'length()', which is not supported", "contains, startswith, endswith"),
        ("contain(name,'x')", "no function 'contain'", "'contains'"),
        ("contains(name)", "takes 2 arguments", "contains, startswith, endswith"),
        ("contains(name,'x') eq true", "uses 'contains()'", "a condition by itself"),
        ("a add 1 eq 2", "uses 'add', which is not supported", "eq ne gt ge lt le"),
        ("-a eq 1", "uses '-'", "eq ne gt ge lt le"),
        ("not a eq 1", "uses 'not'", "not (country eq 'DE')"),
        ("parent/name eq 'x'", "uses 'parent/name'", "'_name_value'"),
        ("x/any(y: y/z eq 1)", "uses 'any()'", "eq ne gt ge lt le"),
        ("(a eq 1) eq true", "uses 'a comparison of a comparison'", "Write it as"),
        ("true", "a value where a comparison belongs", "Write it as"),
        ("name eq 'x' and 'y'", "a value where a comparison belongs", "Write it as"),
        ("1 eq 1", "compares two values, and no field", "Write it as"),
    ],
)
def test_a_filter_that_cannot_be_evaluated_is_refused_with_what_was_written_and_what_to_write(
    text: str, message: str, hint: str
) -> None:
    with pytest.raises(NotAFilter, match=r"filter|function") as refusal:
        Filter.parse(text)
    assert message in str(refusal.value)
    assert hint in refusal.value.hint


@pytest.mark.parametrize(
    ("text", "name", "fits"),
    [
        ("contains(name,'50%')", "50 miles", {Side.SALES}),
        ("contains(name,'50%')", "50% off", {Side.SALES, Side.BC}),
        ("startswith(name,'A_c')", "Abc", {Side.SALES}),
        ("startswith(name,'A[b-d]')", "Ac", {Side.SALES}),
        ("endswith(name,'[^b]')", "Ab", set[Side]()),
        ("endswith(name,'a*')", "b", set[Side]()),
        ("contains(name,'a?c')", "abc", set[Side]()),
        ("name eq 'A%'", "Abc", set[Side]()),
        ("name eq 'bank account'", "Bank_x0020_Account", {Side.BC}),
    ],
)
def test_wildcards_are_patterns_on_sales_and_names_of_choices_are_escaped_in_bc(
    text: str, name: str, fits: set[Side]
) -> None:
    assert {side for side in Side if Filter.parse(text, side).matches({"name": name})} == fits


def test_a_pattern_of_many_wildcards_takes_no_time() -> None:
    pattern = Filter.parse(f"contains(name,'{'a%' * 40}b')", Side.SALES)
    assert not pattern.matches({"name": "a" * 4000})


@pytest.mark.parametrize(("one", "other", "equal"), [("a eq 1", "a eq 1", True), ("a eq 1", "a eq 2", False)])
def test_filters_are_equal_by_their_text(one: str, other: str, equal: bool) -> None:
    assert (Filter.parse(one) == Filter.parse(other)) is equal
    assert len({Filter.parse(one), Filter.parse(other)}) == 2 - equal


@pytest.mark.parametrize("row", [{}, {"a": None}, {"a": []}])
def test_any_row_can_be_asked(row: dict[str, Any]) -> None:
    assert not Filter.parse("a eq 'x'").matches(row)
