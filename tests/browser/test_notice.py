"""A page that stands still follows the command that was given on it, and shows once what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from playwright.sync_api import Browser, expect

from daemon.web.ports import CommandStatus
from schemas.job import RunState
from tests.support.chromium import visit
from tests.support.console import busy_console
from tests.support.strangers import served


def test_a_button_of_a_pair_leads_to_its_outcome_and_both_sides_are_read_once_more(browser: Browser) -> None:
    world = busy_console()
    with served(world.app) as address, visit(browser, address) as page:
        page.goto("/couplings/CUSTOMER/10000")
        page.get_by_role("button", name="Retry", exact=True).click()
        pill = page.locator(".notice .pill")
        expect(pill).to_have_text("accepted")
        (command,) = world.submitted
        said = CommandStatus(command.id, "retry", RunState.RUNNING, datetime.now(UTC))
        world.reader.commands[command.id] = said
        expect(pill).to_have_text("running")
        assert len(world.explained) == 2, "the page itself, before and after the button"
        with page.expect_response(lambda answer: "/couplings/" in answer.url):
            world.reader.commands[command.id] = replace(said, state=RunState.DONE)
            expect(pill).to_have_text("done")
        expect(page.locator("[data-follow]")).to_have_count(0)
        assert len(world.explained) == 3
