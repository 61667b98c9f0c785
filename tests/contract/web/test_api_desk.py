"""What the console does beside commands, for programs: dead letters, the set-up check, single mappings and runs."""

import asyncio
from dataclasses import replace
from urllib.parse import quote

import pytest

from daemon.web.set_up import Checks
from daemon.web_desk import LetterBox
from schemas.checkup import away, fine
from tests.support.letters import kept
from tests.support.river import at_once

from .conftest import LETTERS, RUN, World

ADDRESS = "/api/dead-letters"


async def test_dead_letters_newest_first_by_page(browser):
    first = (await browser.get(ADDRESS, params={"limit": 1})).json()
    assert [(one["letter"], one["reason"]) for one in first["items"]] == [(8, "it is no change")]
    assert first["items"][0]["stuck"].startswith("it came from elsewhere.orders")
    second = (await browser.get(first["next"])).json()
    assert [(one["letter"], one["stuck"]) for one in second["items"]] == [(7, "")]
    assert second["next"] is None


async def test_dead_letters_of_one_topic_by_page():
    letters = [replace(LETTERS[0], number=n, topic=f"coupled.{('control', 'bc.customers')[n % 2]}") for n in range(9)]
    async with World(letters=LetterBox(kept("coupled", *letters))).browser() as browser:
        for topic in ("control", "coupled.control"):
            numbers, following = [], f"{ADDRESS}?topic={topic}&limit=2"
            while following:
                page = (await browser.get(following)).json()
                numbers += [one["letter"] for one in page["items"]]
                following = page["next"]
            assert numbers == [8, 6, 4, 2, 0]
        assert (await browser.get(ADDRESS, params={"topic": "customers"})).json()["items"] == []


async def test_dead_letters_are_put_back(world, browser):
    answer = await browser.post(f"{ADDRESS}/replay", json={"letters": [7, 8, 8, 99]})
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "replayed": [{"letter": 7, "topic": "coupled.bc.customers", "partition": 1, "offset": 99}],
            "left": [{"letter": 8, "reason": "no"}, {"letter": 99, "reason": "there is no such letter"}],
        },
    )
    assert world.services.letters.chosen == [7, 8, 99]


BAD = ([], [-1], ["x"], ["1"], [True], [1.5], [2**53])


@pytest.mark.parametrize("body", [{}, {"letters": [1], "x": 1}, *({"letters": one} for one in BAD)])
async def test_letters_that_cannot_be_chosen(world, browser, body):
    answer = await browser.post(f"{ADDRESS}/replay", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")
    assert world.services.letters.chosen == []


async def test_a_form_puts_no_letter_back(world, browser):
    sent = await browser.post(f"{ADDRESS}/replay", content=b'{"letters": [7]}', headers={"Content-Type": "text/plain"})
    assert (sent.status_code, world.services.letters.chosen) == (415, [])


async def test_the_set_up_is_checked_when_it_is_asked_for(browser):
    assert (await browser.get("/api/set-up")).json() == {"at": None, "exit": None, "findings": []}
    checked = (await browser.post("/api/set-up")).json()
    assert [one["state"] for one in checked["findings"]] == ["ok", "warning", "error"]
    assert checked["exit"] == 2
    assert (await browser.get("/api/set-up")).json() == checked
    assert "contacts cannot be written." in (await browser.get("/set-up")).text, "the console shows the same check"


async def test_who_asks_while_a_check_is_under_way_gets_one_that_began_later(monkeypatch):
    """What was mended meanwhile the one under way may not have seen. One is enough for all who wait."""
    asked, begun, end = [], [], asyncio.Event()
    run = Checks.run

    async def counted(checks):
        asked.append(checks)
        await run(checks)

    monkeypatch.setattr(Checks, "run", counted)

    async def check():
        begun.append(len(begun) + 1)
        await end.wait()
        return [fine("Sales", "connection", f"check {begun[-1]}")]

    async with World(check=check).browser() as browser:
        first = asyncio.create_task(browser.post("/api/set-up"))
        while not begun:
            await at_once(0)
        later = [asyncio.create_task(browser.post("/api/set-up")) for _ in range(2)]
        while len(asked) < 3:
            await at_once(0)
        end.set()
        said = [(await one).json()["findings"][0]["says"] for one in (first, *later)]
    assert (said[1:], begun) == (["check 2", "check 2"], [1, 2])


async def test_a_side_that_is_away_is_told_as_the_command_line_does():
    async def check():
        return [away("Sales", "connection", "It does not answer.", "Is it up?")]

    async with World(check=check).browser() as browser:
        assert (await browser.post("/api/set-up")).json()["exit"] == 3


async def test_where_there_is_nothing_to_ask():
    async with World(check=None, letters=None).browser() as browser:
        assert (await browser.post("/api/set-up")).status_code == 404
        assert (await browser.get(ADDRESS)).status_code == 404


async def test_a_mapping_with_its_definition(browser):
    found = (await browser.get("/api/mappings/CUSTOMER")).json()
    assert (found["status"]["name"], found["status"]["failures"]) == ("CUSTOMER", 12)
    assert found["definition"]["bc"]["filter"] == "blocked eq '_x0020_'"
    assert (await browser.get("/api/mappings/NOTHING")).status_code == 404


async def test_one_run(browser):
    assert (await browser.get(f"/api/runs/{RUN}")).json()["state"] == "running"
    assert (await browser.get("/api/runs/nothing")).status_code == 404


@pytest.mark.parametrize("run", ["nightly/1", "50%25 of all? #1 ä"])
async def test_the_id_of_a_run_may_hold_whatever_an_address_is_made_of(world, browser, run):
    world.reader.run_list.append(replace(world.reader.run_list[0], id=run))
    world.reader.job_list += [replace(world.reader.job_list[0], id=number, run=run) for number in (50, 51)]
    address = f"/api/runs/{quote(run, safe='')}"
    assert (await browser.get(address)).json()["id"] == run
    page = (await browser.get(f"{address}/jobs", params={"limit": 1})).json()
    assert [job["id"] for job in page["items"]] == [50]
    assert [job["id"] for job in (await browser.get(page["next"])).json()["items"]] == [51]
