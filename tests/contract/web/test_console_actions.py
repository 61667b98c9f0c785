"""What the console tells a person to do, and the buttons for it."""

import re
from dataclasses import replace

import pytest

from schemas.command import FullSync, Match, Retry, Uncouple
from schemas.errors import Problem
from schemas.job import Run, RunKind, RunState
from schemas.side import Side

from .conftest import ago, foretold
from .test_console import submit

OWES = {"coupled full-sync CUSTOMER": ["bc.filter", "field city"]}


async def test_what_a_changed_mapping_owes_is_told(world, browser):
    world.reader.mapping_list = [replace(each, owes={}, paused_at=None) for each in world.reader.mapping_list]
    world.reader.failure_list, world.reader.run_list = [], []
    assert "<strong>Nothing</strong>" in (await browser.get("/")).text
    world.reader.mapping_list[3] = replace(world.reader.mapping_list[3], owes=OWES)
    overview = (await browser.get("/")).text
    assert "<strong>Nothing</strong>" not in overview
    for text in (overview, (await browser.get("/mappings")).text):
        assert "<code>coupled full-sync CUSTOMER</code>" in text
        assert "bc.filter, field city" in text
    assert [each["owes"] for each in (await browser.get("/api/mappings")).json()][3] == OWES


def _buttons(text: str) -> list[str]:
    return [name for name in re.findall(r"<button[^>]*>([^<]+)</button>", text) if name != "Show"]


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("update-conflict", ["Retry", "Take BC’s", "Take Sales’"]),
        ("coupled-to-deleted", ["Retry", "Uncouple"]),
        ("deleted-but-changed", ["Retry", "Uncouple"]),
        ("value-missing", ["Retry"]),
    ],
)
async def test_an_error_offers_what_helps(world, browser, code, offered):
    problem = Problem(code, "It is not good.", "Mend it.")
    world.reader.failure_list = [replace(world.reader.failure_list[0], problem=problem)]
    assert _buttons((await browser.get("/errors", params={"cause": "deadbeef"})).text) == offered


async def test_a_conflict_is_ended_by_a_button(world, browser):
    await submit(browser, command="retry", mappings=["CUSTOMER"], records=["b1"], use="sales")
    (command,) = world.submitted
    assert isinstance(command, Retry)
    assert (command.records, command.use) == (["b1"], Side.SALES)


async def test_a_record_whose_partner_is_gone_is_uncoupled_by_a_button(world, browser):
    await submit(browser, command="uncouple", mapping="CUSTOMER", records=["b1"])
    (command,) = world.submitted
    assert isinstance(command, Uncouple)
    assert command.records == ["b1"]


async def test_a_dry_run_needs_no_confirmation(world, browser):
    await submit(browser, command="full-sync", dry_run="true", mappings=["CUSTOMER"], answer="keep")
    (command,) = world.submitted
    assert isinstance(command, FullSync)
    assert (command.dry_run, command.mappings, command.answer) == (True, ["CUSTOMER"], None)


async def test_a_dry_run_of_no_mapping_is_none(world, browser):
    assert (await submit(browser, command="full-sync", dry_run="true")).status_code == 400
    assert world.submitted == []


async def test_a_match_is_started_by_its_button(world, browser):
    await submit(browser, command="match", mappings=["CUSTOMER"])
    (command,) = world.submitted
    assert isinstance(command, Match)
    assert not command.create


async def test_what_the_last_dry_run_has_found_is_one_step_away(world, browser):
    assert "Dry run <span" not in (await browser.get("/full-sync")).text
    dry = Run("dry", RunKind.PREVIEW, RunState.DONE, ("CUSTOMER",), created=ago(9), started=ago(9), finished=ago(8))
    world.reader.run_list.insert(0, dry)
    world.reader.job_list.append(foretold())
    for path in ("/full-sync", "/jobs"):
        assert '<a href="/jobs/90/findings">1 insert, 60 duplicate</a>' in (await browser.get(path)).text
