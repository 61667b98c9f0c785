"""What records say is shown, and does nothing: in logs, in the tables of the command line, in its JSON."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from daemon import logs
from daemon.cli import failures, findings, records
from daemon.cli.output import print_json, print_table
from daemon.cli.progress import RunProgress
from schemas.command_outcome import CommandOutcome
from schemas.job import RunState
from schemas.outcome import Outcome
from schemas.visible import visible, visible_json

# A cursor that moves, a title that changes, a colour, a second line, text that runs backwards, half a character.
HOSTILE = "a\x1b[2J\x1b]0;t\x07\x9b31m\r\n2026-01-01T00:00:00Z [error] forged\u2028b\x85c\u202egnp\ud800\u200b"
DOES_SOMETHING = set("\x1b\x07\x9b\r\u2028\x85\u202e\ud800\u200b")
ROW = {"mapping": "CUSTOMER", "direction": "to_sales", "bc_id": "1", "sales_id": "2", "code": "x", "state": "failed"}


@pytest.mark.parametrize(
    "text", ["Müller & Söhne", "日本", "a\u00a0b\u3000c", "😀", "👨\u200d👩", "نمی\u200cخواهم", ""]
)
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert visible_json(json.dumps(text, ensure_ascii=False)) == json.dumps(text, ensure_ascii=False)


def test_what_does_something_is_escaped() -> None:
    assert visible("a\x1b[2J\r\n\x9b\u202e\ud800\u2028\x85\U000e0001") == (
        "a\\x1b[2J\\r\\n\\x9b\\u202e\\ud800\\u2028\\x85\\U000e0001"
    )
    assert visible("a\nb\x07", keep="\n") == "a\nb\\x07"


def test_json_still_says_the_same() -> None:
    said = visible_json(json.dumps({"a": HOSTILE, "b": "\U000e0001"}, ensure_ascii=False, indent=2))
    assert not DOES_SOMETHING & set(said)
    assert json.loads(said) == {"a": HOSTILE, "b": "\U000e0001"}


@pytest.fixture
def root() -> object:
    """The logging of this process, put back afterwards."""
    logger = logging.getLogger()
    before = (list(logger.handlers), logger.level)
    yield logger
    logger.handlers, logger.level = before


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("style", ["console", "json"])
def test_a_log_line_stays_one(style: str) -> None:
    out = io.StringIO()
    logs.configure(style, "INFO", out)  # type: ignore[arg-type]
    logs.get("ours").warning("batch_failed", error=HOSTILE, detail={"name": [HOSTILE]})
    logging.getLogger("theirs").warning("refused: %s", HOSTILE)
    error = ValueError(HOSTILE)
    logs.get("ours").error("decide_failed", key=HOSTILE, exc_info=error)
    written = out.getvalue()
    assert not DOES_SOMETHING & set(written)
    if style == "json":
        assert [json.loads(line)["level"] for line in written.splitlines()] == ["warning", "warning", "error"]
        assert json.loads(written.splitlines()[0])["error"] == HOSTILE
    else:
        starts = [line for line in written.splitlines() if not line.startswith("    ")]
        assert ["batch_failed" in starts[0], "refused" in starts[1], "decide_failed" in starts[2]] == [True] * 3
        assert len(starts) == 3


def test_tables_lists_and_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    message = f"{HOSTILE} [/red] [bold]"
    print_table([{"name": message, "message": message}] * 2, ("name", "message"), "Jobs")
    failures.print_records([{**ROW, "name": HOSTILE, "message": message, "hint": message}])
    findings.print_records([{**ROW, "kind": "conflict", "label": message, "detail": {}}], "run")
    became = {"outcome": "modified", "wrote": [message], "overruled": {HOSTILE: message}, "name": message}
    records.print_records(
        [{**ROW, **became, "at": "2025-03-01T12:00:00+00:00"}], {"id": 1, "modified": 1}, Outcome.MODIFIED
    )
    job = {"id": 1, "state": "failed", "read": 0, "settled": 0, "total": 0, "found": {}, "message": message}
    with RunProgress() as progress:
        progress.show(CommandOutcome("1", "sync", RunState.RUNNING, jobs=[{**ROW, **job}]))
    said = capsys.readouterr()
    assert not DOES_SOMETHING & set(said.out + said.err)
    assert "[/red] [bold]" in said.err
    # Wrapped at words, so that nothing is cut off.
    assert "".join(said.out.split()).count("[/red][bold]") == 4 + 2 + 1 + 3
    assert not any(line.startswith("2026") for line in said.out.splitlines())


def test_without_a_terminal_what_a_job_waits_for_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    job = {**ROW, "id": 1, "state": "running", "read": 0, "settled": 0, "total": 0, "found": {}}
    with RunProgress() as progress:
        for message in ("", "waits: Sales is away.", "waits: Sales is away.", ""):
            progress.show(CommandOutcome("1", "sync", RunState.RUNNING, jobs=[{**job, "message": message}]))
        assert capsys.readouterr().err.count("waits: Sales is away.") == 1


def test_json_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    fine = HOSTILE.replace("\ud800", "")
    print_json([{"name": fine, "at": datetime(2026, 3, 1, tzinfo=UTC)}])
    said = capsys.readouterr().out
    assert not DOES_SOMETHING & set(said)
    assert json.loads(said)[0]["name"] == fine
