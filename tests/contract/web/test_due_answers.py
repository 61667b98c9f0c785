"""An answer that is due is never lost behind later runs: on the console, in `coupled status`, at the shell's tab."""

import json
import re
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.store.jobs import Jobs
from schemas.job import Run, RunKind, RunState
from schemas.side import Direction

from .grown import BEGIN, Served

LATER = 60
DUE = Run(
    "waits", RunKind.FULL, RunState.AWAITING_ANSWER, ("CURRENCY",), ("CURRENCY",), created=BEGIN - timedelta(days=1)
)
ENDED = Run(
    "first", RunKind.FULL, RunState.DONE, ("CURRENCY",), created=BEGIN - timedelta(days=2), started=BEGIN,
    finished=BEGIN,
)  # fmt: skip


async def _runs(jobs: Jobs) -> None:
    """A full synchronisation that ended, one that waits, and many later ones of modified records."""
    for run in (ENDED, DUE):
        await jobs.create_run(run, [("CURRENCY", Direction.TO_SALES)])
    for n in range(LATER):
        at = BEGIN + timedelta(minutes=n)
        later = Run(f"later-{n}", RunKind.MODIFIED, RunState.DONE, ("CURRENCY",), created=at, started=at, finished=at)
        await jobs.create_run(later, [("CURRENCY", Direction.TO_SALES)])
    for run in await jobs.active_runs():
        if run.id != DUE.id:
            await jobs.set_run(run.id, RunState.DONE)


@pytest.fixture(scope="module")
def served(config):
    made = Served(f"sqlite:///{config.parent}/coupled.db")
    made.loop.run(_runs(made.store.jobs))
    yield made
    made.close()


def text(served: Served, path: str) -> str:
    return served.loop.run(served.client.get(path)).text


@pytest.mark.parametrize("path", ["/", "/full-sync"])
def test_the_console_asks_for_the_answer(served, path):
    shown = text(served, path)
    assert "Your answer is due." in shown
    assert re.search(r'name="run" value="waits"', shown)


def test_the_overview_says_that_it_is_due(served):
    needs = text(served, "/").partition("Needs you now")[2].partition("</section>")[0]
    assert "Answer due" in needs
    assert "CURRENCY" in needs


def test_every_run_that_waits_is_asked_for_beside_the_one_at_work(served):
    jobs = served.store.jobs
    at = BEGIN - timedelta(hours=3)
    served.loop.run(
        jobs.create_run(Run("other", RunKind.FULL, RunState.AWAITING_ANSWER, ("ITEM-PRODUCT",), created=at), [])
    )
    served.loop.run(jobs.create_run(Run("now", RunKind.MODIFIED, RunState.RUNNING, ("CUSTOMER",), created=at), []))
    try:
        overview, page = text(served, "/"), text(served, "/full-sync")
        assert overview.count("Your answer is due.") == page.count("Your answer is due.") == 2
        assert "<code>now</code>" in overview
        assert "<code>now</code>" not in page
    finally:
        for run in ("other", "now"):
            served.loop.run(jobs.set_run(run, RunState.DONE))


def test_the_history_is_of_full_synchronisations_however_many_other_runs_came_later(served):
    assert "No full synchronisation has ended yet" not in text(served, "/full-sync")
    assert "run=first" in text(served, "/full-sync")


@pytest.mark.parametrize("at", ["here", "there"])
def test_status_names_the_run_and_the_command(served, config, by_url, at):
    words = [*by_url, "status"] if at == "there" else ["status", "--config", str(config)]
    said = CliRunner(env={"COLUMNS": "200"}).invoke(app, words).stdout
    assert "An answer is due: coupled answer waits keep|restore" in said
    runs = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["runs"]
    assert [run["id"] for run in runs][:2] == [f"later-{LATER - 1}", f"later-{LATER - 2}"]
    assert [run["id"] for run in runs if run["state"] == "awaiting_answer"] == ["waits"]


def test_runs_are_narrowed_by_kind_and_state(served):
    found = served.get("/api/runs", params={"kind": "full-sync"})["items"]
    assert [run["id"] for run in found if run["id"] in ("waits", "first")] == ["waits", "first"]
    assert [run["id"] for run in served.get("/api/runs?state=awaiting_answer&state=failed")["items"]] == ["waits"]
    first = served.get("/api/runs?kind=sync&state=done&limit=40")
    rest = served.get(first["next"])
    assert len(first["items"]) + len(rest["items"]) >= LATER
    assert {run["kind"] for run in first["items"] + rest["items"]} == {"sync"}


def test_the_shell_offers_it(served, config):
    line = f"coupled answer --config {config} "
    asked = {"COMP_WORDS": line, "COMP_CWORD": "4", "_TYPER_COMPLETE_ARGS": line}
    env = {"_COUPLED_COMPLETE": "complete_bash", "_TYPER_COMPLETE_TESTING": "1", **asked}
    answer = CliRunner().invoke(app, [], env=env, prog_name="coupled")
    assert answer.stdout.split() == ["waits"]
