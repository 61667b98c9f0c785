"""What the console tells a person to do, and the buttons for it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from daemon.web.ports import CommandStatus
from schemas.command import Couple, FullSync, Match, Retry, Sync, Uncouple, Verify
from schemas.errors import Problem
from schemas.job import Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Side
from schemas.use import Use

from .conftest import NOW, ago, foretold
from .test_console import submit, token

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
    assert [each["owes"] for each in (await browser.get("/api/mappings")).json()["items"]][3] == OWES


def _buttons(text: str) -> list[str]:
    """Of the rows."""
    rows = text.partition("<tbody>")[2]
    return re.findall(r"<button[^>]*>([^<]+)</button>", rows)


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("update-conflict", ["Retry", "Yes, take BC’s", "Yes, take Sales’"]),
        ("coupled-to-deleted", ["Retry", "Yes, uncouple them"]),
        ("deleted-but-changed", ["Retry", "Yes, uncouple them"]),
        ("value-missing", ["Retry"]),
    ],
)
async def test_an_error_offers_what_helps(world, browser, code, offered):
    problem = Problem(code, "It is not good.", "Mend it.")
    world.reader.failure_list = [replace(world.reader.failure_list[0], problem=problem)]
    assert _buttons((await browser.get("/errors", params={"cause": "deadbeef"})).text) == offered


class Unasked(HTMLParser):
    """What overwrites a side or ends a coupling, by whether it acts at once or stands in what opens first."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.at_once: list[str] = []
        self._open: list[bool] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "details":
            self._open.append(given.get("class") == "sure")
        told = (given.get("name"), given.get("value"))
        if (told[0] in LOSING and tag == "input") or told in (("command", "uncouple"), *(("do", do) for do in LOSE)):
            (self.asked if any(self._open) else self.at_once).append(str(told))

    def handle_endtag(self, tag):
        if tag == "details":
            self._open.pop()


LOSE = ("bc", "sales", "uncouple")
LOSING = ("use", "repair", "all")


@pytest.mark.parametrize(
    "path",
    [
        *("/couplings", "/couplings?mapping=CUSTOMER", "/couplings/CUSTOMER/10000"),
        *("/errors?cause=deadbeef", "/jobs/4", "/mappings"),
    ],
)
@pytest.mark.parametrize("code", ["update-conflict", "coupled-to-deleted"])
async def test_nothing_is_overwritten_or_uncoupled_by_one_click(world, browser, path, code):
    problem = Problem(code, "It is not good.", "Mend it.")
    world.reader.failure_list = [replace(each, problem=problem, job_id=4) for each in world.reader.failure_list]
    page = Unasked((await browser.get(path)).text)
    assert page.asked
    assert page.at_once == []


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


WHOLE = [
    ({"command": "match"}, Match(id="-", command="match", mappings=["CUSTOMER"])),
    ({"command": "verify", "repair": "true"}, Verify(id="-", command="verify", mappings=["CUSTOMER"], repair=True)),
    ({"command": "sync", "all": "true"}, Sync(id="-", command="sync", mappings=["CUSTOMER"], all=True)),
]


@pytest.mark.parametrize(("fields", "meant"), WHOLE)
async def test_what_writes_a_whole_mapping_is_confirmed_first(world, browser, fields, meant):
    page = (await browser.get("/mappings")).text
    assert await submit_as_drawn(browser, page, fields | {"mappings": "CUSTOMER", "confirmed": "yes"})
    (command,) = world.submitted
    assert command.model_copy(update={"id": "-", "requested_by": meant.requested_by}) == meant
    refused = await submit(browser, mappings=["CUSTOMER"], **fields)
    assert (refused.status_code, len(world.submitted)) == (400, 1)
    assert "not-confirmed" in refused.text


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"command": "match", "dry_run": "true"}, Match(id="-", command="match", mappings=["CUSTOMER"], dry_run=True)),
        ({"command": "verify"}, Verify(id="-", command="verify", mappings=["CUSTOMER"])),
    ],
)
async def test_what_only_looks_at_a_mapping_is_one_button(world, browser, fields, meant):
    page = (await browser.get("/mappings")).text
    assert await submit_as_drawn(browser, page, fields | {"mappings": "CUSTOMER"})
    (command,) = world.submitted
    assert command.model_copy(update={"id": "-", "requested_by": meant.requested_by}) == meant


async def submit_as_drawn(browser, page: str, fields: dict[str, str]) -> bool:
    """By the one form of the page that sends just these fields, beside the token and the way back."""
    forms = re.findall(r'<form method="post" action="/commands">(.*?)</form>', page, re.DOTALL)
    sent = [dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)) for form in forms]
    (found,) = [one for one in sent if {**fields, "token": one["token"], "back": one["back"]} == one]
    answer = await browser.post("/commands", data=found)
    return answer.status_code == 303


async def test_what_the_last_dry_run_has_found_is_one_step_away(world, browser):
    assert "Dry run <span" not in (await browser.get("/full-sync")).text
    dry = Run("dry", RunKind.PREVIEW, RunState.DONE, ("CUSTOMER",), created=ago(9), started=ago(9), finished=ago(8))
    world.reader.run_list.insert(0, dry)
    world.reader.job_list.append(foretold())
    for path in ("/full-sync", "/jobs"):
        text = (await browser.get(path)).text
        for kind, told in (("insert", "1 to insert"), ("duplicate", "60 like duplicates")):
            assert f'<a href="/jobs/90/findings?kind={kind}">{told}</a>' in text


@pytest.mark.parametrize(
    ("do", "expected", "use"), [("retry", Retry, None), ("bc", Retry, Side.BC), ("sales", Retry, Side.SALES)]
)
async def test_the_ticked_records_are_retried_or_carried_one_way(world, browser, do, expected, use):
    data = {"token": await token(browser), "mapping": "CUSTOMER", "records": ["b1", "b2"], "do": do}
    answer = await browser.post("/records", data=data | {"back": "/errors?cause=c0ffee"})
    (command,) = world.submitted
    assert answer.headers["location"] == f"/errors?cause=c0ffee&command={command.id}"
    assert isinstance(command, expected)
    assert (command.mappings, command.records, command.use) == (["CUSTOMER"], ["b1", "b2"], use)


async def test_the_ticked_couplings_are_ended(world, browser):
    data = {"token": await token(browser), "mapping": "CUSTOMER", "records": ["b1", "b2"], "do": "uncouple"}
    assert (await browser.post("/records", data=data)).status_code == 303
    (command,) = world.submitted
    assert isinstance(command, Uncouple)
    assert (command.mapping, command.records, command.all) == ("CUSTOMER", ["b1", "b2"], False)


@pytest.mark.parametrize(
    "changed", [{"records": []}, {"do": "drop"}, {"do": ""}, {"mapping": "\0"}, {"records": ["x" * 101]}]
)
async def test_no_ticked_record_or_an_unknown_wish_is_refused(world, browser, changed):
    """A command without records would mean all of them."""
    data = {"token": await token(browser), "mapping": "CUSTOMER", "records": ["b1"], "do": "retry"}
    assert (await browser.post("/records", data=data | changed)).status_code == 400
    assert (await browser.post("/records", data=data | {"token": "0"})).status_code == 403
    assert world.submitted == []


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ("all-bc", {"command": "retry", "mappings": ["CUSTOMER"], "causes": ["c0ffee"], "use": "bc"}),
        ("all-sales", {"command": "retry", "mappings": ["CUSTOMER"], "causes": ["c0ffee"], "use": "sales"}),
        ("all-uncouple", {"command": "uncouple", "mapping": "CUSTOMER", "causes": ["c0ffee"]}),
    ],
)
async def test_a_whole_cause_is_settled_at_once_if_it_is_confirmed(world, browser, button, expected):
    text = (await browser.get("/errors?cause=c0ffee")).text
    (form,) = re.findall(rf'<form (?:(?!</form>).)*id="{button}".*?</form>', text, re.S)
    assert "all 12 records" in form
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert (await browser.post("/commands", data=fields | {"confirmed": ""})).status_code == 400
    assert world.submitted == []
    assert (await browser.post("/commands", data=fields)).status_code == 303
    (command,) = world.submitted
    sent = command.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    assert {name: value for name, value in sent.items() if name not in ("id", "requested_by")} == expected


async def test_a_cause_of_one_record_says_so(browser):
    text = (await browser.get("/errors?cause=deadbeef")).text
    assert "the one record that fails for this cause" in text


async def test_what_was_uncoupled_is_coupled_again_from_its_list(world, browser):
    done = replace(foretold(), found={"uncouple": 60}, counters={Outcome.UNCOUPLED: 60})
    world.reader.job_list.append(done)
    assert f'<a href="/jobs/{done.id}/findings?kind=uncouple">60</a>' in (await browser.get(f"/jobs/{done.id}")).text
    text = (await browser.get(f"/jobs/{done.id}/findings")).text
    (form,) = re.findall(r'<form (?:(?!</form>).)*id="again-b7".*?</form>', text, re.S)
    await browser.post("/commands", data=dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)))
    (command,) = world.submitted
    assert isinstance(command, Couple)
    assert (command.mapping, command.bc_id, command.sales_id, command.use) == ("CUSTOMER", "b7", "s7", Use.NOTHING)


async def test_only_what_was_uncoupled_is_coupled_again(world, browser):
    """A repair may end couplings too; what else it has found is no pair that was one."""
    world.reader.job_list.append(replace(foretold(), counters={Outcome.UNCOUPLED: 3}))
    text = (await browser.get(f"/jobs/{foretold().id}/findings?kind=duplicate")).text
    assert "7 &lt;Adatum&gt;" in text
    assert "Couple again" not in text


async def test_a_notice_leads_to_the_jobs_of_its_run(world, browser):
    world.reader.commands["c-1"] = CommandStatus("c-1", "retry", RunState.RUNNING, NOW, run="c-1")
    assert '<a href="/jobs?run=c-1">its jobs</a>' in (await browser.get("/errors?command=c-1")).text


async def test_two_records_are_coupled_by_a_form(world, browser):
    await submit(browser, command="couple", mapping="CUSTOMER", bc_id="b1", sales_id="s1", use="bc")
    (command,) = world.submitted
    assert isinstance(command, Couple)
    assert (command.mapping, command.bc_id, command.sales_id, command.use) == ("CUSTOMER", "b1", "s1", Use.BC)


async def test_dead_letters_are_listed_and_put_back(world, browser):
    text = (await browser.get("/dead-letters")).text
    assert "{not &lt;json&gt;" in text
    assert 'name="letters" value="7"' in text
    assert 'name="letters" value="8"' not in text
    assert "cannot be put back: it came from elsewhere.orders" in text
    answer = await browser.post("/dead-letters", data={"token": await token(browser), "letters": ["7", "8", "x"]})
    assert "It is coupled.bc.customers-1-99 now." in answer.text
    assert "It stays: no." in answer.text
    assert world.services.letters.chosen == [7, 8]


async def test_no_letter_is_put_back_unasked(world, browser):
    for data, status in (({"letters": ["7"]}, 403), ({"token": await token(browser)}, 400)):
        assert (await browser.post("/dead-letters", data=data)).status_code == status
    assert world.services.letters.chosen == []


async def test_the_set_up_is_checked_when_somebody_asks(browser):
    assert "Not checked since" in (await browser.get("/set-up")).text
    assert (await browser.post("/set-up")).status_code == 403
    assert "Not checked since" in (await browser.get("/set-up")).text
    await browser.post("/set-up", data={"token": await token(browser)})
    text = (await browser.get("/set-up")).text
    assert '<a href="/set-up?state=error">1 to mend</a>' in text
    assert "contacts cannot be written." in text
    assert "→ Give the user the role." in text
    narrowed = (await browser.get("/set-up?state=warning")).text
    assert "in the clear" in narrowed
    assert "contacts cannot be written." not in narrowed


async def test_jobs_are_narrowed_by_state_and_failures(browser):
    numbers = re.compile(r'<td class="n" data-label="Job"><a href="/jobs/(\d+)">')
    for state, expected in (("running", ["5"]), ("failed", ["1"]), ("failures", ["4"]), ("nonsense", list("7654321"))):
        text = (await browser.get("/jobs", params={"state": state})).text
        assert numbers.findall(text) == expected, state
    assert [job["id"] for job in (await browser.get("/api/jobs?failures=true")).json()["items"]] == [4]


async def test_a_mapping_tells_its_last_run_and_its_blanks(world, browser):
    world.reader.mapping_list = [replace(each, blanks=3) for each in world.reader.mapping_list]
    text = (await browser.get("/mappings")).text
    assert '<a href="/jobs/4"><time' in text
    assert '<a href="/blanks?mapping=CUSTOMER">3</a>' in text
    assert '<a href="/blanks">' in (await browser.get("/errors")).text
    assert '<a href="/couplings?mapping=CUSTOMER&amp;text=c-1">' in (await browser.get("/blanks")).text


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("c0ffee", "12 records of CUSTOMER fail BC → Sales lookup-not-coupled"),
        ("deadbeef", "1 record of CONTACTS fails Sales → BC coupled-to-deleted"),
    ],
)
async def test_a_causes_page_says_first_what_fails_and_how_many(browser, cause, said):
    text = (await browser.get("/errors", params={"cause": cause})).text
    head = text[text.index('<h2 id="cause"') : text.index("</code>", text.index('<h2 id="cause"'))]
    assert " ".join(re.sub(r"<[^>]+>", " ", head).split()) == said
    assert text.index('id="cause"') < text.index('id="for-all"')


async def test_the_page_of_a_conflict_says_that_it_is_one_of_both_directions(world, browser):
    clash = Problem("update-conflict", "Both were changed.", "Choose.")
    world.reader.failure_list = [replace(one, problem=clash) for one in world.reader.failure_list]
    text = (await browser.get("/errors?cause=deadbeef")).text
    assert '<span class="faint">BC ↔ Sales</span>' in text
