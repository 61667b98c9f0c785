"""Two coupled records compared, and whose values repair what differs (business-central-sync 3.6, 4.4)."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.survey.drift import Drift, drifts, reopened, sources
from schemas import rows
from schemas.coupling import Coupling, Half, Reference
from schemas.mapping import TableMapping
from schemas.side import Side
from tests.support.made import CITY, FIELDS, NAME, bc_row, coupled, mapping, sales_row
from tests.support.river import River
from tests.support.tries import tries

AGREED = (
    bc_row(displayName="Ada", phoneNumber="1", city="Ulm", creditLimit=5, website="w"),
    sales_row(name="Ada", telephone1="1", address1_city="Ulm", creditlimit=5, websiteurl="w"),
)


def halves(mapped: TableMapping, bc: Mapping[str, Any], sales: Mapping[str, Any]) -> dict[Side, Half]:
    return {Side.BC: rows.half(mapped, Side.BC, bc), Side.SALES: rows.half(mapped, Side.SALES, sales)}


def found(
    bc: dict[str, Any],
    sales: dict[str, Any],
    mapped: TableMapping | None = None,
    coupling: Coupling | None = None,
    lookups: dict[Reference, dict[str, str]] | None = None,
) -> list[tuple[str, Side | None]]:
    """The fields that differ after these edits, and who is right."""
    mapped = mapped or mapping()
    now = halves(mapped, {**AGREED[0], **bc}, {**AGREED[1], **sales})
    told = drifts(mapped, coupling or coupled(mapped, *AGREED), now, lookups or {})
    return [("+".join(one.rule.bc), one.winner) for one in told]


def test_records_that_are_as_both_agreed_do_not_differ() -> None:
    assert found({}, {}) == []


@pytest.mark.parametrize(
    ("bc", "sales", "expected"),
    [
        ({"city": "Bonn"}, {}, [("city", Side.BC)]),
        ({}, {"address1_city": "Bonn"}, [("city", Side.SALES)]),
        ({}, {"address1_city": None}, [("city", Side.SALES)]),
        ({"city": "Bonn"}, {"telephone1": "2"}, [("phoneNumber", Side.SALES), ("city", Side.BC)]),
        ({"city": "Bonn"}, {"address1_city": "Bonn"}, []),
        ({"city": "Bonn"}, {"address1_city": "Rome"}, [("city", None)]),
    ],
)
def test_who_moved_is_right_and_both_are_a_conflict(
    bc: dict[str, Any], sales: dict[str, Any], expected: list[tuple[str, Side | None]]
) -> None:
    assert found(bc, sales, mapping(on_update_conflict="merge")) == expected


@pytest.mark.parametrize(("policy", "winner"), [("bc_wins", Side.BC), ("sales_wins", Side.SALES), ("fail", None)])
def test_of_two_edits_the_policy_decides(policy: str, winner: Side | None) -> None:
    edited = found({"city": "Bonn"}, {"address1_city": "Rome"}, mapping(on_update_conflict=policy))
    assert edited == [("city", winner)]


def test_under_fail_edits_of_different_fields_are_a_conflict_too() -> None:
    assert found({"city": "Bonn"}, {"telephone1": "2"}) == [("phoneNumber", None), ("city", None)]


def test_a_field_that_travels_one_way_is_right_where_it_starts() -> None:
    assert found({}, {"creditlimit": 9}) == [("creditLimit", Side.BC)]
    assert found({"website": "other"}, {}) == [("website", Side.SALES)]
    one_way = mapping(direction="to_sales", fields=[NAME, CITY])
    assert found({}, {"address1_city": "Rome"}, one_way) == [("city", Side.BC)]


COUNTRY = {"bc": "country", "sales": "address1_country"}
OPPOSITE = [
    {**COUNTRY, "direction": "to_sales", "transform": [{"map": {"DE": "Germany", "AT": "Austria"}}]},
    {**COUNTRY, "direction": "to_bc", "transform": [{"map": {"Germany": "DE", "Austria": "AT"}}]},
]
LIVING = ({"country": "DE"}, {"address1_country": "Germany"})


@pytest.mark.parametrize(
    ("bc", "sales", "expected"),
    [
        ({}, {}, []),
        ({"country": "AT"}, {}, [("country", Side.BC)]),
        ({}, {"address1_country": "Austria"}, [("country", Side.SALES)]),
        ({"country": "AT"}, {"address1_country": "Austria"}, []),
        ({"country": "AT"}, {"address1_country": None}, [("country", None)]),
    ],
)
def test_two_opposite_lines_of_the_same_fields_are_one_field(
    bc: dict[str, Any], sales: dict[str, Any], expected: list[tuple[str, Side | None]]
) -> None:
    mapped = mapping(on_update_conflict="merge", fields=[NAME, *OPPOSITE])
    agreed = coupled(mapped, {**AGREED[0], **LIVING[0]}, {**AGREED[1], **LIVING[1]})
    assert found({**LIVING[0], **bc}, {**LIVING[1], **sales}, mapped, agreed) == expected


def test_under_fail_an_edit_of_two_opposite_lines_and_another_are_a_conflict() -> None:
    mapped = mapping(fields=[CITY, *OPPOSITE])
    agreed = coupled(mapped, {**AGREED[0], **LIVING[0]}, {**AGREED[1], **LIVING[1]})
    edited = found({**LIVING[0], "city": "Bonn"}, {"address1_country": "Austria"}, mapped, agreed)
    assert edited == [("city", None), ("country", None)]


UPPER_THERE = {**CITY, "transform": ["upper"], "transform_direction": "to_sales"}


@pytest.mark.parametrize(
    ("agreed", "bc", "sales", "winner"),
    [
        (("ulm", "ULM"), "ulm", "ULM", None),  # as Business Central's edit leaves it
        (("ulm", "ulm"), "ulm", "ulm", None),  # as Sales' edit leaves it
        (("ulm", "ulm"), "ulm", "ULM", Side.SALES),  # Sales' edit that has not travelled, though upper(ulm) is ULM
        (("ULM", "ULM"), "ULM", "ulm", Side.SALES),
        (("ulm", "ulm"), "rome", "ulm", Side.BC),
        (("ULM", "ulm"), "ulm", "ulm", Side.BC),  # Business Central's, though it is what Sales' would be there
    ],
)
def test_who_alone_has_moved_is_asked_what_the_other_side_should_have(
    agreed: tuple[str, str], bc: str, sales: str, winner: Side | None
) -> None:
    mapped = mapping(fields=[UPPER_THERE])
    both = coupled(mapped, {**AGREED[0], "city": agreed[0]}, {**AGREED[1], "address1_city": agreed[1]})
    told = found({"city": bc}, {"address1_city": sales}, mapped, both)
    assert told == ([("city", winner)] if winner else [])


def test_what_the_rules_make_of_a_value_is_no_difference() -> None:
    assert found({"displayName": "Ada " + "x" * 40}, {"name": ("Ada " + "x" * 40)[:20]}) == []
    assert found({"creditLimit": 5.004}, {"creditlimit": 5.0}) == []
    assert found({"creditLimit": 0}, {"creditlimit": None}) == []
    assert found({"creditLimit": 0}, {}) == [("creditLimit", Side.BC)]


@pytest.mark.parametrize(("bc", "winner"), [("Ulm", Side.BC), ("", Side.SALES)])
def test_of_a_newly_mapped_field_business_central_is_right_unless_it_is_blank(bc: str, winner: Side) -> None:
    older = mapping(fields=[one for one in FIELDS if one is not CITY])
    agreed = coupled(older, *AGREED)
    assert found({"city": bc}, {"address1_city": "Rome"}, coupling=agreed) == [("city", winner)]


def test_neither_moved_business_central_is_right() -> None:
    mapped = mapping()
    apart = ({**AGREED[0], "city": "Ulm"}, {**AGREED[1], "address1_city": "Rome"})
    assert found({}, {"address1_city": "Rome"}, coupling=coupled(mapped, *apart)) == [("city", Side.BC)]


@pytest.mark.parametrize("winner", list(Side))
def test_a_coupling_that_was_never_carried_follows_the_side_that_was_to_win(winner: Side) -> None:
    agreed = coupled(mapping(), *AGREED)
    half = agreed.with_half(winner, replace(agreed.half(winner), base={}))
    edited = agreed.half(winner.other).base
    assert edited
    bc, sales = ({"city": "Bonn"}, {}) if winner is Side.BC else ({}, {"address1_city": "Bonn"})
    assert found(bc, sales, coupling=half) == [("city", winner)]


def test_a_value_that_cannot_be_carried_says_why() -> None:
    fields = [{"bc": "currencyCode", "sales": "transactioncurrencyid", "lookup": "CUSTOMER"}]
    mapped = mapping(fields=fields)
    agreed = Coupling(mapped.name, Half("b", base={"currencyCode": None}), Half("s"))
    now = {
        Side.BC: Half("b", base={"currencyCode": "USD"}),
        Side.SALES: Half("s", base={"transactioncurrencyid": None}),
    }
    ((one),) = drifts(mapped, agreed, now, {})
    assert one.problem
    assert one.problem.code == "not-coupled"


def test_without_a_winner_the_first_direction_of_the_mapping_completes_a_coupling() -> None:
    assert sources(mapping(), []) == {Side.BC}
    assert sources(mapping(direction="to_bc", fields=[CITY]), []) == {Side.SALES}
    conflict = Drift(mapping().fields[0], None)
    assert sources(mapping(), [conflict, Drift(mapping().fields[1], Side.SALES)]) == {Side.SALES}


texts = st.sampled_from(["", "Ulm", "Rome", "x" * 25])
bc_rows = st.fixed_dictionaries(
    {
        "displayName": texts,
        "phoneNumber": texts,
        "city": texts,
        "country": st.sampled_from(["", "DE", "AT", "x"]),
        "creditLimit": st.integers(0, 2),
        "website": texts,
    }
)
sales_rows = st.fixed_dictionaries(
    {
        "name": texts,
        "telephone1": texts,
        "address1_city": texts,
        "address1_country": st.sampled_from(["", "Germany", "Austria", "x"]),
        "creditlimit": st.integers(0, 2),
        "websiteurl": texts,
    }
)
policies = st.sampled_from(["fail", "merge", "bc_wins", "sales_wins"])


@tries(150)
@given(base=st.tuples(bc_rows, sales_rows), now=st.tuples(bc_rows, sales_rows), policy=policies)
def test_after_repair_both_sides_agree_on_all_that_is_no_conflict(
    base: tuple[Any, Any], now: tuple[Any, Any], policy: str
) -> None:
    """Whatever both held and hold, on the ordinary road, in whichever order the two records are delivered."""
    asyncio.run(_repaired(base, now, policy))


async def _repaired(base: tuple[Any, Any], now: tuple[Any, Any], policy: str) -> None:
    for first in Side:
        river = River(on_update_conflict=policy, fields=[*FIELDS, *OPPOSITE])
        keys = {
            Side.BC: river.bc.put(river.table(Side.BC), **now[0]),
            Side.SALES: river.sales.put(river.table(Side.SALES), **now[1]),
        }
        kept = coupled(river.mapping, bc_row(keys[Side.BC], **base[0]), sales_row(keys[Side.SALES], **base[1]))
        told = drifts(river.mapping, kept, _now(river, keys), {})
        if any(one.winner is None for one in told):
            continue
        river.memory.couple(reopened(kept, _now(river, keys), told))
        changes = {side: river.change(side, keys[side], job=1) for side in sources(river.mapping, told)}
        for side in (first, first.other):
            if side in changes:
                await river.take(changes[side])
        for side in Side:  # what capture sees of our own writes
            await river.take(river.change(side, keys[side]))
        after = drifts(river.mapping, river.memory.coupling(Side.BC, keys[Side.BC]), _now(river, keys), {})
        assert after == []


def _now(river: River, keys: Mapping[Side, str]) -> dict[Side, Half]:
    return {side: rows.half(river.mapping, side, river.sides[side].row(river.table(side), keys[side])) for side in Side}
