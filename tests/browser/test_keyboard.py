"""Who goes through a page by Tab gets to its end, however often the page shows itself anew meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from playwright.sync_api import Browser, Page, expect

from daemon.metrics import Metrics
from schemas.outcome import Outcome
from tests.support.chromium import visit
from tests.support.console import busy_console
from tests.support.strangers import served

_FOCUSED = "() => { const at = document.activeElement; return at.outerHTML.slice(0, 120); }"
_LAST = """() => [...document.querySelectorAll("#live a, #live button, #live summary, #live [tabindex='0']")]
    .filter((each) => each.checkVisibility()).pop() === document.activeElement"""
_MOST = 300


class _Counting(Metrics):
    """Each look at it finds other numbers, so that the page is written anew every time."""

    looks = 0

    def outcomes(self) -> Mapping[Outcome, int]:
        self.looks += 1
        return {Outcome.INSERTED: self.looks}


def _shown_anew(page: Page) -> None:
    """Until the script has looked again, and what it found stands there."""
    page.evaluate("() => { document.getElementById('live').firstElementChild.dataset.before = 'yes'; }")
    page.wait_for_function("() => !document.querySelector('#live [data-before]')")


def test_who_marks_text_is_told_that_the_page_is_held_and_sees_it_go_on_afterwards(browser: Browser) -> None:
    with served(busy_console(metrics=_Counting()).app) as address, visit(browser, address) as page:
        page.goto("/")
        held = page.locator("#stale")
        expect(held).to_be_hidden()
        page.evaluate("() => document.getSelection().selectAllChildren(document.getElementById('needs'))")
        expect(held).to_have_text("Held while you select: what you see may be out of date.")
        page.evaluate("() => document.getSelection().removeAllRanges()")
        expect(held).to_be_hidden()
        _shown_anew(page)
        # What is marked outside of the living part holds nothing.
        page.evaluate("() => document.getSelection().selectAllChildren(document.querySelector('h1'))")
        _shown_anew(page)
        expect(held).to_be_hidden()


@pytest.mark.parametrize("path", ["/"])
def test_tab_reaches_the_last_link_over_refreshes(browser: Browser, path: str) -> None:
    with served(busy_console(metrics=_Counting()).app) as address, visit(browser, address) as page:
        page.goto(path)
        page.locator("#live a").first.focus()
        for presses in range(_MOST):
            if presses in (1, 5):
                before = page.evaluate(_FOCUSED)
                _shown_anew(page)
                assert page.evaluate(_FOCUSED) == before
            if page.evaluate(_LAST):
                break
            page.keyboard.press("Tab")
        else:
            pytest.fail(f"after {_MOST} presses of Tab it is at {page.evaluate(_FOCUSED)}")
        assert presses > 10
