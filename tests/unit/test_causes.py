"""One cause that hits many records is one; what differs in more than the record is two."""

from dataclasses import replace
from typing import Any

import pytest

from consumers import problems
from schemas.causes import common, fingerprint
from schemas.coupling import Reference
from schemas.errors import ApiError, Problem
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from tests.support.made import bc_row, change_of, coupled, mapping, sales_row

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


def test_conflicts_of_the_same_fields_are_one_cause() -> None:
    def conflict(number: int, field: str, *values: Any) -> str:
        held = coupled(MAPPED, bc_row(key(number)), sales_row(key(number + 50)))
        change = change_of(MAPPED, Side.BC, bc_row(key(number)))
        return fingerprint(
            failure(number, problems.conflict(MAPPED, held, change, {field: (values[0], values[1], None)}))
        )

    assert conflict(1, "telephone1", "12", "O'Hara 'x'") == conflict(2, "telephone1", None, "b c")
    assert conflict(1, "telephone1", "1", "2") != conflict(1, "address1_city", "1", "2")


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
    assert common("some-code", message) == said


def test_the_records_own_values_are_left_out_wherever_they_stand() -> None:
    texts = [
        f"The e-mail address {mail} of {name} is not valid." for mail, name in (("a@b.at", "Adatum"), ("x@y", "Y&Co"))
    ]
    one = failure(1, refused(400, texts[0]), displayName="Adatum", phoneNumber="a@b.at")
    two = failure(2, refused(400, texts[1]), displayName="Y&Co", phoneNumber="x@y")
    assert fingerprint(one) == fingerprint(two)
