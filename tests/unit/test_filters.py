"""Mapping filters, evaluated on each event (DESIGN 4)."""

from typing import Any

import pytest

from schemas.filters import Filter

ROW = {"name": "Adatum", "state": 0, "limit": 12.5, "parent": None, "blocked": "_x0020_", "licensed": True}


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
        "",
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


@pytest.mark.parametrize("text", ["name eq", "(a eq 1", "a in (1,2)", "tolower(name) eq 'x'", "a add 1 eq 2"])
def test_a_filter_that_cannot_be_evaluated_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="filter"):
        Filter.parse(text)


@pytest.mark.parametrize(("one", "other", "equal"), [("a eq 1", "a eq 1", True), ("a eq 1", "a eq 2", False)])
def test_filters_are_equal_by_their_text(one: str, other: str, equal: bool) -> None:
    assert (Filter.parse(one) == Filter.parse(other)) is equal
    assert len({Filter.parse(one), Filter.parse(other)}) == 2 - equal


@pytest.mark.parametrize("row", [{}, {"a": None}, {"a": []}])
def test_any_row_can_be_asked(row: dict[str, Any]) -> None:
    assert not Filter.parse("a eq 'x'").matches(row)
