"""The checklist of business-central-sync 8: every row has an entry, a test or a reason, and is told in the docs."""

from __future__ import annotations

from pathlib import Path

from tests.support import checklist
from tests.support.checklist import Row

ROWS = checklist.rows()


def test_every_row_has_one_entry() -> None:
    assert [row.number for row in ROWS] == list(checklist.NUMBERS)
    assert {row.profile for row in ROWS} == {"S", "B", "C"}
    assert all(row.behaviour for row in ROWS)


def test_every_row_is_tested_or_explained_and_never_both_ways() -> None:
    assert {row.number: row.mistake for row in ROWS if row.mistake} == {}


def test_no_test_is_named_for_a_row_that_does_not_exist() -> None:
    assert set(checklist.tests(checklist.FOLDER)) <= set(checklist.NUMBERS)


def test_the_docs_have_the_table_as_it_is() -> None:
    text = checklist.PAGE.read_text(encoding="utf-8")
    assert checklist.page(text, ROWS) == text, "run `make docs`"


def test_a_row_that_does_not_hold_together_is_told() -> None:
    assert Row(1, "S", "x").mistake
    assert Row(1, "S", "x", better="so").mistake
    assert Row(1, "S", "x", no="so", tests=["t"]).mistake
    assert Row(1, "S", "x", open=True, tests=["t"]).mistake
    assert Row(1, "S", "x", better="so", no="so", tests=["t"]).mistake
    assert not Row(1, "S", "x", better="so", tests=["t"]).mistake
    assert not Row(1, "S", "x", no="so").mistake


def test_a_test_may_show_several_rows(tmp_path: Path) -> None:
    found = checklist.tests(checklist.FOLDER)
    shared = [test for test in found[11] if test in found[12]]
    assert shared == found[11]
    assert checklist.tests(tmp_path) == {}
