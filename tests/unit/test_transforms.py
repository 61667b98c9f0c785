"""Transformation rules (business-central-sync 2.2)."""

from typing import Any

import pytest

from schemas.chain import Transform
from schemas.transforms import NAMES, apply, compiled


@pytest.mark.parametrize(
    ("name", "argument", "before", "after"),
    [
        ("trim", None, " a ", "a"),
        ("upper", None, "aß", "ASS"),
        ("lower", None, "ÄB", "äb"),
        ("title", None, "adatum corp", "Adatum Corp"),
        ("title", None, "MARY'S o'neil-braun", "Mary's O'neil-Braun"),
        ("title", None, "it’s 3rd a1b éa_b", "It’s 3Rd A1b Éa_B"),
        ("alphanumeric", None, "+43 (1) 5-ä", "4315ä"),
        ("replace", {"Str.": "Straße", "St.": "Sankt"}, "Hauptstr. St.Str.", "Hauptstr. SanktStraße"),
        ("regex_replace", {"^": "NAV "}, "PCS", "NAV PCS"),
        ("regex_replace", {r"(\d+)-(\d+)": r"\2-\1"}, "12-34", "34-12"),
        ("map", {"DE": "Germany"}, "DE", "Germany"),
        ("map", {"DE": "Germany"}, "AT", "AT"),
        ("substring", [2, 3], "abcdefg", "cde"),
        ("substring", [5, 3], "abc", ""),
        ("regex_match", r"(\d+) (?:Graz|Wien)", "Gasse 3, 8010 Graz", "8010"),
        ("regex_match", r"\d+", "no digits", None),
        ("format_date", "%d.%m.%Y", "2026-11-22", "22.11.2026"),
        ("format_date", "%H:%M", "2026-11-22T16:05:00Z", "16:05"),
        ("date_part", "quarter", "2026-11-22", 4),
        ("date_part", "weekday", "2026-11-22", 7),
        ("unix_time", None, "1970-01-02T00:00:00Z", 86_400),
        ("round", 2, 1.239, 1.24),
        ("at_least", 0, -3, 0),
        ("at_least", 0, 2.5, 2.5),
        ("at_least", 1.5, "1", 1.5),
        ("round", 0, "2.6", 3.0),
        ("round", 2, 1.005, 1.01),  # half up, as BC rounds
        ("round", 2, -2.675, -2.68),
        ("map", {"Ship": 1}, "Ship", 1),  # a choice is a number
        ("map", {1: "Ship"}, 1, "Ship"),
    ],
)
def test_a_step_does_what_its_name_says(name: str, argument: Any, before: Any, after: Any) -> None:
    assert apply((Transform(name, argument),), before) == after


def test_steps_follow_one_another() -> None:
    steps = (Transform("trim"), Transform("upper"), Transform("substring", [0, 2]))
    assert apply(steps, " graz ") == "GR"


@pytest.mark.parametrize("name", ["trim", "upper", "round"])
def test_a_blank_passes_untouched(name: str) -> None:
    assert apply((Transform(name, 1 if name == "round" else None),), None) is None


def test_numbers_become_text_for_text_steps() -> None:
    assert apply((Transform("map", {"0": "active"}),), 0) == "active"


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("uper", None),
        ("trim", 1),
        ("replace", None),
        ("replace", {}),
        ("regex_replace", {"(": "x"}),
        ("regex_replace", {"a": r"\2"}),
        ("substring", [1]),
        ("substring", [-1, 2]),
        ("round", "two"),
        ("round", -1),
        ("round", True),
        ("round", 10**10),
        ("at_least", None),
        ("at_least", "0"),
        ("at_least", True),
    ],
)
def test_a_step_that_cannot_work_is_refused_before_any_record(name: str, argument: Any) -> None:
    with pytest.raises(ValueError, match=name):
        compiled(Transform(name, argument))


def test_an_unknown_step_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="choose from " + ", ".join(NAMES)):
        compiled(Transform("shout"))


@pytest.mark.parametrize("value", ["nan", "Infinity", "-inf", "1e999", "abc", [1], 10**400])
@pytest.mark.parametrize("name", ["round", "at_least"])
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    """A "not a number" equals nothing, so it would be written again for ever."""
    with pytest.raises(ValueError, match=r"\w"):
        apply((Transform(name, 1),), value)


def test_a_moment_before_all_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\w"):
        apply((Transform("unix_time"),), "0001-01-01T00:00:00+99:00")


@pytest.mark.parametrize("step", [{"regex_match": "(.*a){20}$"}, {"regex_replace": {"(.*a){20}$": "x"}}])
def test_a_pattern_that_would_run_for_ages_fails_the_value_and_holds_up_nobody(step: dict[str, Any]) -> None:
    ((name, argument),) = step.items()
    with pytest.raises(ValueError, match="takes too long"):
        apply((Transform(name, argument),), "a" * 200 + "b")
