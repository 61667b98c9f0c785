"""`couple`, `uncouple`, `verify` and the records named to `sync` and `retry`: what they send, and how they exit."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from daemon.cli import act, client
from daemon.cli.app import app
from schemas.command import Command, Couple, Retry, Sync, Uncouple, Verify
from schemas.command_outcome import CommandOutcome, job_dict
from schemas.job import Job, JobState, RunState
from schemas.outcome import Outcome
from schemas.side import Direction, Side
from schemas.use import Use

ID = "8e3c0b8e-62a4-4b9e-8ad6-0d3e5f8f0a01"


class Line:
    """What was sent, and what a daemon would answer."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self.found: dict[str, int] = {}
        self.published = 1

        self.counters: dict[Outcome, int] = {}

    def submit(self, settings: object, command: Command) -> Iterator[CommandOutcome]:
        self.sent.append(command)
        job = Job(
            7,
            command.id,
            "CUSTOMER",
            Direction.BOTH,
            JobState.FINISHED,
            found=self.found,
            published=self.published,
            counters=self.counters,
        )
        yield CommandOutcome(command.id, command.command, RunState.DONE, command.id, [job_dict(job)])


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line()
    monkeypatch.setattr(client, "settings_of", lambda config: None)
    monkeypatch.setattr(client, "submit", made.submit)
    return made


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (
            ("couple", "CUSTOMER", "10000", "Adatum", "--use", "sales"),
            lambda c: isinstance(c, Couple) and (c.bc_id, c.sales_id, c.use) == ("10000", "Adatum", Use.SALES),
        ),
        (("couple", "CUSTOMER", "10000", "Adatum"), lambda c: isinstance(c, Couple) and c.use is None),
        (("uncouple", "CUSTOMER", ID), lambda c: isinstance(c, Uncouple) and (c.records, c.all) == ([ID], False)),
        (
            ("uncouple", "CUSTOMER", "--all", "--yes"),
            lambda c: isinstance(c, Uncouple) and (c.records, c.all) == (None, True),
        ),
        (("verify",), lambda c: isinstance(c, Verify) and (c.mappings, c.repair) == (None, False)),
        (
            ("verify", "CUSTOMER", "--repair"),
            lambda c: isinstance(c, Verify) and (c.mappings, c.repair) == (["CUSTOMER"], True),
        ),
        (
            ("sync", "CUSTOMER", "--record", ID),
            lambda c: isinstance(c, Sync) and (c.mappings, c.records) == (["CUSTOMER"], [ID]),
        ),
        (
            ("uncouple", "CUSTOMER", "--cause", "c0ffee", "--yes"),
            lambda c: isinstance(c, Uncouple) and (c.records, c.causes, c.all) == (None, ["c0ffee"], False),
        ),
        (
            ("retry", "--cause", "c0ffee", "--use", "sales", "--yes"),
            lambda c: isinstance(c, Retry) and (c.records, c.causes, c.use) == (None, ["c0ffee"], Side.SALES),
        ),
        (
            ("retry", "--record", ID, "--use", "bc"),
            lambda c: isinstance(c, Retry) and (c.records, c.use) == ([ID], Side.BC),
        ),
    ],
)
def test_words_become_a_command(line: Line, words: tuple[str, ...], right: Callable[[Command], bool]) -> None:
    assert run(*words).exit_code == 0
    (sent,) = line.sent
    assert right(sent)


@pytest.mark.parametrize(
    "words",
    [
        ("uncouple", "CUSTOMER"),
        ("uncouple", "CUSTOMER", ID, "--all"),
        ("uncouple", "CUSTOMER", "--all"),  # nobody is there to confirm
        ("retry", "CUSTOMER", "--use", "bc"),
        ("retry", "--cause", "c0ffee", "--record", ID, "--use", "bc", "--yes"),
        ("retry", "--cause", "c0ffee", "--use", "bc"),
        ("uncouple", "CUSTOMER", "--cause", "c0ffee"),
        ("uncouple", "CUSTOMER", ID, "--cause", "c0ffee", "--yes"),
        ("couple", "CUSTOMER", "10000", "Adatum", "--use", "both"),
    ],
)
def test_what_does_not_say_enough_is_not_sent(line: Line, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
    assert line.sent == []


def test_the_end_says_what_was_left_alone_and_what_was_only_a_dry_run(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(act, "show_found", lambda *asked: None)
    assert run("full-sync", "--dry-run").stdout.splitlines()[-1].endswith("dry run; nothing was written.")
    line.counters = {Outcome.SKIPPED: 2}
    assert run("sync").stdout.splitlines()[-1] == "sync: done, 2 skipped: see `coupled errors`."


def test_a_synchronisation_of_records_that_neither_side_has_says_so(line: Line) -> None:
    line.published = 0
    told = run("sync", "--record", ID)
    assert told.exit_code == 2
    assert "No side from which these mappings carry has a record" in told.stderr
    assert run("sync").exit_code == 0


@pytest.mark.parametrize(("found", "code"), [({"equal": 5, "left": 0}, 0), ({"drift": 1, "left": 1}, 1)])
def test_verify_exits_1_if_anything_is_left(line: Line, found: dict[str, int], code: int) -> None:
    line.found = found
    told = run("verify")
    assert told.exit_code == code
    assert "CUSTOMER" in told.stdout
    assert ("1 drift" in told.stdout) == bool(code)
    printed = run("verify", "--json")
    assert printed.exit_code == code
    assert orjson.loads(printed.stdout)["jobs"][0]["found"] == found


def test_uncoupling_warns_of_duplicates(line: Line) -> None:
    told = run("uncouple", "CUSTOMER", ID)
    assert "duplicate" in told.stderr
    assert "duplicate" not in told.stdout
