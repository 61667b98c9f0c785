"""What the command line says of a survey: counts by direction, and each record in one line."""

from typing import Any

import pytest

from daemon.cli.findings import record
from daemon.cli.survey import count_rows, line
from schemas.side import Direction
from schemas.survey import Finding, Kind, said


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


def test_two_records_that_look_alike_are_told_with_their_ids() -> None:
    found = Finding(Kind.DUPLICATE, Direction.BOTH, "b-1", "s-1", "Adatum", {"partner": "ADATUM", "by": ["a = b"]})
    assert line(record(found)) == "Adatum (b-1 ↔ s-1): is ADATUM; by a = b"


@pytest.mark.parametrize(
    ("bc", "sales", "told"),
    [
        ("None", None, "'None' ≠ nothing"),
        ("0", 0, "'0' ≠ 0"),
        ("", None, "'' ≠ nothing"),
        ("it's", "its", "\"it's\" ≠ 'its'"),
    ],
)
def test_what_differs_is_told_so_that_nothing_is_taken_for_a_word(bc: Any, sales: Any, told: str) -> None:
    field = {"field": "city ↔ address1_city", "use": "bc", "bc": {"city": bc}, "sales": {"address1_city": sales}}
    assert said(Kind.DRIFT, {"fields": [field]}) == f"city ↔ address1_city: {told}, Business Central's counts"


def test_both_halves_of_a_name_are_told() -> None:
    halves = {"firstname": None, "lastname": "Cher"}
    field = {"field": "name", "use": None, "bc": {"displayName": "Cher X"}, "sales": halves}
    assert said(Kind.CONFLICT, {"fields": [field]}) == "name: 'Cher X' ≠ nothing + 'Cher', a person decides"


@pytest.mark.parametrize(
    ("kind", "detail", "ending"),
    [
        (Kind.INSERT, {"fields": {"name": "Adatum"}}, "10000 Adatum"),
        (Kind.MODIFY, {"fields": {"city": [None, "Graz"]}}, "10000 Adatum: city nothing → 'Graz'"),
        (
            Kind.AMBIGUOUS,
            {"by": ["email = emailaddress1"], "bc": {"b": "Adatum", "c": "Adatum Ltd"}, "sales": {"s": "ADATUM"}},
            "by email = emailaddress1; Business Central: Adatum (b), Adatum Ltd (c); Sales: ADATUM (s)",
        ),
        (
            Kind.DUPLICATE,
            {"by": ["email"], "bc": {str(number): "Twin" for number in range(12)}},
            "Twin (8), Twin (9), and 2 more",
        ),
        (
            Kind.ORPHAN,
            {"gone": ["sales"], "next": "`coupled verify CUSTOMER --repair` creates it again"},
            "gone from Sales; `coupled verify CUSTOMER --repair` creates it again",
        ),
        (Kind.MATCHED, {"partner": "ADATUM", "by": ["email = emailaddress1"]}, "is ADATUM; by email = emailaddress1"),
        (Kind.FAIL, {"code": "not-coupled", "message": "Not coupled.", "hint": ""}, "10000 Adatum: Not coupled."),
    ],
)
def test_a_record_is_called_by_its_name_and_what_there_is_to_say_follows(
    kind: Kind, detail: dict[str, Any], ending: str
) -> None:
    told = line(record(Finding(kind, Direction.TO_SALES, "b", None, "10000 Adatum", detail)))
    assert told.startswith("10000 Adatum")
    assert told.endswith(ending)
