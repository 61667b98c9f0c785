"""Match-based coupling, the rules: unique on both sides or not at all (business-central-sync 5.3, rows 105 and 106)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.matching import Ambiguity, Keys, Pair, keys, match, take_up
from schemas.mapping_file import parse, standard_text
from schemas.side import Side
from tests.support.made import bc_row, mapping, sales_row

EMAIL = {"bc": "email", "sales": "emailaddress1"}
NAME = {"bc": "displayName", "sales": "name", "ignore_case": True}
GROUPS: Any = {"match_on": [[EMAIL], [NAME]]}

Known = st.lists(st.tuples(*[st.one_of(st.none(), st.tuples(st.integers(0, 3)))] * 2), max_size=8)


def named(prefix: str, known: list[Keys]) -> dict[str, Keys]:
    return {f"{prefix}{number}": one for number, one in enumerate(known)}


@given(Known, Known)
def test_no_record_is_coupled_twice_and_pairs_agree_in_their_group(bc: list[Keys], sales: list[Keys]) -> None:
    mine, theirs = named("b", bc), named("s", sales)
    pairs = match(mine, theirs).pairs
    assert len({one.bc for one in pairs}) == len({one.sales for one in pairs}) == len(pairs)
    for one in pairs:
        assert mine[one.bc][one.group] == theirs[one.sales][one.group] is not None


@given(Known, Known, st.randoms())
def test_the_order_of_the_records_makes_no_difference(bc: list[Keys], sales: list[Keys], shuffled: Any) -> None:
    mine, theirs = list(named("b", bc).items()), list(named("s", sales).items())
    before = match(dict(mine), dict(theirs))
    shuffled.shuffle(mine)
    shuffled.shuffle(theirs)
    after = match(dict(mine), dict(theirs))
    assert (set(after.pairs), set(after.ambiguous)) == (set(before.pairs), set(before.ambiguous))


@given(Known, Known)
def test_a_pair_is_alone_in_its_group_among_all_records_and_nobody_who_is_goes_without(
    bc: list[Keys], sales: list[Keys]
) -> None:
    mine, theirs = named("b", bc), named("s", sales)
    pairs = match(mine, theirs).pairs
    alone = {
        (b[0], s[0], group)
        for group in range(2)
        for key in {known[group] for known in mine.values()} - {None}
        if len(b := [one for one, known in mine.items() if known[group] == key]) == 1
        if len(s := [one for one, known in theirs.items() if known[group] == key]) == 1
    }
    assert {(one.bc, one.sales, one.group) for one in pairs} <= alone
    taken = {name for one in pairs for name in (one.bc, one.sales)}
    assert all(b in taken or s in taken for b, s, _ in alone)


@given(Known, Known)
def test_every_two_free_records_that_agree_are_told(bc: list[Keys], sales: list[Keys]) -> None:
    mine, theirs = named("b", bc), named("s", sales)
    found = match(mine, theirs)
    paired = {(one.bc, one.sales) for one in found.pairs}
    told = {(b, s) for one in found.ambiguous for b in one.bc for s in one.sales}
    taken = {name for pair in paired for name in pair}
    for b, known in mine.items():
        for s, other in theirs.items():
            agree = any(k is not None and k == o for k, o in zip(known, other, strict=True))
            if agree and b not in taken and s not in taken:
                assert (b, s) in told


def test_an_earlier_group_decides_and_a_later_one_helps_where_it_cannot() -> None:
    bc = {"b1": (("x",), ("n1",)), "b2": (("x",), ("n2",)), "b3": (("y",), ("n3",))}
    sales = {"s1": (("x",), ("n2",)), "s3": (("y",), ("n1",))}
    found = match(bc, sales)
    assert set(found.pairs) == {Pair("b3", "s3", 0), Pair("b2", "s1", 1)}
    assert found.ambiguous == ()


def test_who_is_left_when_others_have_gone_is_no_match() -> None:
    """That b1 has found its partner by name does not say that b2 is the one of that e-mail address."""
    bc: dict[str, Keys] = {"b1": (("x",), ("n",)), "b2": (("x",), None)}
    sales: dict[str, Keys] = {"s1": (("x",), None), "s2": (None, ("n",))}
    found = match(bc, sales)
    assert found.pairs == (Pair("b1", "s2", 1),)
    assert found.ambiguous == (Ambiguity(0, ("b1", "b2"), ("s1",)),)


def test_of_two_that_agree_neither_is_taken_up_when_the_other_has_gone() -> None:
    mine: dict[str, Keys] = {"a": (None, ("n",)), "b": (("x",), None)}
    theirs: dict[str, Keys] = {"1": (("x",), ("n",)), "2": (("x",), None)}
    assert take_up(mine, theirs) == {"a": "1"}


def test_several_on_either_side_are_left_and_told_once() -> None:
    same: Keys = (("x",), ("n",))
    assert match({"b": same}, {"s": same, "t": same}).ambiguous == (Ambiguity(0, ("b",), ("s", "t")),)
    assert match({"b": same, "c": same}, {"s": same}).pairs == ()


def test_who_is_about_to_be_created_takes_the_only_one_that_agrees_and_no_two_share_it() -> None:
    mine: dict[str, Keys] = {"a": (("x",), None), "b": (("x",), None), "c": (("y",), ("n",)), "d": (None, ("m",))}
    theirs: dict[str, Keys] = {"1": (("x",), None), "2": (("y",), None), "3": (("y",), None), "4": (None, ("m",))}
    assert take_up(mine, theirs) == {"a": "1", "d": "4"}


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ({"email": "a@b.example"}, {"emailaddress1": "a@b.example"}, True),
        ({"email": "A@b.example"}, {"emailaddress1": "a@b.example"}, False),
        ({"email": ""}, {"emailaddress1": None}, False),
        ({"email": " a@b.example "}, {"emailaddress1": "a@b.example"}, True),
    ],
)
def test_values_agree_to_the_letter_but_for_outer_blanks_and_a_blank_agrees_with_nothing(
    mine: dict[str, Any], theirs: dict[str, Any], same: bool
) -> None:
    mapped = mapping(match_on=[[EMAIL]])
    found = match({"b": keys(mapped, Side.BC, bc_row(**mine))}, {"s": keys(mapped, Side.SALES, sales_row(**theirs))})
    assert bool(found.pairs) is same


def test_all_fields_of_a_group_must_agree() -> None:
    mapped = mapping(match_on=[[NAME, {"bc": "city", "sales": "address1_city"}]])
    bc = {"b": keys(mapped, Side.BC, bc_row(displayName="Adatum", city="Graz"))}
    for city, pairs in (("Graz", 1), ("Wien", 0), (None, 0)):
        sales = {"s": keys(mapped, Side.SALES, sales_row(name="ADATUM", address1_city=city))}
        assert len(match(bc, sales).pairs) == pairs


def test_a_longer_name_agrees_as_far_as_it_would_be_carried() -> None:
    mapped = mapping(match_on=[[NAME]])
    bc = keys(mapped, Side.BC, bc_row(displayName="A name of more than twenty letters"))
    sales = keys(mapped, Side.SALES, sales_row(name="A name of more than 20 letters"))
    assert bc == sales


def test_the_standard_units_agree_as_they_are_carried() -> None:
    units = parse(standard_text())["UNITOFMEASURE"]
    bc, sales = keys(units, Side.BC, {"id": "1", "code": "box"}), keys(units, Side.SALES, {"name": "NAV BOX"})
    assert bc == sales == (("NAV BOX",),)
    assert keys(units, Side.SALES, {"name": "BOX"}) != bc


def test_a_value_that_cannot_be_carried_matches_nothing() -> None:
    rule = {"bc": "displayName", "sales": "name", "transform": ["unix_time"]}
    mapped = mapping(fields=[rule], match_on=[[NAME]])
    assert keys(mapped, Side.BC, bc_row(displayName="no date")) == (None,)
