"""`coupled status --watch`: one page that says how everything stands, and ends when asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from daemon.cli import watch
from daemon.cli.app import app
from daemon.cli.standing import alert_row, behind
from schemas.command_outcome import job_dict
from schemas.errors import Unreachable
from schemas.holding import Alert
from schemas.job import Job, JobState
from schemas.outcome import Outcome
from schemas.side import Direction

NOW = datetime(2026, 11, 29, 1, 15, tzinfo=UTC)
SIDES = [
    {"side": "bc", "up": True, "url": "https://bc.example.com", "detail": "", "checked": "2026-11-29T01:14:58Z"},
    {
        "side": "sales",
        "up": False,
        "url": "https://sales.example.com",
        "detail": "no\x1b[2J answer",
        "checked": "2026-11-29T01:14:58Z",
    },
]
CUSTOMER = {
    "name": "CUSTOMER",
    "direction": "both",
    "only_coupled": True,
    "live": True,
    "paused": False,
    "couplings": 8412,
    "failures": 0,
    "blanks": 0,
    "lag": {"to_sales": 0.0, "to_bc": 0.0},
    "owes": {},
}
RUN = {"id": "r-1", "kind": "full-sync", "state": "running", "mappings": ["CUSTOMER"]}
DONE = {Outcome.MODIFIED: 2500}
JOB = job_dict(Job(5, "r-1", "CUSTOMER", Direction.TO_BC, JobState.RUNNING, NOW, None, 2500, 10_000, counters=DONE))


def page(width: int = 100, **more: Any) -> str:
    found = {
        "alerts": [],
        "dead_letters": 0,
        "per_minute": 3,
        "last_day": {"modified": 40},
        "runs": [RUN],
        "mappings": [CUSTOMER],
        "jobs": [],
        "waiting": 0,
        "daemon": {"sides": SIDES, "reasons": []},
        **more,
    }
    console = Console(width=width, color_system=None, force_terminal=True)
    with console.capture() as captured:
        console.print(watch.view(found, NOW))
    return captured.get()


def line(text: str, words: str) -> str:
    [found] = [one for one in text.splitlines() if words in one]
    return " ".join(found.split())


def test_it_shows_both_sides_and_why_one_is_down() -> None:
    text = page()
    assert line(text, "bc.example") == "bc up https://bc.example.com"
    assert line(text, "sales.example").startswith("sales down https://sales.example.com no")
    assert "\x1b[2J" not in text


def test_it_shows_each_mapping_with_lag_couplings_and_failures() -> None:
    late = {**CUSTOMER, "lag": {"to_sales": 3.0, "to_bc": 900.0}, "failures": 12, "paused": True}
    assert line(page(mappings=[late]), "BC ↔ Sales") == "CUSTOMER BC ↔ Sales 15 min 8,412 12 paused"


def test_it_shows_how_much_there_is_to_do() -> None:
    assert "40 changes in the last 24 hours: 40 modified; now 3 a minute" in page()


def test_it_shows_what_is_running_and_how_far_it_is() -> None:
    text = page(jobs=[JOB], waiting=3)
    assert "25 % 2,500 of 10,000 2500 modified" in line(text, "CUSTOMER Sales → BC")
    assert "3 more jobs to come" in text
    assert "2,500 2500 modified" in line(page(jobs=[{**JOB, "total": None}]), "Sales → BC")


def test_it_says_what_waits_for_a_person_or_that_nothing_does() -> None:
    assert "Nothing waits for a person." in page()
    text = page(runs=[{**RUN, "state": "awaiting_answer"}], mappings=[{**CUSTOMER, "failures": 1}])
    assert "coupled answer r-1 keep|restore" in text
    assert "1 failed record: coupled errors" in text
    assert "Nothing waits" not in text


def test_without_a_daemon_or_a_store_it_says_so_and_shows_what_it_last_saw() -> None:
    text = page(daemon={"away": "No daemon is running here."}, trouble="The store is away.")
    assert "No daemon is running here." in text
    assert "Not seen anew: The store is away." in text
    assert "8,412" in text


def test_what_is_wrong_is_told_unless_the_worker_says_so_itself() -> None:
    ready = alert_row(Alert("N:leader", "CoupledNotReady", "warning", "leader", "It: x", "Look", NOW, ("kafka: away",)))
    assert "Not ready since" in page(alerts=[ready])
    assert "Not ready since" in page(alerts=[ready], daemon={"away": "No daemon is running here."})
    assert "Not ready since" not in page(alerts=[ready], daemon={"sides": SIDES, "reasons": ["kafka: away"]})


async def test_a_store_that_goes_away_meanwhile_ends_nothing() -> None:
    async def away() -> dict[str, Any]:
        raise Unreachable("store-away", "The store is away.", "")

    assert await watch._again(away, {"runs": []}) == {"runs": [], "trouble": "The store is away."}


@pytest.mark.parametrize(
    ("words", "said"), [([], "needs a terminal"), (["--json"], "--watch and --json exclude each other")]
)
@pytest.mark.parametrize("address", [[], ["--url", "http://127.0.0.1:1"]], ids=["here", "elsewhere"])
def test_without_a_terminal_it_says_what_to_do_instead(words: list[str], said: str, address: list[str]) -> None:
    answer = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*address, "status", "--watch", *words])
    assert answer.exit_code == 2
    assert said in answer.stderr


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, ""), (0.9, ""), (59, "59 s"), (300, "5 min"), (7300, "2 h"), (90_000, "25 h")]
)
def test_a_lag_is_told_as_people_tell_it(seconds: float, said: str) -> None:
    assert behind({"to_bc": seconds, "to_sales": 0.0}) == said


def test_a_side_that_was_not_read_yet_is_neither_up_nor_down() -> None:
    told = {"side": "bc", "up": False, "url": "https://bc.example.com", "detail": "Not yet.", "checked": None}
    shown = line(page(daemon={"sides": [told], "reasons": []}), "https://bc.example.com")
    assert shown == "bc ? https://bc.example.com Not yet."


def test_a_side_whose_tables_are_all_away_for_one_reason_is_one_line() -> None:
    reasons = [f"live:sales:{table}: No answer." for table in ("accounts", "contacts")]
    shown = page(daemon={"sides": SIDES, "reasons": [*reasons, "store: It is away."]})
    assert line(shown, "No answer.") == "Sales is not read: No answer. (accounts, contacts)"
    assert line(shown, "store") == "Not ready: store: It is away."
