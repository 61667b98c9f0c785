"""What the command line says of a survey: counts by direction, and each record in one line."""

from typing import Any

import pytest

from daemon.cli.survey import as_dict, count_rows, line
from schemas.side import Direction
from schemas.survey import Finding, Kind


def job(**found: int) -> dict[str, Any]:
    return {"mapping": "CUSTOMER", "found": {name.replace("__", "."): count for name, count in found.items()}}


def test_a_dry_run_has_a_line_for_each_direction_and_one_for_both() -> None:
    lines = count_rows(job(to_bc__insert=2, to_sales__insert=1, duplicate=3, uncoupled_bc=4, uncoupled_sales=5))
    assert lines == [
        {"mapping": "CUSTOMER", "direction": "BC → Sales", "insert": 1},
        {"mapping": "CUSTOMER", "direction": "Sales → BC", "insert": 2},
        {"mapping": "CUSTOMER", "direction": "BC ↔ Sales", "duplicate": 3},
    ]


def test_a_survey_that_found_nothing_has_no_line() -> None:
    assert count_rows(job(matched=0, duplicate=0, uncoupled_bc=3)) == []


@pytest.mark.parametrize(
    ("kind", "detail", "said"),
    [
        (Kind.INSERT, {"fields": {"name": "Adatum"}}, "10000 Adatum"),
        (Kind.MODIFY, {"fields": {"city": [None, "Graz"]}}, "10000 Adatum: city None → 'Graz'"),
        (Kind.MATCHED, {"partner": "ADATUM", "by": ["email = emailaddress1"]}, "is ADATUM; by email = emailaddress1"),
        (Kind.FAIL, {"code": "not-coupled", "message": "Not coupled.", "hint": ""}, "10000 Adatum: Not coupled."),
    ],
)
def test_a_record_is_called_by_its_name_and_what_there_is_to_say_follows(
    kind: Kind, detail: dict[str, Any], said: str
) -> None:
    told = line(as_dict("CUSTOMER", Finding(kind, Direction.TO_SALES, "b", None, "10000 Adatum", detail)))
    assert told.startswith("10000 Adatum")
    assert told.endswith(said)
