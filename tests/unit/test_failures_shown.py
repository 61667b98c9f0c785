"""`coupled errors`: causes with a few of their records, or records one by one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from daemon.cli import failures
from daemon.store.views import Failure, FailureCause
from schemas.errors import Problem
from schemas.outcome import Outcome
from schemas.side import Direction

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GONE = Problem("not-coupled", "It names SALESPEOPLE code JR, which is not coupled.", "Create JR.")


def failed(key: str, state: str = "waiting", name: str = "") -> Failure:
    again = NOON + timedelta(minutes=5) if state == "waiting" else None
    way, end = Direction.TO_SALES, Outcome.FAILED
    return Failure(1, "CUSTOMER", way, key, key, None, end, GONE, 1, None, NOON, NOON, None, state, again, name)


def caused(count: int, *records: Failure) -> FailureCause:
    return FailureCause("c0ffee", "CUSTOMER", Direction.TO_SALES, GONE, count, NOON, records)


def test_a_cause_is_told_once_with_its_number_and_three_records(capsys: pytest.CaptureFixture[str]) -> None:
    records = [failed("b1"), failed("b2", "skipped"), failed("b3")]
    failures.print_causes([failures.cause(caused(1204, *records))])
    said = capsys.readouterr().out
    assert said.splitlines()[0].startswith("1,204 records  CUSTOMER")
    assert said.count(GONE.message) == said.count("→ Create JR.") == 1
    assert "b2  (skipped)" in said
    assert "coupled errors --cause c0ffee" in said
    assert "→ coupled retry --cause c0ffee\n" in said


def test_a_cause_whose_records_are_all_told_needs_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    failures.print_causes([failures.cause(caused(1, failed("b1")))])
    said = capsys.readouterr().out
    assert said.startswith("1 record  CUSTOMER BC → Sales  not-coupled  (cause c0ffee)\n")
    assert "--cause" not in said, "what goes through by itself needs no command"


def test_records_are_told_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    failures.print_records([failures.record(failed("b1")), failures.record(failed("b2", "skipped"))])
    said = capsys.readouterr().out
    assert said.count(GONE.message) == 2
    assert "b1  not-coupled  (waiting)" in said


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("failed", "coupled retry CUSTOMER --record b1"),
        ("skipped", "coupled retry CUSTOMER --record b1"),
        ("conflict", "coupled retry CUSTOMER --record b1 --use bc (or sales)"),
        ("waiting", ""),
        ("retrying", ""),
        ("resolved", ""),
    ],
)
def test_what_nothing_carries_by_itself_is_told_with_the_command_that_does(
    state: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failures.print_records([failures.record(failed("b1", state))])
    said = capsys.readouterr().out
    assert ("coupled retry" in said) is bool(command)
    assert command in said.splitlines()[-1]


@pytest.mark.parametrize("form", [lambda one: failures.print_records([failures.record(one)]),
                                  lambda one: failures.print_causes([failures.cause(caused(1, one))])])  # fmt: skip
def test_a_record_is_told_by_its_name_where_that_is_known(
    form: Callable[[Failure], None], capsys: pytest.CaptureFixture[str]
) -> None:
    form(failed("b1", name="Adatum"))
    assert "  Adatum  b1  " in capsys.readouterr().out


def test_json_tells_when_a_record_is_carried_again() -> None:
    told = failures.cause(caused(2, failed("b1"), failed("b2", "skipped")))
    assert [one["again_at"] for one in told["examples"]] == ["2026-03-01T12:05:00+00:00", None]
    assert (told["cause"], told["count"], told["code"]) == ("c0ffee", 2, "not-coupled")


@pytest.mark.parametrize("show", [failures.print_causes, failures.print_records])
def test_nothing_failed(show: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(show)
    show([])
    assert capsys.readouterr().out == "No failed records.\n"
