"""An administrator's day, with nothing but the console: one story, told in order, on one daemon and two systems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.chromium import visit
from tests.support.pictures import NAMES, Album
from tests.support.world import World

# Sales takes it, and Business Central does not.
ADDRESS = "ask at the front desk"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("day"), customers=4, poll=1) as world, world.daemon():
        yield world


@pytest.fixture(scope="module")
def page(browser: Browser, world: World) -> Iterator[Page]:
    note = world.note()
    assert note
    with visit(browser, note["web"]) as page:
        yield page


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    """What the console looks like on that day."""
    return Album.wanted(tmp_path_factory.mktemp("pictures"))


def _go(page: Page, title: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=title, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def _row(page: Page, text: str) -> Locator:
    return page.get_by_role("row").filter(has_text=text)


def _of(page: Page, mapping: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile(f"^{mapping}")))


def _done(page: Page) -> None:
    """The command that was just given has ended well, as the page says by itself."""
    expect(page.locator(".notice .pill")).to_have_text("done")


@pytest.fixture(scope="module")
def customer(world: World) -> tuple[str, str, dict[str, Any]]:
    return world.pair(1, "customers", "accounts")


def test_the_set_up_is_checked(page: Page, album: Album) -> None:
    page.goto("/")
    _go(page, "Set-up check")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Nothing to mend.")).to_be_visible()
    expect(_row(page, "Both sides serve every table and field")).to_be_visible()
    album.take(page, "set-up-check")


def test_a_dry_run_shows_what_would_be_done_by_name(page: Page, world: World, album: Album) -> None:
    _go(page, "Full synchronisation")
    page.get_by_role("button", name="Dry run").click()
    looked = page.get_by_role("region", name="Last dry run")
    expect(looked.locator(".run .pill")).to_have_text("done")
    album.take(page, "dry-run")
    looked.get_by_role("row").filter(has_text="CUSTOMER").get_by_role("link").last.click()
    name = sorted(str(row["displayName"]) for row in world.bc.rows("customers"))[0]
    expect(page.get_by_role("cell").filter(has_text=name).first).to_be_visible()


def test_a_full_synchronisation_is_confirmed_followed_and_answered(page: Page, album: Album) -> None:
    _go(page, "Full synchronisation")
    start = page.get_by_role("button", name="Start full synchronisation")
    start.click()  # not without the box: the browser itself points at it
    expect(page).to_have_url(re.compile("/full-sync$"))
    page.get_by_label("I have read the warning").check()
    start.click()
    page.evaluate("() => { window.sameVisit = true; }")
    due = page.get_by_role("alert").filter(has_text="Your answer is due")
    expect(due).to_be_visible()
    running = page.get_by_role("region", name="Synchronisation that waits for an answer")
    jobs = running.get_by_role("rowheader").all_inner_texts()
    assert jobs.index("CURRENCY") < jobs.index("CUSTOMER") < jobs.index("CONTACTS")
    assert page.evaluate("() => window.sameVisit"), "the page was loaded anew to show progress"
    album.take(page, "full-synchronisation")
    due.get_by_role("button", name="Restore").click()
    _done(page)
    expect(_row(page, "restore").filter(has_text="done")).to_be_visible()


def test_a_failed_record_is_found_and_carried_the_other_way(
    page: Page, world: World, customer: tuple[str, str, dict[str, Any]], album: Album
) -> None:
    _, sales, row = customer
    world.sales.edit(sales, emailaddress1=ADDRESS)
    _go(page, "Overview")
    needs = page.get_by_role("listitem").filter(has_text="1 record failed")
    expect(needs).to_be_visible()
    album.take(page, "overview")
    page.locator("main a[href='/records?outcome=inserted']").click()
    expect(page.get_by_role("row").filter(has_text="inserted").first).to_be_visible()
    album.take(page, "records")
    _go(page, "Overview")
    needs.get_by_role("link", name="Look").click()
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.get_by_text(ADDRESS).first).to_be_visible()
    box = page.get_by_role("checkbox", name=re.compile("Choose CUSTOMER"))
    box.check()
    with page.expect_response(lambda answer: answer.request.headers.get("x-fragment") == "1"):
        pass  # the page has looked again meanwhile
    expect(box).to_be_checked()
    page.get_by_text("The ticked BC → Sales …").click()
    page.get_by_role("button", name="Yes, carry the ticked BC → Sales").click()
    _done(page)
    expect(page.get_by_text("No record fails for this cause any more.")).to_be_visible()
    world.shows(world.sales, sales, emailaddress1=row["email"])


def test_a_conflict_is_resolved(
    page: Page, world: World, customer: tuple[str, str, dict[str, Any]], album: Album
) -> None:
    bc, sales, _ = customer
    _go(page, "Mappings")
    page.get_by_role("button", name="Pause CUSTOMER").click()
    _done(page)
    expect(_of(page, "CUSTOMER").get_by_text("paused")).to_be_visible()
    album.take(page, "mappings")
    page.get_by_role("rowheader").get_by_role("link", name="CUSTOMER", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="on_update_conflict")).to_contain_text("merge")
    album.take(page, "mapping")
    _go(page, "Mappings")
    world.bc.edit(bc, city="Aachen")
    world.sales.edit(sales, address1_city="Zwickau")
    page.get_by_role("button", name="Resume CUSTOMER").click()
    _done(page)
    _go(page, "Errors")
    expect(page.get_by_text("Zwickau").first).to_be_visible()
    page.get_by_role("table").get_by_role("link").first.click()
    page.get_by_role("link", name=str(customer[2]["displayName"])).click()
    expect(page.get_by_text("≠ differs").first).to_be_visible()
    album.take(page, "pair")
    page.go_back()
    page.get_by_text("BC → Sales …", exact=True).click()
    with page.expect_response(lambda answer: answer.request.headers.get("x-fragment") == "1"):
        pass  # the page has looked again meanwhile, and what was opened is open
    expect(page.get_by_text("The way back").first).to_be_visible()
    album.take(page, "errors")
    page.get_by_role("button", name="Yes, carry BC → Sales").click()
    _done(page)
    world.shows(world.sales, sales, address1_city="Aachen")
    _go(page, "Errors")
    expect(page.get_by_text("no record waits for anyone")).to_be_visible()
    _go(page, "Synchronisation jobs")
    album.take(page, "jobs")


def test_two_records_are_uncoupled_and_coupled_again(
    page: Page, world: World, customer: tuple[str, str, dict[str, Any]], album: Album
) -> None:
    row = customer[2]
    _go(page, "Couplings")
    album.take(page, "couplings")
    page.keyboard.press("/")
    page.keyboard.type(str(row["displayName"]))
    page.keyboard.press("Enter")
    _of(page, "CUSTOMER").get_by_text("Uncouple …").click()
    page.get_by_role("button", name=f"Yes, uncouple them: {row['displayName']}").first.click()
    _done(page)
    expect(_of(page, "CUSTOMER")).to_have_count(0)
    form = page.get_by_role("region", name="Couple two records")
    form.get_by_role("combobox", name=re.compile("^Mapping")).select_option("CUSTOMER")
    form.get_by_label("Business Central id").fill(row["id"])
    form.get_by_label("Sales id").fill(row["id"])
    form.get_by_role("button", name="Couple", exact=True).click()
    _done(page)
    page.get_by_label("Id or name").fill(row["id"])
    page.keyboard.press("Enter")
    expect(_row(page, str(row["displayName"])).filter(has_text="CUSTOMER").first).to_be_visible()


def test_a_message_nobody_could_read_is_put_back(page: Page, world: World, album: Album) -> None:
    with world.commands() as commands:
        commands.send(b"{no json", b"somebody", topic="bc.items")
    world.quiet()
    _go(page, "Dead letters")
    expect(_row(page, "{no json")).to_have_count(1)
    album.take(page, "dead-letters")
    page.get_by_label("all on this page").check()
    page.get_by_role("button", name="Put back the ticked").click()
    expect(page.get_by_role("status").filter(has_text="put back")).to_be_visible()


def test_every_page_has_been_pictured(album: Album) -> None:
    assert sorted(album.taken) == sorted(NAMES)


def test_the_day_ends_with_both_sides_equal(page: Page, world: World) -> None:
    _go(page, "Overview")
    needs = page.get_by_role("region", name="Needs you now").get_by_role("listitem")
    expect(needs).to_have_text([re.compile("2 messages nobody could read")])  # put back, it was no more readable
    world.quiet()
    assert world.differences() == []
