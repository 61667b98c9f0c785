"""How records ended, one by one: the pages that the numbers of a job and of the day lead to, and the same for
programs."""

import re
from dataclasses import replace

import pytest

from schemas.outcome import Outcome

from .conftest import NAME, RUN, foretold
from .test_console import Strict

LINK = '<a href="/jobs/4/records?outcome={}">{}</a>'


@pytest.mark.parametrize("path", ["/jobs/4", "/jobs", "/full-sync", "/"])
async def test_each_number_of_a_job_leads_to_its_records(browser, path):
    text = (await browser.get(path)).text
    assert LINK.format("modified", 112) in text
    assert LINK.format("inserted", "8\u202f300") in text


async def test_every_number_of_a_job_leads_to_its_records_and_one_of_which_there_are_none_nowhere(world, browser):
    plain = {Outcome.UNCHANGED: 5, Outcome.SKIPPED: 6, Outcome.IGNORED: 7}
    world.reader.job_list[3] = replace(world.reader.job_list[3], counters=plain)
    text = (await browser.get("/jobs/4")).text
    tiles = dict(re.findall(r"<dt>([a-z]+)</dt><dd>(.*?)</dd>", text))
    for name in ("deleted", "coupled", "uncoupled", "failed", "inserted", "modified"):
        assert tiles[name] == f'<span class="counted" title="No record ended as “{name}” in this job">0</span>'
    for outcome, number in plain.items():
        assert tiles[outcome.value] == LINK.format(outcome.value, number)


async def test_every_way_changes_ended_in_the_last_24_hours_leads_to_their_records(world, browser):
    text = (await browser.get("/")).text
    tiles = dict(re.findall(r"<dt>([a-z]+)</dt><dd>(.*?)</dd>", text))
    for outcome, number in world.reader.day.outcomes.items():
        assert tiles[outcome.value] == f'<a href="/records?outcome={outcome.value}">{number}</a>'
    assert tiles["deleted"].startswith('<span class="counted"')


async def test_the_last_24_hours_are_a_picture_too(world, browser):
    text = (await browser.get("/")).text
    figure = Strict(re.search(r"<figure.*?</figure>", text, re.S)[0])
    assert (figure.blocked, figure.open) == ([], [])
    assert text.count("<rect ") == 3
    assert "Changes in each half hour of the last 24 hours: 2\u202f400 at most" in text
    world.reader.day = replace(world.reader.day, slots=[], outcomes={}, per_minute=0)
    text = (await browser.get("/")).text
    assert "<rect " not in text
    assert "no changes" in text


async def test_what_an_uncoupling_ended_stays_the_list_that_couples_again(world, browser):
    world.reader.job_list.append(replace(foretold(), found={"uncouple": 60}, counters={Outcome.UNCOUPLED: 60}))
    assert "records?outcome=uncoupled" not in (await browser.get("/jobs/90")).text


@pytest.mark.parametrize("outcome", Outcome)
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
    assert '<a href="/jobs/4/records">All changes</a>' in text
    assert "<strong>modified</strong>" in text
    assert '<a href="/jobs/4/records?outcome=inserted">inserted</a>' in text
    assert "outcome=deleted" not in text
    assert '<a rel="next" href="/jobs/4/records?outcome=modified&amp;offset=50">' in text
    assert (await browser.get("/jobs/12345/records")).status_code == 404


async def test_it_says_why_it_lists_fewer_than_were_counted_only_if_it_does(world, browser):
    text = (await browser.get("/jobs/4/records", params={"outcome": "modified"})).text
    assert "60 of the 112 records that ended as “modified” are listed: " in text
    world.reader.job_list[3] = replace(world.reader.job_list[3], counters={Outcome.MODIFIED: 60})
    assert "are listed: " not in (await browser.get("/jobs/4/records", params={"outcome": "modified"})).text


async def test_a_job_of_which_nothing_is_kept_says_so(world, browser):
    world.reader.job_list[1] = replace(world.reader.job_list[1], run=RUN, counters={Outcome.MODIFIED: 1})
    text = (await browser.get("/jobs/2/records", params={"outcome": "modified"})).text
    assert "The one record that ended as “modified” is not listed: " in text
    assert "0 of" not in text


async def test_programs_ask_for_the_same(browser):
    page = (await browser.get("/api/jobs/4/records", params={"outcome": "modified", "limit": 2})).json()
    assert (len(page["items"]), page["total"], page["more"]) == (2, 60, True)
    one = page["items"][0]
    assert (one["name"], one["outcome"], one["direction"], one["job"]) == (NAME, "modified", "to_sales", 4)
    assert (one["wrote"], one["overruled"]) == (["address1_city"], {"address1_city": NAME})
    behind = (await browser.get(page["next"])).json()
    assert [each["id"] for each in behind["items"]] == [one["id"] + 2, one["id"] + 3]


async def test_the_day_is_chosen_from_by_mapping_and_outcome(browser):
    text = (await browser.get("/records", params={"mapping": "CUSTOMER", "outcome": "unchanged"})).text
    assert Strict(text).open == []
    assert "<option selected>unchanged</option>" in text
    assert "<option selected>CUSTOMER</option>" in text
    assert '<a href="/jobs/4">job 4</a>' in text
    assert '<a rel="next" href="/records?mapping=CUSTOMER&amp;outcome=unchanged&amp;offset=50">' in text
    text = (await browser.get("/records", params={"mapping": "CONTACTS", "outcome": "nonsense"})).text
    assert "<tbody>" not in text


async def test_programs_ask_for_the_day(world, browser):
    found = (await browser.get("/api/throughput")).json()
    assert (found["per_minute"], sum(found["outcomes"].values())) == (50, world.reader.day.changes)
    assert [slot["number"] for slot in found["slots"]] == [12, 2_400, 250]
    page = (await browser.get("/api/records", params={"outcome": "ignored", "limit": 2})).json()
    assert ([one["outcome"] for one in page["items"]], page["total"]) == (["ignored"] * 2, 60)
    behind = (await browser.get(page["next"])).json()
    assert [one["id"] for one in behind["items"]] == [2, 3]
    assert (await browser.get("/api/records", params={"mapping": "CONTACTS"})).json()["items"] == []
    assert (await browser.get("/api/records", params={"outcome": "nonsense"})).status_code == 422
