"""One pair: the page, its buttons, and the same as JSON."""

import re

import pytest

from daemon.web.ports import CommandStatus
from schemas.job import RunState
from tests.support.made import BC_ID

from .conftest import NOW
from .test_console import Strict, token

PAGE = f"/couplings/CUSTOMER/{BC_ID}"
ALONE = f"/couplings/ITEM-PRODUCT/{BC_ID}"


@pytest.mark.parametrize("path", [PAGE, ALONE, "/couplings/CUSTOMER/10000"])
async def test_the_page_is_whole_and_needs_nothing_from_elsewhere(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 200
    page = Strict(answer.text)
    assert page.blocked == []
    assert page.open == []


async def test_it_reads_both_sides_once_and_not_every_two_seconds(world, browser):
    answer = await browser.get(PAGE)
    assert world.explained == [("CUSTOMER", BC_ID)]
    assert "data-refresh" not in answer.text
    assert "Read again" in answer.text


async def test_only_its_notice_is_asked_for_again_until_the_command_has_ended(world, browser):
    def followed(text):
        return 'data-follow="/notice?command=c-1"' in text

    assert followed((await browser.get(f"{PAGE}?command=c-1")).text)
    for state in (RunState.ACCEPTED, RunState.RUNNING):
        world.reader.commands["c-1"] = CommandStatus("c-1", "retry", state, NOW)
        told = (await browser.get("/notice?command=c-1", headers={"X-Fragment": "1"})).text
        assert (followed(told), state.value in told, "<html" in told) == (True, True, False)
    world.reader.commands["c-1"] = CommandStatus("c-1", "retry", RunState.DONE, NOW)
    told = (await browser.get("/notice?command=c-1")).text
    assert (followed(told), "done" in told) == (False, True)
    assert len(world.explained) == 1, "the sides are not read for the notice"
    assert not followed((await browser.get(f"{PAGE}?command=c-1")).text)


async def test_a_page_that_refreshes_itself_asks_for_no_notice(browser):
    assert "data-follow" not in (await browser.get("/mappings?command=c-1")).text


async def test_it_says_what_differs_in_words_and_shows_all_three_values(browser):
    text = (await browser.get(PAGE)).text
    assert "city ↔ address1_city was changed on both sides" in text
    differing = re.findall(r'<tr class="differs">.*?</tr>', text, re.DOTALL)
    assert len(differing) == 2
    assert all("≠ differs" in row for row in differing)
    city = next(row for row in differing if "address1_city" in row)
    assert all(value in city for value in ("Bonn", "Köln", "Ulm", "changed in Business Central and Sales"))
    assert "wins: Sales" in next(row for row in differing if "telephone1" in row)
    assert "Müller &amp; &lt;b&gt;Söhne&lt;/b&gt;" in text
    assert "<b>" not in text


async def test_it_tells_the_versions_now_and_last_seen(browser):
    text = (await browser.get(PAGE)).text
    assert text.count("written since") == 2
    assert "as last seen" not in text


async def test_the_reason_stands_there_once_and_the_versions_are_folded(browser):
    text = (await browser.get(PAGE)).text
    assert text.count("nothing is carried because on_update_conflict") == 1
    assert "Sales&#39; telephone1 was changed, and is not carried" in text, "that of another field is told there"
    for side in ("bc", "sales"):
        folded = text[text.index(f'<details id="version-{side}">') :].partition("</details>")[0]
        assert ("Now" in folded, "Last seen" in folded) == (True, True)


async def test_its_history_tells_what_was_written_and_written_over_and_by_which_job(browser):
    text = (await browser.get(PAGE)).text
    history = text[text.index('id="history"') : text.index('id="failures"')]
    modified, inserted = re.findall(r"<tr><td.*?</tr>", history, re.S)
    assert all(part in modified for part in ("modified", "wrote", "was written over", "&lt;b&gt;", "live"))
    assert all(part in inserted for part in ("inserted", 'href="/jobs/4"'))


async def test_it_tells_the_failures_open_and_resolved_with_their_job(browser):
    text = (await browser.get(PAGE)).text
    assert "update-conflict" in text
    assert "lookup-not-coupled" in text
    assert 'href="/jobs/4"' in text


async def test_its_buttons_send_what_they_say(world, browser):
    text = (await browser.get(PAGE)).text
    forms = [
        dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) for form in re.findall(r"<form.*?</form>", text, re.S)
    ]
    sent = [form for form in forms if form.get("records") == BC_ID]
    assert [(form["command"], form.get("use")) for form in sent] == [
        ("retry", "bc"),
        ("retry", "sales"),
        ("retry", None),
        ("uncouple", None),
    ]
    for form in sent:
        answer = await browser.post("/commands", data={**form, "token": await token(browser)})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{PAGE}?command=")
    assert [one.command for one in world.submitted] == ["retry", "retry", "retry", "uncouple"]
    assert "<details" in text[: text.index("Yes, uncouple them")]


async def test_one_without_a_partner_can_be_given_one_and_not_be_uncoupled(browser):
    text = (await browser.get(ALONE)).text
    assert "no partner" in text
    assert 'id="sync-record"' in text
    assert "uncouple-record" not in text
    assert 'id="carry-bc"' not in text


async def test_lists_lead_to_it_by_the_name_of_the_record_where_that_is_known(browser):
    key = "5d115c9c-44e3-ea11-bb43-000d3a0a5d01"
    known = f'<a href="/couplings/CUSTOMER/{key}">Müller &amp; &lt;b&gt;Söhne&lt;/b&gt;</a>'
    for page in ("/errors", "/errors?cause=c0ffee", "/jobs/4"):
        text = (await browser.get(page)).text
        assert known in text, page
        assert re.search(r'<a href="/couplings/CUSTOMER/[^"]*00"><code class="id">5d115c9c', text), page
    first = "5d115c9c-44e3-ea11-bb43-000000000000"
    assert f'<a href="/couplings/CUSTOMER/{first}">Müller &amp; Söhne 0</a>' in (await browser.get("/couplings")).text


@pytest.mark.parametrize(("record", "status", "code"), [("unknown", 404, "record-unknown"), ("away", 503, "no-answer")])
async def test_one_that_is_not_there_and_a_side_that_is_away(browser, record, status, code):
    page = await browser.get(f"/couplings/CUSTOMER/{record}")
    assert page.status_code == status
    assert code in page.text
    answer = await browser.get(f"/api/pairs/CUSTOMER/{record}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


async def test_the_api_tells_the_same(browser):
    told = (await browser.get(f"/api/pairs/CUSTOMER/{BC_ID}")).json()
    assert (told["in_step"], told["why"]) == (False, "conflict")
    city = next(one for one in told["fields"] if one["field"] == "city ↔ address1_city")
    assert (city["bc"], city["sales"], city["changed"]) == (
        {"city": "Bonn"},
        {"address1_city": "Köln"},
        ["bc", "sales"],
    )
    assert [one["does"] for one in told["would"]] == ["conflict", "conflict"]
    paths = (await browser.get("/api/openapi.json")).json()["paths"]
    assert "/api/pairs/{mapping}/{record}" in paths


async def test_it_needs_the_login_like_every_page(guarded):
    async with guarded.browser() as stranger:
        assert (await stranger.get(PAGE)).status_code == 303
        assert (await stranger.get(f"/api/pairs/CUSTOMER/{BC_ID}")).status_code == 401
    assert guarded.explained == []
