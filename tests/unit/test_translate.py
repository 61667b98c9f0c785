"""Field rules: one side's values in the other's words (business-central-sync 2.2)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.translate import Untranslatable, rules_for, translate
from schemas.canonical import canonical
from schemas.field_mapping import When
from schemas.side import Direction
from tests.support.made import mapping

FULL_NAME = {"bc": "displayName", "sales": ["firstname", "lastname"], "max_length": 100}


def carried(field: dict[str, Any], way: Direction, **values: Any) -> dict[str, Any]:
    mapped = mapping(fields=[field], direction=field.get("direction", "both"))
    canonical_values = {name: canonical(value) for name, value in values.items()}
    return translate(rules_for(mapped, way, When.ALWAYS, When.INSERT), way, canonical_values, {})


def to_sales(field: dict[str, Any], **values: Any) -> dict[str, Any]:
    return carried(field, Direction.TO_SALES, **values)


def to_bc(field: dict[str, Any], **values: Any) -> dict[str, Any]:
    return carried(field, Direction.TO_BC, **values)


@pytest.mark.parametrize(
    ("whole", "first", "last"),
    [
        ("Helen Ray", "Helen", "Ray"),
        ("Mary Ann Lee", "Mary", "Ann Lee"),
        ("Prince", None, "Prince"),  # Sales forms require a last name
        ("", None, None),
        ("Helen  Ray", "Helen", "Ray"),
    ],
)
def test_a_name_is_split_at_its_first_space(whole: str, first: str | None, last: str | None) -> None:
    assert to_sales(FULL_NAME, displayName=whole) == {"firstname": first, "lastname": last}


@pytest.mark.parametrize(
    ("first", "last", "whole"),
    [("Mary Ann", "Lee", "Mary Ann Lee"), (None, "Prince", "Prince"), ("Cher", None, "Cher"), (None, None, None)],
)
def test_two_names_are_joined_by_one_space(first: str | None, last: str | None, whole: str | None) -> None:
    assert to_bc(FULL_NAME, firstname=first, lastname=last) == {"displayName": whole}


@given(st.lists(st.text(alphabet="abcÄé-'", min_size=1, max_size=8), max_size=4))
def test_a_split_name_joins_to_what_it_was(words: list[str]) -> None:
    whole = " ".join(words)
    halves = to_sales(FULL_NAME, displayName=whole)
    assert to_bc(FULL_NAME, **halves) == {"displayName": whole or None}


@pytest.mark.parametrize(
    ("whole", "first", "last"),
    [
        (f"{'a' * 60} {'b' * 30}", "a" * 50, "b" * 30),
        (f"Ann {'b' * 49} {'c' * 20}", "Ann", "b" * 49),
        ("p" * 90, None, "p" * 50),
        (f"Ann {'b' * 20}{' ' * 90}end", "Ann", "b" * 20),
    ],
)
def test_each_half_of_a_name_is_cut_to_what_sales_takes(whole: str, first: str | None, last: str) -> None:
    assert to_sales(FULL_NAME, displayName=whole) == {"firstname": first, "lastname": last}


def test_codes_are_upper_case_in_business_central() -> None:
    country = {"bc": "country", "sales": "address1_country"}
    assert to_bc(country, address1_country=" at ") == {"country": "AT"}
    assert to_sales(country, country="AT") == {"address1_country": "AT"}


def test_text_is_cut_to_the_shorter_length_without_a_trailing_space() -> None:
    short = {"bc": "displayName", "sales": "name", "max_length": 6}
    assert to_sales(short, displayName="Adatum Corporation") == {"name": "Adatum"}
    assert to_sales(short, displayName="Adatu mills") == {"name": "Adatu"}


def test_a_code_that_would_grow_is_no_longer_than_it_may_be() -> None:
    """`ß` stays one letter, as in BC: upper-cased to SS it was refused for its length."""
    assert to_bc({"bc": "country", "sales": "address1_country", "max_length": 4}, address1_country="ßßßßß") == {
        "country": "ßßßß"
    }


def test_an_emoji_at_the_cut_is_left_out_whole() -> None:
    short = {"bc": "displayName", "sales": "name", "max_length": 6}
    assert to_sales(short, displayName="Adatu👍") == {"name": "Adatu"}
    assert to_sales(FULL_NAME, displayName="👍" * 60) == {"firstname": None, "lastname": "👍" * 25}


def test_a_one_way_field_travels_one_way() -> None:
    credit = {"bc": "creditLimit", "sales": "creditlimit", "direction": "to_sales"}
    assert to_sales(credit, creditLimit=5) == {"creditlimit": 5}
    assert to_bc({**credit, "direction": "to_bc"}, creditlimit=5) == {"creditLimit": 5}
    both = mapping(fields=[credit, {"bc": "city", "sales": "address1_city"}])
    assert [rule.bc for rule in both.rules(Direction.TO_BC)] == [("city",)]


def test_a_value_the_record_does_not_carry_is_left_alone() -> None:
    assert to_sales({"bc": "city", "sales": "address1_city"}, phoneNumber="1") == {}


def test_a_blank_clears_unless_the_field_may_not_be_blank() -> None:
    plain = {"bc": "city", "sales": "address1_city"}
    assert to_sales(plain, city="") == {"address1_city": None}
    assert to_sales({**plain, "not_null": True}, city="") == {}


def test_a_blank_of_a_required_field_fails_the_record() -> None:
    field = {"bc": "creditLimit", "sales": "creditlimit", "required": True}
    for carry in (lambda: to_sales(field, creditLimit=0), lambda: to_bc(field, creditlimit=None)):
        with pytest.raises(Untranslatable) as refusal:
            carry()
        assert refusal.value.problem.code == "value-missing"
    assert to_bc(field, creditlimit=0) == {"creditLimit": 0}  # a blank in BC only
    assert to_sales(field) == {}  # the record does not carry it


def test_a_value_that_its_transformation_empties_is_blank_too() -> None:
    letters = {"bc": "city", "sales": "address1_city", "not_null": True, "transform": ["alphanumeric"]}
    assert to_sales(letters, city="---") == {}


def test_transformations_come_before_the_cut() -> None:
    field = {"bc": "city", "sales": "address1_city", "max_length": 3, "transform": ["upper", {"replace": {"G": "XX"}}]}
    assert to_sales(field, city="graz") == {"address1_city": "XXR"}


def test_a_constant_needs_no_source() -> None:
    constant = {"sales": "customertypecode", "constant": 3, "direction": "to_sales"}
    assert to_sales(constant) == {"customertypecode": 3}


def test_a_generated_code_is_left_to_the_creation() -> None:
    assert to_bc({"bc": "code", "generate": "SP {:05d}", "direction": "to_bc"}) == {}


def test_disabled_fields_do_not_travel() -> None:
    fields = [{"bc": "city", "sales": "address1_city"}, {"bc": "website", "sales": "websiteurl", "status": "disabled"}]
    assert [rule.bc for rule in mapping(fields=fields).fields] == [("city",)]


def test_a_value_that_cannot_be_transformed_is_told_with_its_field() -> None:
    with pytest.raises(Untranslatable) as refusal:
        to_sales({"bc": "taxAreaId", "sales": "description", "transform": ["unix_time"]}, taxAreaId="soon")
    assert refusal.value.problem.code == "not-transformable"
    assert "taxAreaId ↔ description" in refusal.value.problem.message
