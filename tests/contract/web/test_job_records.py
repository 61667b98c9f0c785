"""What a job has done with its records, one by one: the page that its numbers lead to, and the same for programs."""

import re
from dataclasses import replace

import pytest

from schemas.outcome import Lasting, Outcome

from .conftest import NAME, RUN, foretold
from .test_console import Strict

LINK = '<a href="/jobs/4/records?outcome={}">{}</a>'


@pytest.mark.parametrize("path", ["/jobs/4", "/jobs", "/full-sync", "/"])
async def test_each_number_of_a_job_leads_to_its_records(browser, path):
    text = (await browser.get(path)).text
    assert LINK.format("modified", 112) in text
    assert LINK.format("inserted", "8\u202f300") in text


async def test_a_number_of_which_there_are_none_leads_nowhere_and_one_of_others_says_it_is_counted(browser):
    text = (await browser.get("/jobs/4")).text
    tiles = dict(re.findall(r"<dt>([a-z]+)</dt><dd>(.*?)</dd>", text))
    for name in ("deleted", "coupled", "uncoupled"):
        assert tiles[name] == f'<span class="counted" title="No record ended as “{name}” in this job">0</span>'
    for name in ("unchanged", "skipped", "ignored"):
        assert "counted, not kept one by one" in tiles[name]


async def test_what_an_uncoupling_ended_stays_the_list_that_couples_again(world, browser):
    world.reader.job_list.append(replace(foretold(), found={"uncouple": 60}, counters={Outcome.UNCOUPLED: 60}))
    assert "records?outcome=uncoupled" not in (await browser.get("/jobs/90")).text


@pytest.mark.parametrize("outcome", Lasting)
async def test_a_line_says_what_became_of_the_record_and_leads_to_it(browser, outcome):
    text = (await browser.get("/jobs/4/records", params={"outcome": outcome.value})).text
    page = Strict(text)
    assert (page.blocked, page.open) == ([], [])
    assert "<b>Söhne" not in text
    row = re.search(r"<tbody>\s*<tr>(.*?)</tr>", text, re.S)[1]
    assert re.search(r'<a href="/couplings/CUSTOMER/[^"]+">Müller', row)
    for expected in (f">{outcome.value}<", "BC → Sales", "<time datetime=", "<code>address1_city</code>"):
        assert expected in row
    assert "was written over" in row


async def test_the_page_leads_to_the_job_to_the_other_outcomes_and_to_what_follows(browser):
    text = (await browser.get("/jobs/4/records", params={"outcome": "modified"})).text
    assert '<a href="/jobs/4">4</a>' in text
    assert '<a href="/jobs/4/records">all</a>' in text
    assert '<a href="/jobs/4/records?outcome=inserted">inserted</a>' in text
    assert "outcome=deleted" not in text
    assert '<a rel="next" href="/jobs/4/records?outcome=modified&amp;offset=50">' in text
    assert (await browser.get("/jobs/12345/records")).status_code == 404


async def test_it_says_why_it_lists_fewer_than_were_counted_only_if_it_does(world, browser):
    text = (await browser.get("/jobs/4/records", params={"outcome": "modified"})).text
    assert "60 of the 112 records that were modified are listed: " in text
    world.reader.job_list[3] = replace(world.reader.job_list[3], counters={Outcome.MODIFIED: 60})
    assert "are listed: " not in (await browser.get("/jobs/4/records", params={"outcome": "modified"})).text


async def test_a_job_of_which_nothing_is_kept_says_so(world, browser):
    world.reader.job_list[1] = replace(world.reader.job_list[1], run=RUN, counters={Outcome.MODIFIED: 1})
    text = (await browser.get("/jobs/2/records", params={"outcome": "modified"})).text
    assert "The one record that was modified is not listed: " in text
    assert "0 of" not in text


async def test_programs_ask_for_the_same(browser):
    page = (await browser.get("/api/jobs/4/records", params={"outcome": "modified", "limit": 2})).json()
    assert (len(page["items"]), page["total"], page["more"]) == (2, 60, True)
    one = page["items"][0]
    assert (one["name"], one["outcome"], one["direction"], one["job"]) == (NAME, "modified", "to_sales", 4)
    assert (one["wrote"], one["overruled"]) == (["address1_city"], {"address1_city": NAME})
    behind = (await browser.get(page["next"])).json()
    assert [each["id"] for each in behind["items"]] == [one["id"] + 2, one["id"] + 3]
