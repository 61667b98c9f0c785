"""What goes into a filter stays a value, and what a side says is read as far as it can be."""

from __future__ import annotations

import orjson
import pytest

from schemas.odata import any_of, literal, loads

GUID = "5d5e8f6c-2f8f-4c1e-9a53-0d6f0b6c7a11"
BREAKING_OUT = "x' or 1 eq 1 or name eq 'x"
QUOTED = "'x'' or 1 eq 1 or name eq ''x'"


@pytest.mark.parametrize("column", ["name", "id", "externalId", "_owner_value", "accountid"])
def test_a_text_cannot_break_out_of_a_filter_whatever_its_column_is_called(column: str) -> None:
    assert literal(column, BREAKING_OUT, "accountid") == QUOTED
    assert list(any_of(column, [BREAKING_OUT], "accountid")) == [f"{column} eq {QUOTED}"]


@pytest.mark.parametrize("column", ["id", "customerId", "_owner_value", "accountid"])
def test_ids_are_not_quoted(column: str) -> None:
    assert literal(column, GUID, "accountid") == GUID


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (rb'["cut \ud83d"]', ["cut \ufffd"]),
        (rb'["\uDE00\uD83D!"]', ["\ufffd\ufffd!"]),
        (rb'["\ud83d", "\ud83d\ude00"]', ["\ufffd", "\U0001f600"]),
        (rb'["\ud83d", "C:\\ud83d", "\\\\\"\ud83d"]', ["\ufffd", "C:\\ud83d", '\\\\"\ufffd']),
    ],
)
def test_half_a_character_makes_no_page_unreadable(said: bytes, read: list[str]) -> None:
    assert loads(said) == read


@pytest.mark.parametrize(
    "said", [b"", b'["cut', rb'["\ud83d', b'["\xed\xa0\xbd"]', b'["M\xfcller"]', b"[" * 5000 + b"]" * 5000]
)
def test_what_is_no_json_is_still_refused(said: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        loads(said)
