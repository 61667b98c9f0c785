"""The console: every page, what each must show, and what a stranger's page cannot do."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import httpx
import pytest

from daemon.web.ports import CommandStatus
from schemas.command import Answer, FullSync, Pause, Resume, Sync, Uncouple
from schemas.errors import Problem, Refused, Unreachable
from schemas.job import Keep, RunState

from .conftest import FORETOLD, LOOKUP, NOW, RUN, World, foretold

PAGES = [
    "/",
    "/full-sync",
    "/mappings",
    "/mappings/CUSTOMER",
    "/jobs",
    "/jobs/4",
    "/jobs/4/records",
    "/errors",
    "/couplings",
    "/blanks",
    "/dead-letters",
    "/set-up",
    "/api",
]


class Strict(HTMLParser):
    """Collects what the content security policy would block, and tags that are left open."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.blocked: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "style" or (tag == "script" and "src" not in names) or "style" in names:
            self.blocked.append(f"{tag} {names}")
        self.blocked += [f"{tag} {name}" for name in names if name.startswith("on")]
        for name in ("src", "href", "action"):
            if re.match(r"(https?:)?//|data:|javascript:", names.get(name) or ""):
                self.blocked.append(f"{tag} {name}={names[name]}")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


async def token(browser: httpx.AsyncClient, path: str = "/mappings") -> str:
    return re.search(r'name="token" value="([0-9a-f]+)"', (await browser.get(path)).text)[1]


async def submit(browser: httpx.AsyncClient, **fields: object) -> httpx.Response:
    data = {"token": await token(browser), "back": "/mappings"} | fields
    return await browser.post("/commands", data=data)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_whole_and_need_nothing_from_elsewhere(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 200
    page = Strict(answer.text)
    assert page.blocked == []
    assert page.open == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
async def test_the_script_fetches_only_the_living_part(browser, path):
    answer = await browser.get(path, headers={"X-Fragment": "1"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/mappings/CUSTOMER"])
async def test_pages_of_a_daemon_that_has_nothing_yet(path, world, browser):
    world.reader.run_list, world.reader.failure_list, world.reader.mapping_list = [], [], []
    world.reader.job_list = world.reader.job_list[3:4]
    assert (await browser.get(path)).status_code == 200


async def test_the_overview_says_what_needs_a_person(world, browser):
    world.unready = ["Sales does not answer."]
    world.reader.run_list[0] = replace(world.reader.run_list[0], state=RunState.AWAITING_ANSWER)
    text = (await browser.get("/")).text
    for expected in ("Answer due", "Sales does not answer.", "13 records failed", "RESOURCE-PRODUCT is paused"):
        assert expected in text


async def test_the_overview_and_the_api_tell_of_messages_nobody_could_read(world, browser):
    assert "nobody could read" not in (await browser.get("/")).text
    world.reader.letters = {"coupled.bc.items": 2, "coupled.control": 1}
    text = (await browser.get("/")).text
    assert '<a href="/dead-letters">3 messages nobody could read</a>' in text
    assert (await browser.get("/api/status")).json()["dead_letters"] == world.reader.letters


async def test_a_side_that_is_away_is_one_line_with_a_sentence_and_what_to_do(world, browser):
    why = str(Unreachable("no-answer", "Sales at http://127.0.0.1:9 gave no answer: refused", "Check the `url`."))
    world.unready = [f"live:sales:{table}: {why}" for table in ("accounts", "contacts", "products", "uoms")]
    world.unready += ["live:bc:items: It refuses.", "store: It is away."]
    needs = (await browser.get("/")).text.partition("Needs you now")[2].partition("</section>")[0]
    rows = re.findall(r'<li class="bad"><strong>([^<]+)</strong> <span>(.+?)</span>', needs)
    said = "Sales at http://127.0.0.1:9 gave no answer: refused. Check the <code>url</code>. (4 tables)"
    assert rows == [
        ("Sales is not read", said),
        ("Business Central is not read", "It refuses. (items)"),
        ("Not ready", "store: It is away."),
    ]


async def test_a_paused_mapping_has_no_lag(world, browser):
    world.reader.mapping_list = [replace(world.reader.mapping_list[3], paused_at=NOW, lag={})]
    row = (await browser.get("/")).text.partition('<th class="n">Lag to BC</th>')[2].partition("</table>")[0]
    assert row.count('<span class="faint">paused</span>') == 2


async def test_the_overview_lists_the_last_runs(world, browser):
    text = (await browser.get("/")).text
    assert "No run has ended yet" not in text
    assert text.index("Last runs") < text.index('<a href="/jobs?mapping=CURRENCY">CURRENCY</a></span></td>')
    world.reader.run_list = []
    assert "No run has ended yet" in (await browser.get("/")).text


async def test_what_a_job_has_found_leads_to_just_that(world, browser):
    world.reader.job_list.append(foretold())
    text = (await browser.get(f"/jobs/{FORETOLD}")).text
    for kind, number in (("kind=insert&amp;direction=to_sales", 1), ("kind=duplicate", 60)):
        assert f'<a href="/jobs/{FORETOLD}/findings?{kind}">{number}</a>' in text
    assert f'<a href="/jobs/{FORETOLD}/findings?kind=uncoupled_bc">61</a>' in text


async def test_the_overview_of_a_quiet_daemon(world, browser):
    world.reader.run_list, world.reader.failure_list = [], []
    world.reader.mapping_list = [replace(each, paused_at=None) for each in world.reader.mapping_list]
    assert "Both sides are in step" in (await browser.get("/")).text


async def test_progress_is_shown_job_by_job_in_order(browser):
    text = (await browser.get("/full-sync")).text
    names = re.findall(r'<a href="/jobs/\d+">([A-Z-]+)</a>', text)
    assert names == ["CURRENCY", "SALESPEOPLE", "CUSTOMER", "CUSTOMER", "CONTACTS", "RESOURCE-PRODUCT"]
    assert 'class="busy" max="100" value="28"' in text


async def test_jobs_have_the_originals_columns_newest_first(browser):
    text = (await browser.get("/jobs")).text
    columns = ["Mapping", "Direction", "Started", "Finished", "Inserted", "Modified", "Deleted", "Unchanged", "Skipped",
               "Failed", "Coupled", "Uncoupled", "Message"]  # fmt: skip
    assert [name for name in re.findall(r"<th[^>]*>([A-Za-z]+)</th>", text) if name in columns] == columns
    assert re.findall(r'<td class="n" data-label="Job"><a href="/jobs/(\d+)">', text) == [
        "7",
        "6",
        "5",
        "4",
        "3",
        "2",
        "1",
    ]
    assert "Sales is down." in text


async def test_records_text_is_shown_as_text(browser):
    text = (await browser.get("/errors")).text
    assert "<b>7" not in text
    assert "&lt;b&gt;7" in text
    text = (await browser.get("/couplings", params={"text": '"><script>'})).text
    assert "<script>" not in text


async def test_errors_are_narrowed_by_mapping_and_code(browser):
    text = (await browser.get("/errors", params={"mapping": "CONTACTS", "code": "coupled-to-deleted"})).text
    assert "has been deleted" in text
    assert "has no user" not in text


async def test_errors_are_told_by_cause_and_open_into_their_records(browser):
    text = (await browser.get("/errors")).text
    assert re.findall(r'<td class="n bad"[^>]*><a href="[^"]+">(\d+)</a></td>', text) == ["12", "1"]
    assert text.count("has no user") == 1
    assert 'href="/errors?cause=c0ffee"' in text
    records = (await browser.get("/errors", params={"cause": "c0ffee"})).text
    assert records.count("has no user") == 1, "once above all records, and not again in each"
    assert "Such as:" not in records
    assert re.findall(r'<span class="pill [a-z]+">([a-z]+)</span>', records).count("waiting") == 1


async def test_what_is_told_of_one_record_is_not_told_as_the_cause_of_all(world, browser):
    """A cause is what messages have in common; these name their records."""
    own = [Problem(LOOKUP.code, f"It wants the user {n}.", LOOKUP.hint) for n in range(13)]
    world.reader.failure_list = [replace(one, problem=own[n]) for n, one in enumerate(world.reader.failure_list)]
    text = (await browser.get("/errors?cause=deadbeef")).text
    head = text[text.index('id="cause"') : text.index('id="for-all"')]
    assert '<span class="faint">Such as:</span> It wants the user 0.' in head
    assert all(text.count(one.message) == (2 if n == 0 else 1) for n, one in enumerate(own))
    for path in ("/", "/errors"):
        assert (await browser.get(path)).text.count("Such as:") == 1, path


@pytest.mark.parametrize(("mapping", "offered"), [("CURRENCY", ["bc"]), ("SALESPEOPLE", ["sales"]), ("GONE", [])])
async def test_only_the_ways_that_a_mapping_carries_are_offered(world, browser, mapping, offered):
    clash = Problem("update-conflict", "Both were changed.", "Choose.")
    world.reader.failure_list = [replace(one, mapping=mapping, problem=clash) for one in world.reader.failure_list]
    text = (await browser.get("/errors?cause=deadbeef")).text
    assert re.findall(r'id="all-(bc|sales)"', text) == offered
    assert re.findall(r'id="chosen-(bc|sales)"', text) == offered
    assert re.findall(r'<button[^>]* id="(bc|sales)-99"', text) == offered
    assert 'id="all-uncouple"' in text


async def test_a_record_or_a_cause_is_retried_by_its_button(world, browser):
    first = world.reader.failure_list[0]
    text = (await browser.get("/errors")).text
    assert '<input type="hidden" name="causes" value="c0ffee">' in text
    text = (await browser.get("/errors?cause=deadbeef")).text
    assert f'<input type="hidden" name="records" value="{first.bc_id}">' in text
    await submit(browser, command="retry", causes="c0ffee")
    await submit(browser, command="retry", mappings=[first.mapping], records=[first.bc_id])
    one, two = world.submitted
    assert (one.causes, one.records) == (["c0ffee"], None)
    assert (two.mappings, two.records, two.causes) == (["CONTACTS"], [first.bc_id], None)


async def test_a_retry_of_nothing_is_refused(world, browser):
    """As a command it means every failed record, which no button says."""
    answer = await submit(browser, command="retry")
    assert "No record was chosen" in answer.text
    assert world.submitted == []


async def test_after_a_command_the_same_cause_is_shown(browser):
    answer = await submit(browser, command="retry", causes="c0ffee", back="/errors?cause=c0ffee&command=old")
    assert re.fullmatch(r"/errors\?cause=c0ffee&command=[0-9a-f-]{36}", answer.headers["Location"])


async def test_couplings_are_searched_and_paged(browser):
    first = (await browser.get("/couplings", params={"text": "söhne"})).text
    assert "1–50 of 120" in first
    assert 'href="/couplings?text=s%C3%B6hne&amp;offset=50"' in first
    assert "51–100 of 120" in (await browser.get("/couplings?text=söhne&offset=50")).text
    assert "No coupling matches." in (await browser.get("/couplings?text=nobody")).text


async def test_a_search_is_not_made_again_every_two_seconds(browser):
    """Of a million couplings it takes seconds."""
    assert "data-refresh" in (await browser.get("/couplings")).text
    assert "data-refresh" in (await browser.get("/couplings?text=+")).text
    found = (await browser.get("/couplings?text=söhne&command=c-1")).text
    assert "data-refresh" not in found
    assert 'data-follow="/notice?command=c-1"' in found, "what became of an uncoupling is told all the same"


async def test_a_coupling_is_told_by_its_number_too(world, browser):
    text = (await browser.get("/couplings")).text
    assert 'Müller &amp; Söhne 0</a> <code class="id">10000</code></td>' in text
    assert "Müller &amp; Söhne 1</a></td>" in text
    assert "id or number" in text


async def test_a_coupling_is_ended_by_its_button(world, browser):
    text = (await browser.get("/couplings?text=söhne")).text
    (form,) = re.findall(
        r"<form (?:(?!</form>).)*uncouple-CUSTOMER-5d115c9c-44e3-ea11-bb43-000000000007.*?</form>", text, re.S
    )
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert (await browser.post("/commands", data=fields)).status_code == 303
    (command,) = world.submitted
    assert isinstance(command, Uncouple)
    assert (command.mapping, command.records) == ("CUSTOMER", ["5d115c9c-44e3-ea11-bb43-000000000007"])
    assert (await browser.post("/commands", data=fields | {"token": "0"})).status_code == 403


async def test_what_does_not_exist(browser):
    for path in ("/nope", "/jobs/4711", "/jobs/x"):
        answer = await browser.get(path)
        assert answer.status_code in (404, 422)
        assert "<html" in answer.text


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"command": "sync"}, Sync),
        ({"command": "sync", "mappings": ["CUSTOMER"]}, Sync),
        ({"command": "pause", "mappings": ["CUSTOMER", "CONTACTS"]}, Pause),
        ({"command": "resume", "mappings": ["CUSTOMER"]}, Resume),
        ({"command": "answer", "run": RUN, "answer": "restore"}, Answer),
        ({"command": "full-sync", "confirmed": "yes", "mappings": ["CURRENCY"], "answer": ""}, FullSync),
        (
            {"command": "full-sync", "confirmed": "yes", "mappings": ["CURRENCY", "CUSTOMER"], "answer": "keep"},
            FullSync,
        ),
    ],
)
async def test_forms_become_commands(world, browser, fields, expected):
    answer = await submit(browser, **fields)
    (command,) = world.submitted
    assert isinstance(command, expected)
    assert command.requested_by == "console"
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/mappings?command={command.id}"
    if isinstance(command, Answer):
        assert (command.run, command.answer) == (RUN, Keep.RESTORE)
    else:
        assert command.mappings == fields.get("mappings")


async def test_a_full_synchronisation_must_be_confirmed(world, browser):
    answer = await submit(browser, command="full-sync")
    assert answer.status_code == 400
    assert "duplicates" in answer.text
    assert world.submitted == []


async def test_no_box_ticked_is_not_all_of_them(world, browser):
    answer = await submit(browser, command="full-sync", confirmed="yes")
    assert answer.status_code == 400
    assert "No mapping was chosen." in answer.text
    assert world.submitted == []


@pytest.mark.parametrize("command", ["", "drop", "answer"])
async def test_forms_that_are_no_command(world, browser, command):
    assert (await submit(browser, command=command)).status_code == 400
    assert world.submitted == []


async def test_forms_without_our_token_are_not_taken(world, browser):
    await browser.get("/")
    for given in ("", "0" * 64, await token(world.browser())):
        assert (await browser.post("/commands", data={"token": given, "command": "sync"})).status_code == 403
    stranger = world.browser()
    assert (
        await stranger.post("/commands", data={"token": await token(browser), "command": "sync"})
    ).status_code == 403
    assert world.submitted == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_pages_of_other_origins_are_not_listened_to(world, browser, headers):
    data = {"token": await token(browser), "command": "sync"}
    assert (await browser.post("/commands", data=data, headers=headers)).status_code == 403
    api = {"id": "1", "command": "sync"}
    assert (await browser.post("/api/commands", json=api, headers=headers)).status_code == 403
    assert world.submitted == []
    assert (await browser.post("/commands", data=data, headers={"Origin": "http://127.0.0.1:8086"})).status_code == 303


async def test_names_that_point_here_from_elsewhere(browser):
    for host, status in {"evil.example": 421, "localhost:8086": 200, "[::1]:8086": 200, "127.0.0.1": 200}.items():
        assert (await browser.get("/", headers={"Host": host})).status_code == status
    assert (await browser.get("/healthz", headers={"Host": "anything"})).status_code == 200


async def test_the_way_back_stays_here(world, browser):
    for back in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        location = (await submit(browser, command="sync", back=back)).headers["location"]
        assert location.startswith("/?command=")


async def test_what_became_of_a_command_is_shown(world, browser):
    assert "accepted" in (await browser.get("/?command=c-1")).text
    problem = Problem("x", "A run is going on.", "Wait for it.")
    world.reader.commands["c-1"] = CommandStatus("c-1", "full-sync", RunState.REFUSED, NOW, problem)
    text = (await browser.get("/?command=c-1")).text
    assert "refused" in text
    assert "A run is going on." in text


@pytest.mark.parametrize(("error", "status"), [(Unreachable("k", "Kafka is away."), 503), (Refused("r", "No."), 400)])
async def test_a_command_that_cannot_be_submitted(error, status):
    async def submit_nothing(command):
        raise error

    world = World(submit=submit_nothing)
    async with world.browser() as browser:
        answer = await submit(browser, command="sync")
        assert answer.status_code == status
        assert str(error) in answer.text


async def test_the_cookie_is_for_us_alone(browser):
    cookie = (await browser.get("/")).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "set-cookie" not in (await browser.get("/")).headers


@pytest.mark.parametrize("name", ["console.css", "console.js", "coupled.svg"])
async def test_assets_come_from_here(browser, name):
    answer = await browser.get(f"/static/{name}")
    assert answer.status_code == 200
    assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace("HTTP", "")


async def test_what_a_dry_run_has_found_is_listed_by_kind(world, browser):
    world.reader.job_list.append(foretold())
    text = (await browser.get(f"/jobs/{FORETOLD}")).text
    assert f'<a href="/jobs/{FORETOLD}/findings">' in text
    text = (await browser.get(f"/jobs/{FORETOLD}/findings")).text
    assert "99 Lonely" in text
    assert "&lt;Adatum&gt;" in text
    assert 'findings?kind=duplicate">' in text
    text = (await browser.get(f"/jobs/{FORETOLD}/findings", params={"kind": "duplicate"})).text
    assert "99 Lonely" not in text
    assert Strict(text).blocked == []
    assert 'findings?kind=duplicate&amp;offset=50">' in text
    assert (await browser.get("/jobs/12345/findings")).status_code == 404


async def test_a_job_that_found_all_equal_leads_to_no_empty_list(world, browser):
    world.reader.job_list.append(replace(foretold(), total=11, read=12, found={"equal": 6}))
    text = (await browser.get("/jobs/90")).text
    assert "12 of 12 records" in text
    assert "All records" not in text
