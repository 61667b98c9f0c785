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


def test_the_page_to_sign_in_hinders_nobody(browser: Browser) -> None:
    guarded = World(access=Access("127.0.0.1", lambda: "let-me-in"))
    with served(guarded.app) as address, visit(browser, address, PHONE) as page:
        page.goto("/")
        assert page.get_by_label("Password").is_visible()
        assert violations(page) == []
        turn(page, DARK)
        assert violations(page) == []
