"""One form for values that mean the same (wire-protocols C35)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import ZERO_GUID, as_code, blank_like, canonical, cut, is_code
from tests.support.tries import tries

values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text()
    | st.uuids().map(str)
)


@tries(200)
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


@pytest.mark.parametrize(
    ("field", "code"), [("currencyCode", True), ("number", True), ("gtin", True), ("displayName", False)]
)
def test_code_fields_are_known_by_name(field: str, code: bool) -> None:
    assert is_code(field) is code
    assert as_code("eur") == "EUR"
    assert as_code(None) is None


@pytest.mark.parametrize(("old", "blank"), [("x", ""), (None, ""), (5, 0), (5.5, 0), (True, False)])
def test_a_blank_is_of_the_kind_it_replaces(old: Any, blank: Any) -> None:
    assert blank_like(old) == blank
    assert type(blank_like(old)) is type(blank)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("2020-08-21T07:38:44.293Z", "2020-08-21T07:38:44Z"),  # Dataverse keeps seconds
        ("2020-08-21T09:38:44+02:00", "2020-08-21T07:38:44Z"),
        ("0001-01-01T00:00:00.000Z", None),
        ("2020-13-21T07:38:44Z", "2020-13-21T07:38:44Z"),  # no moment
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),  # before all time
    ],
)
def test_a_moment_is_told_in_utc_to_the_second(value: str, form: str | None) -> None:
    assert canonical(value) == form


def test_a_number_keeps_every_digit_it_has() -> None:
    assert canonical(2**53 + 1) == canonical(Decimal(2**53 + 1)) == 2**53 + 1
    assert isinstance(canonical(1e300), float)  # no store takes so long an int


@pytest.mark.parametrize(("text", "code"), [("straße", "STRAßE"), ("ŉ1", "ŉ1"), ("ﬁx", "ﬁX"), ("éß", "Éß")])
def test_no_code_grows_when_it_is_capitalised(text: str, code: str) -> None:
    assert as_code(text) == code


@tries(200)
@given(st.text())
def test_a_code_is_as_long_as_its_text_and_stays_as_it_is(text: str) -> None:
    assert len(as_code(text)) == len(text)
    assert as_code(as_code(text)) == as_code(text)


@pytest.mark.parametrize(
    ("old", "blank"),
    [
        ("2026-11-22", "0001-01-01"),
        ("2026-11-22T10:00:00Z", "0001-01-01T00:00:00Z"),
        ("aaaaaaaa-0000-4000-8000-00000000cafe", ZERO_GUID),
        ("2026-11-22 and later", ""),
    ],
)
def test_dates_moments_and_ids_have_blanks_of_their_own(old: str, blank: str) -> None:
    assert blank_like(old) == blank


@pytest.mark.parametrize(
    ("text", "length", "left"),
    [("abcd", 3, "abc"), ("👍👍", 3, "👍"), ("a👍", 3, "a👍"), ("éèê", 2, "éè"), ("👍", 1, ""), ("e\u0301", 1, "e")],
)
def test_text_is_cut_as_both_services_count_it(text: str, length: int, left: str) -> None:
    assert cut(text, length) == left
