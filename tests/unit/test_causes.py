"""One cause that hits many records is one; what differs in more than the record is two."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from consumers import problems
from consumers.decide import Modify, adopt, decide
from consumers.resolve import resolve
from schemas.causes import common, fingerprint
from schemas.coupling import Reference
from schemas.errors import ApiError, Problem
from schemas.flags import Flags
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from tests.support.made import CITY, bc_row, change_of, coupled, mapping, sales_row

MAPPED = mapping()


def key(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-0000000000bc"


def failure(number: int, problem: Problem, side: Side = Side.BC, **fields: Any) -> Settled:
    row = bc_row(key(number), **fields) if side is Side.BC else sales_row(key(number), **fields)
    return Settled(change_of(MAPPED, side, row), MAPPED.name, Outcome.FAILED, problem=problem)


def refused(status: int, text: str) -> Problem:
    return problems.rejected(Side.SALES, ApiError(status, "0x80040220", text))


def test_a_revoked_privilege_is_one_cause() -> None:
    texts = [
        f"Principal user (Id={key(7)}, type=8) is missing prvWriteAccount privilege (Id=1b2c, record {key(n)})"
        for n in (1, 2)
    ]
    one, two = (failure(n, refused(403, text)) for n, text in enumerate(texts))
    assert fingerprint(one) == fingerprint(two)
    assert len(fingerprint(one)) == 12


def test_a_missing_partner_is_one_cause_for_each_that_is_missing() -> None:
    rule = MAPPED.fields[0]
    found = []
    for number, code in ((1, "JR"), (2, "JR"), (3, "LM")):
        reference = Reference("SALESPEOPLE", Side.BC, "code", code)
        one = failure(number, problems.not_coupled(rule, reference))
        found.append(fingerprint(replace(one, waits_for=reference)))
    assert found[0] == found[1] != found[2]


def noticed(side: Side, edits: dict[Side, dict[str, Any]], number: int = 1, **settings: Any) -> str:
    """The cause of the conflict of two edits, as the change of that side tells it."""
    mapped = mapping(**{"on_update_conflict": "merge", **settings})
    make = {Side.BC: partial(bc_row, key(number)), Side.SALES: partial(sales_row, key(number + 50))}
    held = coupled(mapped, make[Side.BC](), make[Side.SALES]())
    rows = {one: make[one](at=9, **edits[one]) for one in Side}
    item = decide(change_of(mapped, side, rows[side]), mapped, held, {}, Flags(only_coupled=False, paused=False))
    assert isinstance(item, Modify)
    end = resolve(item, rows[side.other])
    assert isinstance(end, Settled)
    assert end.outcome is Outcome.CONFLICT
    return fingerprint(end)


def one_cause(edits: dict[Side, dict[str, Any]], **settings: Any) -> str:
    """The same whichever side tells it."""
    told = {noticed(side, edits, **settings) for side in Side}
    assert len(told) == 1
    return told.pop()


def edits(bc: dict[str, Any], sales: dict[str, Any]) -> dict[Side, dict[str, Any]]:
    return {Side.BC: bc, Side.SALES: sales}


CITIES = edits({"city": "Aachen"}, {"address1_city": "Zwickau"})
COUNTRY = [
    {"bc": "country", "sales": ["address1_country", "address1_county"], "direction": "to_sales"},
    {"bc": "country", "sales": "address1_country", "direction": "to_bc"},
]


@pytest.mark.parametrize("policy", ["fail", "merge"])
def test_a_conflict_is_one_cause_whichever_side_tells_it(policy: str) -> None:
    cities = one_cause(CITIES, on_update_conflict=policy)
    others = edits({"city": "Aalen", "phoneNumber": "1"}, {"address1_city": "Zossen", "telephone1": "2"})
    assert cities == noticed(Side.BC, edits({"city": "Aalen"}, {"address1_city": "1,000 'x'"}), 2)
    assert cities != one_cause(others, on_update_conflict=policy)
    assert cities != one_cause(CITIES, on_update_conflict=policy, name="VENDOR")


def test_a_conflict_of_two_fields_under_fail_is_one_cause() -> None:
    """Each side has edited another one."""
    apart = edits({"city": "Aachen"}, {"telephone1": "2"})
    assert one_cause(apart, on_update_conflict="fail") != one_cause(CITIES, on_update_conflict="fail")


@pytest.mark.parametrize("policy", ["fail", "merge"])
def test_a_name_in_two_columns_is_one_field_of_a_conflict(policy: str) -> None:
    """One side tells the column that it would write, the other the whole name."""
    name = {"fields": [{"bc": "displayName", "sales": ["firstname", "lastname"]}, CITY], "on_update_conflict": policy}
    one = edits({"displayName": "Ann Lee"}, {"firstname": None, "lastname": "Cher"})
    two = edits({"displayName": "Ann Lee"}, {"firstname": "Bob", "lastname": "Lee"})
    assert one_cause(one, **name) == one_cause(two, **name)


@pytest.mark.parametrize("policy", ["fail", "merge"])
@pytest.mark.parametrize("lines", [COUNTRY, COUNTRY[::-1]])
def test_two_opposite_lines_are_one_field_of_a_conflict(policy: str, lines: list[dict[str, Any]]) -> None:
    """Also where only a column clashes that one of the lines does not have."""
    fields = {"fields": lines, "on_update_conflict": policy}
    one = edits({"country": "DE"}, {"address1_country": "Austria", "address1_county": ""})
    two = edits({"country": "Y DE"}, {"address1_country": "Y", "address1_county": "X"})
    assert one_cause(one, **fields) == one_cause(two, **fields)


def test_a_field_of_new_records_that_was_edited_is_no_part_of_the_cause() -> None:
    """Under `fail` it makes a conflict, which only the change of the other side can tell."""
    fields = {"fields": [CITY, {"bc": "code", "sales": "accountnumber", "on": "insert"}], "on_update_conflict": "fail"}
    edited = edits({"city": "Aachen"}, {"address1_city": "Zwickau", "accountnumber": "7"})
    assert one_cause(edited, **fields) == one_cause(CITIES, **fields)


def test_a_conflict_that_only_one_side_can_notice_is_told_by_its_fields() -> None:
    """While two existing records become a pair, of a field that is carried once, then."""
    mapped = mapping(fields=[{"bc": "code", "sales": "accountnumber", "on": "after_insert"}, CITY])
    item = adopt(change_of(mapped, Side.BC, bc_row(code="5")), mapped, sales_row(accountnumber="6"), {})
    assert isinstance(item, Modify)
    end = resolve(item, sales_row(at=9, accountnumber="7"))
    assert isinstance(end, Settled)
    assert (end.outcome, end.clashing) == (Outcome.CONFLICT, ("accountnumber",))


def test_direction_mapping_and_code_are_causes_of_their_own() -> None:
    one = failure(1, Problem("odd", "It is odd."))
    assert fingerprint(one) != fingerprint(failure(1, Problem("odd", "It is odd."), Side.SALES))
    assert fingerprint(one) != fingerprint(replace(one, mapping="VENDOR"))
    assert fingerprint(one) != fingerprint(failure(1, Problem("even", "It is odd.")))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "The length of the 'name' attribute exceeded '160'.",
            "The length of the 'name' attribute exceeded ….",
        ),
        (
            "It has another record with number 'C-0001'.",
            "It has another record with number ….",
        ),
        ('The "currencyCode" does not match.', "The … does not match."),
        ("Sales' column isn't there: 12 of 1,000", "Sales' column isn't there: … of …"),
        ("address1_line1 is 0x80040220", "address1_line1 is 0x80040220"),
    ],
)
def test_what_belongs_to_one_record_is_left_out(message: str, said: str) -> None:
    assert common(message) == said


def test_the_records_own_values_are_left_out_wherever_they_stand() -> None:
    texts = [
        f"The e-mail address {mail} of {name} is not valid." for mail, name in (("a@b.at", "Adatum"), ("x@y", "Y&Co"))
    ]
    one = failure(1, refused(400, texts[0]), displayName="Adatum", phoneNumber="a@b.at")
    two = failure(2, refused(400, texts[1]), displayName="Y&Co", phoneNumber="x@y")
    assert fingerprint(one) == fingerprint(two)
