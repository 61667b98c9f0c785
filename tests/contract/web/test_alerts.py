"""What is wrong now: on the overview, with the page that helps, and as a list of the API."""

import html
import re
from datetime import timedelta

import pytest

from daemon.store.engine import open_store
from daemon.web.from_store import StoreReader
from schemas.alert_causes import Kind
from schemas.alerts import RULES
from schemas.holding import BELIEVED, NOBODY_LEADS, Alert, Looked
from schemas.mapping_file import parse, standard_text

from .conftest import NOW, World, ago
from .test_paging import walk


def alert(kind: str, about: str = "bc", said: str = "It is so", parts: tuple[str, ...] = ()) -> Alert:
    severity = RULES[Kind(kind)].severity
    return Alert(f"{Kind(kind).value}:{about}", Kind(kind).value, severity, about, said, "Look", ago(700), parts)


BEHIND = alert(Kind.BEHIND, "CUSTOMER to_sales", "CUSTOMER to_sales is 15 minutes behind")
NEEDS = re.compile(
    r'<li class="(\w+)"><strong>([^<]+)</strong> <span>((?:(?!</li>).)+)</span> <a class="go" href="([^"]+)">Look</a>'
)


async def needs(browser) -> list[tuple[str, ...]]:
    text = (await browser.get("/")).text.partition("Needs you now")[2].partition("</section>")[0]
    return [tuple(html.unescape(each) for each in found) for found in NEEDS.findall(text)]


@pytest.fixture
def still(world):
    """A daemon in which nothing but alerts needs anybody."""
    world.reader.run_list, world.reader.failure_list, world.reader.mapping_list = [], [], []
    return world


async def test_the_overview_says_what_since_when_why_and_where_help_is(still, browser):
    assert "<strong>Nothing</strong>" in (await browser.get("/")).text
    still.reader.alert_list = [BEHIND]
    [(tone, what, why, page)] = await needs(browser)
    assert (tone, what, page) == ("warn", "Falling behind", "/jobs?state=running")
    assert re.fullmatch(
        r"since <time datetime=.+?</time>: CUSTOMER to_sales is 15 minutes behind\. Look\. "
        r"What to do: CoupledFallingBehind in docs/runbooks\.md\.",
        why,
    )
    assert f"{BEHIND.since:%Y-%m-%dT%H:%M:%SZ}" in why
    assert "<strong>Nothing</strong>" not in (await browser.get("/")).text


@pytest.mark.parametrize("kind", Kind)
async def test_every_kind_has_a_page_that_is_there_or_is_told_already(still, browser, kind):
    still.reader.alert_list = [alert(kind, "old", parts=("items",))]
    for tone, _, _, page in await needs(browser):
        assert tone == {"critical": "bad", "warning": "warn", "info": "idle"}[RULES[kind].severity]
        assert (await browser.get(page)).status_code == 200
    told = kind in (Kind.FAILURES, Kind.CONFLICTS, Kind.DEAD_LETTERS, Kind.ANSWER, Kind.PAUSED)
    assert len(await needs(browser)) == (0 if told else 1)


async def test_a_run_that_stands_still_leads_to_its_jobs(still, browser):
    still.reader.alert_list = [alert(Kind.RUN_STALLED, "a&b <7>")]
    [(*_, page)] = await needs(browser)
    assert page == "/jobs?run=a%26b+%3C7%3E"


async def test_a_side_that_is_not_read_is_told_once(still, browser):
    still.reader.alert_list = [alert(Kind.CAPTURE_STALLED, "sales", parts=("accounts", "contacts"))]
    still.unready = ["live:sales:accounts: no answer"]
    assert [what for _, what, *_ in await needs(browser)] == ["Capture stalled"], "of contacts nothing else is told"
    still.unready += ["live:sales:contacts: no answer"]
    text = (await browser.get("/")).text
    assert (text.count("Sales is not read"), text.count("Capture stalled")) == (1, 0)


async def test_what_the_leader_cannot_do_is_told_by_the_others(still, browser):
    still.reader.alert_list = [alert(Kind.NOT_READY, "leader", parts=("store: slow",))]
    assert [what for _, what, *_ in await needs(browser)] == ["Not ready"]
    still.unready = ["store: slow"]
    assert (await browser.get("/")).text.count("<strong>Not ready</strong>") == 1
    assert await needs(browser) == []


async def test_the_list_of_the_api(still, browser):
    still.reader.alert_list = [alert(Kind.WEBHOOKS, "CUSTOMER"), BEHIND]
    page = (await browser.get("/api/alerts", params={"limit": 1})).json()
    assert (page["total"], page["more"]) == (2, True)
    assert page["items"] == [
        {
            "id": "CoupledFallingBehind:CUSTOMER to_sales",
            "alert": "CoupledFallingBehind",
            "severity": "warning",
            "about": "CUSTOMER to_sales",
            "summary": "CUSTOMER to_sales is 15 minutes behind",
            "advice": "Look",
            "since": BEHIND.since.isoformat().replace("+00:00", "Z"),
            "parts": [],
        }
    ]
    assert [one["about"] for one in (await browser.get(page["next"])).json()["items"]] == ["CUSTOMER"]


async def test_what_comes_and_goes_while_it_is_read_neither_ends_the_list_nor_repeats_anything(still, browser):
    still.reader.alert_list = [alert(kind) for kind in (Kind.API_ERRORS, Kind.BEHIND, Kind.SLOW, Kind.WEBHOOKS)]

    async def change():
        still.reader.alert_list = [alert(Kind.NOTHING_RAN), *still.reader.alert_list[2:]]

    found = [one["alert"] for one in await walk(browser, "/api/alerts", 2, change)]
    assert found == [Kind.API_ERRORS, Kind.BEHIND, Kind.SLOW, Kind.WEBHOOKS]


@pytest.fixture
async def store(tmp_path):
    async with await open_store(f"sqlite:///{tmp_path}/coupled.db", now=lambda: NOW) as opened:
        yield opened


async def test_any_worker_tells_what_the_leader_saw_and_that_there_is_none(store):
    async def nobody():
        return []

    async with World(reader=StoreReader(store, parse(standard_text()), nobody)).browser() as browser:
        assert (await needs(browser), (await browser.get("/api/alerts")).json()["items"]) == ([], [])
        await store.looks.keep(Looked(ago(15), [BEHIND]))
        assert [what for _, what, *_ in await needs(browser)] == ["Falling behind"]
        await store.looks.keep(Looked(NOW - BELIEVED, [BEHIND]))
        assert [(tone, what, page) for tone, what, _, page in await needs(browser)] == [
            ("bad", "Nobody leads", "/readyz")
        ]
        [item] = (await browser.get("/api/alerts")).json()["items"]
        assert (item["alert"], item["since"]) == (NOBODY_LEADS, (NOW - BELIEVED).isoformat().replace("+00:00", "Z"))


async def test_a_worker_that_has_just_come_up_waits_until_somebody_leads(store):
    async def nobody():
        return []

    await store.looks.keep(Looked(NOW - timedelta(hours=9), [BEHIND]))
    reader = StoreReader(store, parse(standard_text()), nobody)
    async with World(reader=reader, started=ago(5)).browser() as browser:
        assert (await browser.get("/api/alerts")).json()["items"] == []
