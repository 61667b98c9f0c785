"""`status`, `jobs` and `job`: what they say, and that it fits a terminal."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from daemon.cli import findings, records, show, survey
from daemon.cli.app import app
from daemon.cli.output import print_table
from daemon.cli.standing import alert_row
from daemon.store.history import EndedRecord
from schemas.command_outcome import job_dict
from schemas.holding import Alert
from schemas.job import Job, JobState
from schemas.outcome import Outcome
from schemas.side import Direction
from schemas.survey import Finding, Kind

QUIET = {
    "direction": "both",
    "only_coupled": True,
    "paused": False,
    "couplings": 9,
    "failures": 0,
    "blanks": 0,
    "lag": {"to_sales": 0.0, "to_bc": 0.4},
    "owes": {},
}


class Answering:
    """A desk with one answer to everything."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        return lambda *asked: self._found


def told(monkeypatch: pytest.MonkeyPatch, found: Any, *words: str, columns: str = "80") -> str:
    monkeypatch.setattr(show, "desk_of", lambda config: Answering(found))
    answer = CliRunner(env={"COLUMNS": columns}).invoke(app, list(words))
    assert answer.exit_code == 0
    return answer.stdout


def status(monkeypatch: pytest.MonkeyPatch, runs: list[dict[str, Any]], **mapping: Any) -> str:
    letters = mapping.pop("dead_letters", 0)
    found = {
        **UP,
        **DAY,
        "alerts": [],
        "dead_letters": letters,
        "runs": runs,
        "mappings": [{"name": "CUSTOMER", **QUIET, **mapping}],
    }
    return told(monkeypatch, found, "status")


DAY = {"per_minute": 12.4, "last_day": {"modified": 1200, "unchanged": 34}}
BC = {"side": "bc", "url": "https://bc.example.com", "up": True, "detail": "", "checked": "2026-11-29T01:14:58Z"}
UP: dict[str, Any] = {"sides": [BC], "away": ""}
RUN = {"id": "r-1", "kind": "full-sync", "state": "done", "mappings": ["CUSTOMER"]}


@pytest.mark.parametrize(
    ("runs", "mapping", "said"),
    [
        ([{**RUN, "state": "awaiting_answer"}], {}, "coupled answer r-1 keep|restore"),
        ([RUN], {"paused": True}, "coupled resume CUSTOMER"),
        ([RUN], {"failures": 1}, "1 failed record: coupled errors"),
        ([RUN], {"dead_letters": 2}, "2 messages nobody could read in the last day: coupled dead-letters list"),
        ([RUN], {"blanks": 2}, "2 records went across without one that is not coupled"),
        ([RUN], {"failures": 1200}, "1,200 failed records: coupled errors"),
        (
            [RUN],
            {"owes": {"coupled full-sync CUSTOMER": ["bc.filter"]}},
            "(bc.filter). Still to run: coupled full-sync",
        ),
        ([], {"couplings": 0}, "coupled full-sync --dry-run"),
    ],
)
def test_status_ends_with_what_waits_for_a_person(
    monkeypatch: pytest.MonkeyPatch, runs: list[dict[str, Any]], mapping: dict[str, Any], said: str
) -> None:
    assert said in status(monkeypatch, runs, **mapping).splitlines()[-1]


def test_status_asks_for_nothing_when_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    run, day = status(monkeypatch, [RUN]).splitlines()[-2:]
    assert run.split() == ["r-1", "full-sync", "done"]
    assert day == "1,234 changes in the last 24 hours: 1,200 modified, 34 unchanged; now 12 a minute"


def test_how_records_ended_is_told_of_all_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    became = Direction.TO_SALES, Outcome.MODIFIED, "b-1", "s-1", ["city"], {}
    one = records.record(EndedRecord(AT, *became, id=1, mapping="CUSTOMER", name="Adatum"))
    moment = AT.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    lines = told(monkeypatch, [one], "ended").splitlines()
    assert lines == [f"{moment}  CUSTOMER  BC → Sales  Adatum  b-1 ↔ s-1", "    modified: city"]
    assert told(monkeypatch, [], "ended") == "No record ended so in the last 24 hours.\n"


def test_status_tells_of_a_side_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    down = {"sides": [{**BC, "up": False, "detail": "Connection refused."}], "away": ""}
    found = {**down, **DAY, "alerts": [], "dead_letters": 0, "runs": [RUN], "mappings": [{"name": "CUSTOMER", **QUIET}]}
    said = told(monkeypatch, found, "status")
    assert "Business Central is down: Connection refused. (https://bc.example.com)" in said
    away = {**found, "sides": [], "away": "No daemon is running here."}
    assert "No daemon is running here." in told(monkeypatch, away, "status")


def test_status_tells_what_is_wrong_and_in_no_other_line(monkeypatch: pytest.MonkeyPatch) -> None:
    behind, failing, unread = (
        alert_row(Alert(f"{name}:{about}", name, "warning", about, "It is so", "Look", AT, ("accounts",)))
        for name, about in (
            ("CoupledFallingBehind", "CUSTOMER to_bc"),
            ("CoupledFailuresGrowing", "CUSTOMER"),
            ("CoupledCaptureStalled", "bc"),
        )
    )
    sides = {"sides": [{**BC, "up": False, "detail": "It refuses."}], "away": ""}
    alerts = {"alerts": [behind, failing, unread], "dead_letters": 0}
    found = {**sides, **DAY, **alerts, "runs": [RUN], "mappings": [{"name": "CUSTOMER", **QUIET}]}
    said = told(monkeypatch, found, "status").splitlines()
    since = AT.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    why = "It is so. Look. What to do: CoupledFallingBehind in docs/runbooks.md."
    assert [line for line in said if "It is so" in line] == [f"Falling behind since {since}: {why}"]
    away = told(monkeypatch, {**found, "sides": [], "away": "No daemon is running here."}, "status")
    assert away.count("It is so") == 2


def test_what_a_paused_mapping_is_behind_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = status(monkeypatch, [RUN], paused=True, lag={}).splitlines()
    assert next(row for row in rows if row.startswith("CUSTOMER")).split()[-1] == "paused"


def test_what_went_across_with_a_blank_is_listed_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = {"mapping": "CONTACTS", "number": "CT1"}
    found = [{"mapping": "CUSTOMER", "direction": "to_sales", "id": "b1", "waits_for": waits, "again_at": None}]
    said = told(monkeypatch, found, "errors", "--blanks")
    assert "b1  went across without CONTACTS CT1, which is not coupled" in said


AT = datetime(2026, 11, 22, 20, 44, 59, tzinfo=UTC)
SYNC = Job(7, "r", "RESOURCE-PRODUCT", Direction.TO_SALES, JobState.FINISHED, AT,
           counters={Outcome.INSERTED: 4, Outcome.UNCHANGED: 47})  # fmt: skip
VERIFY = Job(
    8, "r", "CUSTOMER", Direction.BOTH, JobState.FINISHED, AT, read=40, found={"equal": 18, "drift": 0, "left": 2}
)


def test_each_job_has_a_line_of_a_terminal_with_what_it_did_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch, [job_dict(VERIFY), job_dict(SYNC)], "jobs").splitlines()
    assert max(map(len, lines)) <= 80
    words = " ".join(lines[2:]).split()
    assert words[:4] == ["8", "CUSTOMER", "BC", "↔"]
    assert words[6:11] == [*AT.astimezone().strftime("%Y-%m-%d %H:%M:%S").split(), "18", "equal,", "2"]
    assert words[-5:] == ["4", "inserted,", "47", "unchanged,", "r"]


def test_a_job_names_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one gives an answer to, or asks for the findings of."""
    head, line = told(monkeypatch, [{**job_dict(SYNC), "run": "7d6b6ad2"}], "jobs", columns="200").splitlines()[1:]
    assert (head.split()[-1], line.split()[-1]) == ("run", "7d6b6ad2")


def test_nothing_of_a_job_is_cut_where_a_word_of_it_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that names an address, say."""
    failed = {**job_dict(SYNC), "id": 1234, "message": "mapping-gone: https://contoso.crm.dynamics.com/api/data/v9.2"}
    lines = told(monkeypatch, [failed, job_dict(VERIFY)], "jobs").splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[:6] == ["1234", "RESOURCE-PRODUCT", "BC", "→", "Sales", "finished"]
    assert "https://contoso.crm.dynamics.com/api/data/v9.2" in lines[4]
    assert lines[5].split()[1] == "CUSTOMER"


def coupling(number: int, name: str) -> dict[str, Any]:
    ids = {"bc_id": f"5d115c9c-44e3-ea11-bb43-{number:012}", "sales_id": f"83883705-1f79-4f28-8d7b-{number:012}"}
    return {**ids, "name": f"Nº {name}", "references": {"number": str(number)}, "updated": AT.isoformat()}


def test_the_ids_of_a_coupling_stand_whole_in_a_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [coupling(10000, "CT000001"), coupling(20000, "CT000002")]
    lines = told(monkeypatch, found, "couplings", "CUSTOMER").splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[:3] for line in lines[2::2]] == [["Nº", "CT000001", "10000"], ["Nº", "CT000002", "20000"]]
    assert lines[3].split() == [found[0]["bc_id"], "↔", found[0]["sales_id"]]


def test_a_file_or_a_pipe_has_room_for_a_record_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(show, "desk_of", lambda config: Answering([coupling(10000, "Ä" * 200)]))
    title, head, *lines = CliRunner().invoke(app, ["couplings", "CUSTOMER"]).stdout.splitlines()
    assert (title, head.split()[:2]) == ("Couplings of CUSTOMER", ["name", "references"])
    [line] = lines
    assert all(one in line for one in (coupling(10000, "")["bc_id"], coupling(10000, "")["sales_id"], "Ä" * 200))


def test_a_table_of_many_counts_is_not_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    counts = dict.fromkeys(("insert", "couple", "modify", "unchanged", "conflict"), 3000)
    rows = [{"mapping": "RESOURCE-PRODUCT", "direction": "BC → Sales", **counts, "duplicate": 0}]
    print_table(rows, list(rows[0]), "")
    assert capsys.readouterr().out.splitlines() == [
        "mapping           direction   insert  couple  modify",
        "RESOURCE-PRODUCT  BC → Sales    3000    3000    3000",
        "    3000 unchanged, 3000 conflict",
    ]


def test_a_job_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {**job_dict(VERIFY), "failures": [], "findings": []}
    text = told(monkeypatch, found, "job", "8")
    assert "found  18 equal, 2 left" in text
    assert "BC ↔ Sales" in text


def test_a_job_that_left_failed_records_alone_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Job(9, "r", "CUSTOMER", Direction.TO_BC, JobState.FINISHED, AT, AT, total=40,
                counters={Outcome.SKIPPED: 2})  # fmt: skip
    said = told(monkeypatch, {**job_dict(ended), "failures": [], "findings": []}, "job", "9")
    assert said.splitlines()[-1] == "None failed anew; why some are skipped: coupled errors CUSTOMER"
    assert "total" not in said, "it is what was expected before"


def test_what_was_uncoupled_is_counted_once_and_not_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Job(9, "r", "CUSTOMER", Direction.BOTH, JobState.FINISHED, AT, AT,
                found={"uncouple": 2}, counters={Outcome.UNCOUPLED: 2})  # fmt: skip
    said = told(monkeypatch, [job_dict(ended)], "jobs", columns="200")
    assert "2 uncoupled  r" in said
    row = findings.record(Finding(Kind.UNCOUPLE, Direction.BOTH, "b-1", "s-1", "Adatum"))
    monkeypatch.setattr(survey, "desk_of", lambda config: Answering([{"mapping": "CUSTOMER", **row}]))
    assert CliRunner().invoke(app, ["findings", "r"]).stdout.splitlines()[1] == "Uncoupled:"


@pytest.mark.parametrize(("count", "lines"), [(20, 20), (21, 21), (1000, 21)])
def test_a_job_shows_the_first_of_what_was_found_and_how_to_see_all(
    monkeypatch: pytest.MonkeyPatch, count: int, lines: int
) -> None:
    one = findings.record(Finding(Kind.ORPHAN, Direction.BOTH, "b", "s", "Adatum"))
    text = told(monkeypatch, {**job_dict(VERIFY), "failures": [], "findings": [one] * count}, "job", "8")
    shown = text.splitlines()[-lines:]
    assert [line.split()[0] for line in shown[:20]] == ["orphan"] * 20
    assert text.count("orphan") == 20
    assert ("… more: coupled findings r --all" in text) == (count > 20)


class Carrying:
    """A desk with a job that has modified so many records, of which the newest are kept."""

    def __init__(self, counted: int, kept: int) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._counted, self._kept = counted, kept

    def job(self, number: int) -> dict[str, Any]:
        ended = Job(number, "r", "CUSTOMER", Direction.TO_SALES, JobState.FINISHED, AT, AT,
                    counters={Outcome.MODIFIED: self._counted})  # fmt: skip
        return {**job_dict(ended), "failures": [], "findings": []}

    def records(self, *asked: Any) -> list[dict[str, Any]]:
        self.asked.append(asked)
        became = Direction.TO_SALES, Outcome.MODIFIED, "b-1", "s-1", ["city", "name"], {"city": "Linz", "fax": None}, 9
        one = records.record(EndedRecord(AT, *became, id=1, mapping="CUSTOMER", name="Adatum"))
        return [one] * min(self._kept, asked[-1] or self._kept)


def carried(monkeypatch: pytest.MonkeyPatch, counted: int, kept: int, *words: str) -> tuple[list[str], Carrying]:
    desk = Carrying(counted, kept)
    monkeypatch.setattr(show, "desk_of", lambda config: desk)
    answer = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["job", "9", "--outcome", "modified", *words])
    assert answer.exit_code == 0, answer.output
    return answer.stdout.splitlines(), desk


def test_a_job_tells_what_became_of_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, desk = carried(monkeypatch, 1, 1)
    moment = AT.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert lines[-2:] == [
        f"{moment}  BC → Sales  Adatum  b-1 ↔ s-1",
        "    modified: city, name; city 'Linz' was written over; fax nothing lost to an edit there",
    ]
    assert "No failed records." not in lines
    assert desk.asked == [(9, Outcome.MODIFIED, records.FIRST + 1)]


@pytest.mark.parametrize(
    ("counted", "kept", "words", "shown", "last"),
    [
        (21, 21, [], 20, "… more: coupled job 9 --outcome modified --all"),
        (21, 21, ["--all"], 21, ""),
        (21, 20, [], 20, "20 of 21 are listed: what became of a record is kept for store.keep_days."),
        (1, 0, [], 0, "0 of 1 are listed: what became of a record is kept for store.keep_days."),
        (0, 0, [], 0, "No record ended as modified."),
    ],
)
def test_a_job_says_how_to_see_all_of_its_records_or_why_some_are_not_there(
    monkeypatch: pytest.MonkeyPatch, counted: int, kept: int, words: list[str], shown: int, last: str
) -> None:
    lines, _ = carried(monkeypatch, counted, kept, *words)
    assert sum("Adatum" in line for line in lines) == shown
    assert lines[-1] == last if last else "… more" not in "".join(lines)


def test_as_json_a_job_tells_all_of_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, desk = carried(monkeypatch, 50, 50, "--json")
    found = json.loads("".join(lines))
    assert (found["modified"], len(found["records"]), desk.asked) == (50, 50, [(9, Outcome.MODIFIED, None)])
    assert (found["records"][0]["wrote"], found["records"][0]["overruled"]["city"]) == (["city", "name"], "Linz")


def test_all_of_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = CliRunner().invoke(app, ["job", "9", "--all"])
    assert (answer.exit_code, "--all needs --outcome" in answer.output) == (2, True)


def test_the_version_is_told() -> None:
    answer = CliRunner().invoke(app, ["--version"])
    assert (answer.exit_code, answer.stdout.split()[0]) == (0, "coupled")
