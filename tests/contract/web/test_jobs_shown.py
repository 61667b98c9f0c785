"""Jobs say what they were, and the numbers of a run add up."""

import re
from dataclasses import replace
from html import unescape

import pytest

from daemon.web.formats import only_looks, run_columns, told, whole
from schemas.job import Job, JobState, Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction

from .conftest import RUN, ago, foretold

DRY = Run("dry", RunKind.PREVIEW, RunState.DONE, ("CUSTOMER",), requested_by="cli", created=ago(9))


@pytest.fixture
def looked(world):
    world.reader.run_list.insert(0, DRY)
    world.reader.job_list.append(foretold())
    return world


def cells(text: str, job: int) -> list[str]:
    (row,) = [one for one in re.findall(r"<tr.*?</tr>", text, re.S) if f'<a href="/jobs/{job}">' in one]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)
    ]


async def test_each_job_in_the_list_leads_to_its_run_by_its_kind(looked, browser):
    text = (await browser.get("/jobs")).text
    assert '<a href="/jobs?run=dry">Dry run</a>' in text
    assert f'<a href="/jobs?run={RUN}">Full synchronisation</a>' in text


async def test_a_dry_run_tells_what_it_has_found_in_place_of_a_row_of_zeros(looked, browser):
    text = (await browser.get("/jobs")).text
    assert cells(text, 90)[7:] == ["1 to insert , 60 like duplicates", ""]
    assert len(cells(text, 4)) == 16
    page = (await browser.get("/jobs/90")).text
    assert "<dt>inserted</dt>" not in page
    assert "<dt>to insert BC → Sales</dt>" in page
    assert "<dt>uncoupled in Business Central</dt>" in page


async def test_a_job_says_by_whom_and_in_which_run(looked, browser):
    text = (await browser.get("/jobs/90")).text
    assert 'Dry run by cli, in run <a href="/jobs?run=dry"><code>dry</code></a>' in text
    assert "Full synchronisation by console, in run" in (await browser.get("/jobs/4")).text


async def test_one_that_looked_and_found_nothing_says_so(looked, browser):
    looked.reader.job_list[-1] = replace(foretold(), found={})
    assert "It has found nothing." in (await browser.get("/jobs/90")).text
    assert cells((await browser.get("/jobs")).text, 90)[7] == "nothing"


async def test_what_an_earlier_version_has_only_counted_is_said_to_be_nowhere(looked, browser):
    """Wherever a number of the job leads."""
    found = {"to_sales.unchanged": 9, "to_bc.unchanged": 5, "uncoupled_bc": 61, "equal": 0, "duplicate": 60}
    looked.reader.job_list[-1] = replace(foretold(), found=found)
    numbers = re.findall(r'<a href="(/jobs/90/findings[^"]+)">(\d+)</a>', (await browser.get("/jobs/90")).text)
    assert len(numbers) == 4
    for path, counted in numbers:
        said = f"0 of the {counted} that this job has counted are listed"
        assert (said in (await browser.get(unescape(path))).text) == ("duplicate" not in path), path
    both = (await browser.get("/jobs/90/findings?kind=unchanged")).text
    assert "0 of the 14 that this job has counted are listed" in both
    assert "are listed" not in (await browser.get("/jobs/90/findings?kind=equal&direction=to_bc")).text


def test_what_looked_and_wrote_is_told_by_its_counters() -> None:
    match = replace(DRY, kind=RunKind.MATCH)
    assert only_looks(foretold(), match)
    assert not only_looks(replace(foretold(), counters={Outcome.COUPLED: 3}), match)
    assert not only_looks(foretold(), replace(DRY, kind=RunKind.UNCOUPLE))


def test_only_a_dry_run_is_told_as_what_would_be_done() -> None:
    assert told("uncouple", DRY) == "to uncouple"
    assert told("uncouple", replace(DRY, kind=RunKind.UNCOUPLE)) == "uncouple"
    assert (told("unchanged", DRY), told("of-tomorrow", DRY), told("drift", None)) == (
        "unchanged",
        "of-tomorrow",
        "drift",
    )


def test_the_numbers_of_a_run_add_up() -> None:
    """Whatever its records ended as: with those that failed, what stands in a row is all of them."""
    job = Job(1, "r", "CUSTOMER", Direction.BOTH, counters={outcome: 2**n for n, outcome in enumerate(Outcome)})
    assert sorted([*run_columns([job]), Outcome.FAILED, Outcome.CONFLICT]) == sorted(Outcome)
    assert run_columns([replace(job, counters={})]) == ["inserted", "modified", "coupled", "unchanged"]


@pytest.mark.parametrize(
    ("total", "published", "read", "settled", "expected"),
    [(10, 3, 0, 2, 10), (None, 3, 0, 2, 3), (10, 12, 0, 12, 12), (11, 0, 12, 0, 12)],
)
def test_a_job_is_about_no_fewer_records_than_it_is_through_with(total, published, read, settled, expected) -> None:
    counters = {Outcome.UNCHANGED: settled}
    job = Job(1, "r", "CUSTOMER", Direction.BOTH, JobState.RUNNING, None, None, published, total)
    assert whole(replace(job, read=read, counters=counters)) == expected


async def test_a_runs_table_has_what_was_coupled_skipped_and_ignored(world, browser):
    job = replace(world.reader.job_list[3], counters={Outcome.COUPLED: 4, Outcome.SKIPPED: 2, Outcome.IGNORED: 3})
    world.reader.job_list[3] = replace(job, counters={**job.counters, Outcome.DELETED: 1}, total=5)
    text = (await browser.get("/full-sync")).text
    table = text[text.index("Jobs of this run") :].partition("</table>")[0]
    names = re.findall(r'<th class="n[^"]*">([A-Z][a-z ]+)</th>', table)
    assert names == [
        "Records",
        "Inserted",
        "Modified",
        "Deleted",
        "Coupled",
        "Unchanged",
        "Skipped",
        "Ignored",
        "Failed",
    ]
    assert cells(table, 4)[5:7] == ["10", "10"]
    assert cells(table, 4)[8:] == ["0", "0", "1", "4", "0", "2", "3", "0"]


async def test_the_tiles_of_the_overview_add_up(browser):
    text = (await browser.get("/")).text
    tiles = dict(re.findall(r"<dt>([A-Za-z ]+)</dt><dd><(?:span|a)[^>]*>([^<]*)<", text))
    numbers = {name: int(told.replace("\u202f", "")) for name, told in tiles.items()}
    assert numbers["Changes"] == sum(numbers[outcome.value] for outcome in Outcome)


async def test_what_needs_a_person_stands_first(browser):
    text = (await browser.get("/")).text
    assert text.index('id="needs"') < text.index('aria-label="Connections"')
