"""The page of full synchronisations: what a dry run has looked at is what is ticked, and what it found stands there."""

import re
from dataclasses import replace

import pytest

from schemas.job import JobState, Run, RunKind, RunState

from .conftest import ago, foretold
from .test_console import submit

ALL = 7


def dry(number: str, *mappings: str, kind: RunKind = RunKind.PREVIEW, state: RunState = RunState.DONE) -> Run:
    return Run(number, kind, state, mappings, created=ago(9), started=ago(9), finished=ago(8))


@pytest.fixture
def looked(world):
    """A dry run of CUSTOMER has ended: one to insert into Sales, and 60 that look like duplicates."""
    world.reader.run_list.insert(0, dry("dry", "CUSTOMER"))
    world.reader.job_list.append(foretold())
    return world


def ticked(text: str) -> list[str]:
    return re.findall(r'name="mappings" value="([A-Z-]+)" id="[^"]+" checked', text)


def beside_the_button(text: str) -> str:
    said = text[text.index('id="evidence"') : text.index('id="start-full"')]
    return " ".join(re.sub(r"<[^>]+>", " ", said).split())


def row(text: str, mapping: str) -> list[str]:
    (found,) = re.findall(rf'<tr><td><input [^>]*value="{mapping}".*?</tr>', text, re.S)
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", found, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in cells]


async def test_without_a_dry_run_all_are_ticked_and_nothing_is_known(browser):
    text = (await browser.get("/full-sync")).text
    assert len(ticked(text)) == ALL
    assert "No dry run of these mappings yet." in beside_the_button(text)
    assert row(text, "CUSTOMER")[3] == "none yet"


async def test_what_a_dry_run_looked_at_is_ticked_and_nothing_else(looked, browser):
    assert ticked((await browser.get("/full-sync?command=dry")).text) == ["CUSTOMER"]
    assert ticked((await browser.get("/full-sync")).text) == ["CUSTOMER"]


async def test_the_one_that_was_asked_for_is_shown_though_another_is_newer(looked, browser):
    looked.reader.run_list.insert(0, dry("newer", "CURRENCY", "CONTACTS"))
    assert ticked((await browser.get("/full-sync")).text) == ["CURRENCY", "CONTACTS"]
    assert ticked((await browser.get("/full-sync?command=dry")).text) == ["CUSTOMER"]


async def test_the_ticks_stay_while_the_command_is_on_its_way(looked, browser):
    answer = await submit(
        browser, command="full-sync", dry_run="true", mappings=["CURRENCY", "CONTACTS"], back="/full-sync"
    )
    assert answer.headers["location"].startswith("/full-sync?mapping=CURRENCY&mapping=CONTACTS&command=")
    for headers in ({}, {"X-Fragment": "1"}):
        text = (await browser.get(answer.headers["location"], headers=headers)).text
        assert ticked(text) == ["CURRENCY", "CONTACTS"]
        assert "No dry run of these mappings yet." in beside_the_button(text)


async def test_what_was_found_stands_beside_the_button_by_direction(looked, browser):
    looked.reader.job_list[-1] = replace(
        foretold(), found={"to_sales.insert": 52, "to_bc.insert": 3, "duplicate": 2, "uncoupled_bc": 54} | SALES
    )
    text = (await browser.get("/full-sync")).text
    said = beside_the_button(text)
    assert said.startswith('id="evidence"> The last dry run of CUSTOMER')
    assert "52 would be inserted into Sales and 3 into Business Central. 2 look like duplicates." in said
    assert row(text, "CUSTOMER")[4:] == ["52", "3", "2", "match"]
    for found in ("kind=insert&amp;direction=to_sales", "kind=insert&amp;direction=to_bc", "kind=duplicate"):
        assert f'href="/jobs/90/findings?{found}"' in text


SALES = {"uncoupled_sales": 5}


async def test_one_that_carries_one_way_has_nothing_new_on_the_side_it_comes_from(looked, browser):
    looked.reader.job_list[-1] = replace(
        foretold(), mapping="CURRENCY", found={"to_sales.insert": 4, "duplicate": 0, "uncoupled_bc": 4} | SALES
    )
    text = (await browser.get("/full-sync?mapping=CURRENCY")).text
    assert row(text, "CURRENCY")[4:6] == ["4", "–"]
    assert "None looks like a duplicate." in beside_the_button(text)


async def test_those_without_one_are_named(looked, browser):
    said = beside_the_button((await browser.get("/full-sync?mapping=CUSTOMER&mapping=CONTACTS")).text)
    assert "The last dry run of CUSTOMER" in said
    assert "No dry run of CONTACTS yet." in said


async def test_a_match_does_not_take_the_place_of_the_dry_run(looked, browser):
    looked.reader.run_list.insert(0, dry("match", "CONTACTS", kind=RunKind.MATCH))
    text = (await browser.get("/full-sync?command=match")).text
    assert ticked(text) == ["CUSTOMER"]
    assert "60 look like duplicates" in beside_the_button(text)


async def test_one_that_is_going_on_shows_how_far_it_is(looked, browser):
    looked.reader.run_list[0] = dry("dry", "CUSTOMER", state=RunState.RUNNING)
    looked.reader.job_list[-1] = replace(foretold(), state=JobState.RUNNING, finished=None, found={}, read=100)
    text = (await browser.get("/full-sync")).text
    shown = text[text.index('aria-label="Last dry run"') : text.index('id="start"')]
    assert 'max="100" value="25"' in shown
    assert row(text, "CUSTOMER")[3] == "running"
    assert "No dry run of these mappings yet." in beside_the_button(text)
