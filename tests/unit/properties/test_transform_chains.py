"""Every step on every value: an answer or ValueError, and where a step tidies, tidying twice changes nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.translate import Untranslatable, rules_for, translate
from schemas.canonical import canonical
from schemas.chain import Transform
from schemas.field_mapping import When
from schemas.side import Direction
from schemas.transforms import NAMES, apply
from tests.support.made import mapping
from tests.support.storing import dates, moments, numbers, texts, units
from tests.support.tries import tries

quick = tries(60)

ARGUMENTS: dict[str, list[Any]] = {
    "at_least": [0, -1.5, 10**9],
    "date_part": ["year", "month", "day", "weekday", "week", "quarter"],
    "format_date": ["%d.%m.%Y", "%H:%M", "%Y-%m-%d", "%j %U"],
    "map": [{"DE": "Germany", "1": "one"}, {1: "one", 0: "none"}, {"one": 1, "none": 0}],
    "regex_match": [r"\d+", r"(\w)?(\d)", r"^$"],
    "regex_replace": [{"^": "NAV "}, {r"\s+": " "}, {r"(.)(.)": r"\2\1"}],
    "replace": [{"a": ""}, {"": "x"}, {"ß": "ss", "s": "ß"}],
    "round": [0, 2, 5, 12],
    "substring": [[0, 5], [3, 10], [0, 0]],
}
TIDYING = [("trim", None), ("upper", None), ("lower", None), ("alphanumeric", None), ("round", 2), ("at_least", 0)]
TIDYING += [("substring", [0, 5]), ("regex_replace", {r"\s+": " "})]

texts_of_any_kind = texts(30) | dates | moments | st.text(max_size=20)
values = (texts_of_any_kind | numbers | st.booleans() | st.none() | st.integers()).map(canonical)
steps = st.sampled_from(NAMES).flatmap(
    lambda name: st.sampled_from(ARGUMENTS.get(name, [None])).map(lambda argument: Transform(name, argument))
)


@tries(600)
@given(chain=st.lists(steps, max_size=4), value=values)
def test_a_chain_answers_or_says_what_does_not_fit(chain: list[Transform], value: Any) -> None:
    try:
        made = canonical(apply(tuple(chain), value))
    except ValueError:
        return
    assert made is None or isinstance(made, str | int | float)
    assert made == made, "a number that does not equal itself would be written for ever"


@quick
@given(value=st.sampled_from(["nan", "Infinity", "-inf", "1e999", "abc", ""]) | texts(20))
def test_what_is_no_number_is_not_made_one(value: str) -> None:
    for step in (Transform("round", 2), Transform("at_least", 0)):
        try:
            assert isinstance(apply((step,), value), float)
        except ValueError:
            continue


@pytest.mark.parametrize(("name", "argument"), TIDYING)
@quick
@given(data=st.data())
def test_tidying_twice_changes_nothing(name: str, argument: Any, data: st.DataObject) -> None:
    numeric = name in {"round", "at_least"}
    value = data.draw(numbers if numeric else texts_of_any_kind)
    once = apply((Transform(name, argument),), value)
    assert apply((Transform(name, argument),), once) == once


@pytest.mark.parametrize("way", Direction.BOTH.one_ways)
@tries(300)
@given(data=st.data())
def test_a_record_is_carried_or_refused_with_its_field(way: Direction, data: st.DataObject) -> None:
    chain = [step.name if step.argument is None else {step.name: step.argument} for step in data.draw(st.lists(steps))]
    field = {"bc": "country", "sales": "address1_country", "transform": chain, "max_length": 9}
    rules = rules_for(mapping(fields=[field]), way, When.ALWAYS)
    source = rules[0].fields(way.source)[0]
    value = data.draw(values)
    try:
        [made] = translate(rules, way, {source: value}, {}).values()
    except Untranslatable as refusal:
        told = refusal.problem.code
    else:
        told = "carried"
        assert made is None or units(str(made)) <= 9 or isinstance(made, int | float)
    assert told in {"carried", "not-transformable"}
