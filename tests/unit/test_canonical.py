"""One form for values that mean the same (wire-protocols C35)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.canonical import ZERO_GUID, as_code, blank_like, canonical, is_code

values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text()
    | st.uuids().map(str)
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(values)
def test_the_canonical_form_is_its_own(value: Any) -> None:
    assert canonical(canonical(value)) == canonical(value)


@pytest.mark.parametrize("blank", ["", "  ", ZERO_GUID, "0001-01-01", "0001-01-01T00:00:00Z", "_x0020_", " ", None])
def test_every_blank_is_none(blank: Any) -> None:
    assert canonical(blank) is None


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (Decimal("12.50"), 12.5), (0, 0.0), (" a ", "a")])
def test_equal_values_have_one_form(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)
    assert type(canonical(one)) is type(canonical(other))


def test_ids_compare_without_case_and_other_text_with_it() -> None:
    assert canonical("AAAAAAAA-0000-4000-8000-00000000CAFE") == "aaaaaaaa-0000-4000-8000-00000000cafe"
    assert canonical("Adatum") != canonical("ADATUM")


def test_false_is_not_zero_and_zero_is_no_blank_text() -> None:
    assert canonical(False) is False
    assert canonical(0) == 0
    assert canonical(0) is not None


@pytest.mark.parametrize(("field", "code"), [("currencyCode", True), ("number", True), ("displayName", False)])
def test_code_fields_are_known_by_name(field: str, code: bool) -> None:
    assert is_code(field) is code
    assert as_code("eur") == "EUR"
    assert as_code(None) is None


@pytest.mark.parametrize(("old", "blank"), [("x", ""), (None, ""), (5, 0), (5.5, 0), (True, False)])
def test_a_blank_is_of_the_kind_it_replaces(old: Any, blank: Any) -> None:
    assert blank_like(old) == blank
    assert type(blank_like(old)) is type(blank)
