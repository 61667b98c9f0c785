"""Every page of the console, with all that may stand on it, in light, dark and on a phone: axe-core finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from daemon.web import Access
from tests.contract.web.conftest import World
from tests.support.chromium import DARK, LIGHT, PHONE, cut_off, overflow, turn, violations, visit
from tests.support.console import PAGES, busy_console
from tests.support.strangers import served


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with served(busy_console().app) as address, visit(browser, address) as page:
        yield page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_hinders_nobody(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer
    assert answer.status == 200
    found = {}
    for look in (LIGHT, DARK, PHONE):
        turn(page, look)
        found[look.name] = violations(page)
    assert found == {name: [] for name in found}
    assert overflow(page) == 0, "the page is wider than a phone"
    assert cut_off(page) == {}, "what stands on the right of a table is not seen on a phone"
    turn(page, LIGHT)


@pytest.mark.parametrize("path", ["/mappings", "/errors?cause=c0ffee"])
def test_what_opens_hinders_nobody_either(page: Page, path: str) -> None:
    page.goto(path)
    found = {}
    for look in (LIGHT, PHONE):
        turn(page, look)
        # One after the other, as a person does: a table has no room for all menus at once.
        for each in page.locator("main details").all()[:8]:
            page.evaluate("() => { for (const one of document.querySelectorAll('main details')) one.open = false; }")
            each.evaluate(
                "(one) => { for (let at = one; at; at = at.parentElement?.closest('details')) at.open = true; }"
            )
            found[look.name, each.get_attribute("id")] = violations(page) + [str(one) for one in cut_off(page).items()]
    assert len(found) >= 8
    assert found == {name: [] for name in found}


def test_the_page_to_sign_in_hinders_nobody(browser: Browser) -> None:
    guarded = World(access=Access("127.0.0.1", lambda: "let-me-in"))
    with served(guarded.app) as address, visit(browser, address, PHONE) as page:
        page.goto("/")
        assert page.get_by_label("Password").is_visible()
        assert violations(page) == []
        turn(page, DARK)
        assert violations(page) == []
