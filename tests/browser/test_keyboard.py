"""Who goes through a page by Tab gets to its end, however often the page shows itself anew meanwhile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Seen

from daemon.metrics import Metrics
from daemon.store.views import Failure
from daemon.web import create_app
from daemon.web.ports import MappingStatus, Page, Spot
from daemon.web.wanted import Wanted
from schemas.outcome import Outcome
from tests.contract.web.conftest import FakeReader
from tests.support.chromium import visit
from tests.support.console import busy_console
from tests.support.strangers import served

# Without what is in it: that may be another number by now.
_FOCUSED = "() => document.activeElement.cloneNode(false).outerHTML"
_LAST = """() => [...document.querySelectorAll("#live a, #live button, #live summary, #live [tabindex='0']")]
    .filter((each) => each.checkVisibility()).pop() === document.activeElement"""
_MOST = 300


class _Counting(Metrics):
    """Each look at it finds other numbers, so that the page is written anew every time."""

    looks = 0

    def outcomes(self) -> Mapping[Outcome, int]:
        self.looks += 1
        return {Outcome.INSERTED: self.looks}


class _Restless(FakeReader):
    """The same of what it reads."""

    looks = 0

    async def mappings(self) -> Sequence[MappingStatus]:
        self.looks += 1
        return [replace(each, couplings=self.looks) for each in await super().mappings()]

    async def failures(self, wanted: Wanted, offset: int, limit: int, after: Spot | None = None) -> Page[Failure]:
        self.looks += 1
        found = await super().failures(wanted, offset, limit, after)
        return replace(found, items=[replace(each, attempts=self.looks) for each in found.items])


def _restless() -> FastAPI:
    world, reader = busy_console(metrics=_Counting()), _Restless()
    vars(reader).update(vars(world.reader))
    return create_app(replace(world.services, reader=reader))


def _shown_anew(page: Seen) -> None:
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


@pytest.mark.parametrize(
    "path",
    ["/", "/mappings", "/mappings/CUSTOMER", "/errors?cause=c0ffee", "/full-sync", "/couplings/CUSTOMER/10000"],
)
def test_tab_reaches_the_last_link_over_refreshes(browser: Browser, path: str) -> None:
    with served(_restless()) as address, visit(browser, address) as page:
        page.goto(path)
        stands_still = page.locator("#live[data-refresh]").count() == 0
        page.locator("#live a, #live button").first.focus()
        for presses in range(_MOST):
            if presses in (1, 5) and not stands_still:
                before = page.evaluate(_FOCUSED)
                _shown_anew(page)
                assert page.evaluate(_FOCUSED) == before
            if page.evaluate(_LAST):
                break
            page.keyboard.press("Tab")
        else:
            pytest.fail(f"after {_MOST} presses of Tab it is at {page.evaluate(_FOCUSED)}")
        assert presses > 10


@pytest.mark.parametrize("path", ["/", "/mappings", "/couplings/CUSTOMER/10000", "/couplings"])
def test_a_slash_leads_to_the_search_of_couplings_from_anywhere(browser: Browser, path: str) -> None:
    with served(busy_console().app) as address, visit(browser, address) as page:
        page.goto(path)
        page.keyboard.press("/")
        expect(page).to_have_url(re.compile("/couplings(#search)?$"))
        expect(page.get_by_label("Id or name")).to_be_focused()
        page.keyboard.type("a/b")
        expect(page.get_by_label("Id or name")).to_have_value("a/b")


def test_what_is_ticked_stays_as_its_reader_left_it_over_refreshes(browser: Browser) -> None:
    """Also where the page itself comes with other ticks: those of the dry run it shows."""
    with served(_restless()) as address, visit(browser, address) as page:
        page.goto("/full-sync")
        customer, contacts = page.locator("#choose-CUSTOMER"), page.locator("#choose-CONTACTS")
        expect(customer).to_be_checked()
        expect(contacts).not_to_be_checked()
        customer.uncheck()
        contacts.check()
        page.get_by_label("no, exactly as before").check()
        _shown_anew(page)
        expect(customer).not_to_be_checked()
        expect(contacts).to_be_checked()
        expect(page.get_by_label("no, exactly as before")).to_be_checked()
        page.get_by_label("all mappings").check()
        expect(customer).to_be_checked()
