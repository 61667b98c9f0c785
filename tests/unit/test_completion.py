"""Tab completion, as a shell asks for it: names of one's own mappings, runs, jobs and topics."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumers.ports import Applied
from daemon.cli.app import app
from daemon.store.engine import open_store
from schemas.change import Change, Op
from schemas.errors import Problem
from schemas.job import Run, RunKind, RunState
from schemas.outcome import Outcome, Settled
from schemas.side import Side

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MAPPINGS = """mappings:
  - name: FIRMS
    bc: {table: customers}
    sales: {table: accounts}
    direction: both
    fields: [{bc: displayName, sales: name}]
"""
# As docs/setup.md has it: the secrets come from variables, which a shell that completes does not have.
CONFIGURATION = """business_central:
  url: https://api.businesscentral.dynamics.com/v2.0/production
  company: CRONUS
  auth: {tenant: t, client_id: c, client_secret: "${BC_SECRET}"}
sales:
  url: https://contoso.crm.dynamics.com
  auth: {tenant: t, client_id: c, client_secret: "${SALES_SECRET}"}
store: {url: "sqlite:///here.db"}
mappings: mine.yaml
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "coupled.yaml").write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(MAPPINGS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def stored(folder: Path) -> None:
    store = await open_store(f"sqlite:///{folder / 'here.db'}")
    for name, state in (("aaa-1", RunState.AWAITING_ANSWER), ("bbb-2", RunState.DONE)):
        run = Run(name, RunKind.FULL, RunState.ACCEPTED, ("FIRMS",), created=NOW)
        await store.jobs.create_run(run, [])
        await store.jobs.set_run(name, state)
    await store.close()


def completed(*words: str, shell: str = "bash") -> list[str]:
    """What bash is offered for the last word."""
    line = " ".join(("coupled", *words))
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words)), "_TYPER_COMPLETE_ARGS": line}
    env = {"_COUPLED_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_TESTING": "1", **asked}
    answer = CliRunner().invoke(app, [], env=env, prog_name="coupled")
    return [offer for offer in answer.stdout.splitlines() if offer]


def test_commands_and_choices_are_completed(folder: Path) -> None:
    assert completed("full") == ["full-sync"]
    assert completed("answer", "some-run", "k") == ["keep"]
    assert completed("job", "4", "--outcome", "") == list(Outcome)


def test_ones_own_mappings_are_completed_although_the_secrets_are_not_set_in_this_shell(folder: Path) -> None:
    assert completed("sync", "F") == ["FIRMS"]
    assert completed("couplings", "") == ["FIRMS"]


@pytest.mark.parametrize("typed", ["f", "firM", "FI"])
def test_a_mapping_is_completed_whatever_the_case(folder: Path, typed: str) -> None:
    assert completed("sync", typed) == ["FIRMS"]
    assert completed("sync", f"{typed}X") == []


def test_the_configuration_that_the_line_names_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert "CUSTOMER" in completed("sync", "")
    assert completed("sync", "--config", str(folder / "coupled.yaml"), "") == ["FIRMS"]


def test_a_variable_overrides_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUPLED_MAPPINGS", "standard")
    assert completed("sync", "CUR") == ["CURRENCY"]


async def test_runs_are_completed_and_an_answer_only_for_those_that_wait_for_one(folder: Path) -> None:
    await stored(folder)
    assert await asyncio.to_thread(completed, "findings", "") == ["bbb-2", "aaa-1"]
    assert await asyncio.to_thread(completed, "answer", "") == ["aaa-1"]
    assert await asyncio.to_thread(completed, "answer", "b") == []


async def test_codes_and_causes_of_open_failures_are_completed(folder: Path) -> None:
    store = await open_store(f"sqlite:///{folder / 'here.db'}")
    problem = Problem("not-coupled", "No.", "")
    change = Change(Op.UPDATE, Side.BC, "customers", "b1", {}, "v", 1, 1, 1)
    failed = Settled(change, "FIRMS", Outcome.FAILED, problem=problem)
    await store.memory.record([failed], Applied("coupled.bc.customers", "log"))
    (cause,) = await store.views.causes()
    await store.close()
    assert await asyncio.to_thread(completed, "errors", "--code", "") == ["not-coupled"]
    assert await asyncio.to_thread(completed, "errors", "--code", "x") == []
    for words in (["errors"], ["retry"], ["uncouple", "FIRMS"]):
        assert await asyncio.to_thread(completed, *words, "--cause", "") == [cause.id]
    assert await asyncio.to_thread(completed, "jobs", "--state", "w") == ["waiting"]


def test_without_a_store_no_run_is_offered_and_nothing_is_said(folder: Path) -> None:
    assert completed("findings", "") == []
    assert completed("job", "") == []
    assert completed("errors", "--code", "") == []


def test_topics_are_completed(folder: Path) -> None:
    assert completed("dead-letters", "list", "--topic", "") == ["control", "bc.customers", "sales.accounts"]
    assert completed("dead-letters", "list", "--topic", "bc.") == ["bc.customers"]


def test_without_a_configuration_the_standard_mappings_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed("pause", "CUS") == ["CUSTOMER"]
