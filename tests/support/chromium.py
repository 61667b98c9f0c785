"""Debian's Chromium, driven by Playwright, and what axe-core says of a page in it. No browser is downloaded."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.support.waiting import AT_LEAST

EXECUTABLE = "/usr/bin/chromium"
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # The same shades and sizes on every machine.
    *("--force-color-profile=srgb", "--hide-scrollbars", "--font-render-hinting=none"),
)
# What is not there by then is a mistake, also on a slow machine.
_MS = 1000 * AT_LEAST
expect.set_options(timeout=_MS)


class ChromiumUnavailable(RuntimeError):
    """There is no browser here; the text is one line: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    name: str
    scheme: Literal["light", "dark"] = "light"
    width: int = 1280
    height: int = 860


LIGHT, DARK, PHONE = Look("light"), Look("dark", "dark"), Look("phone", width=390, height=844)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """One browser, for as long as it is needed. ChromiumUnavailable if the machine has none."""
    executable = os.environ.get("COUPLED_CHROMIUM") or shutil.which("chromium") or EXECUTABLE
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, headless=True, args=list(_ARGUMENTS))
        except Error as error:
            said = str(error).strip().splitlines()[0]
            raise ChromiumUnavailable(f"{executable} does not start (apt install chromium): {said}") from None
        yield browser
        browser.close()


@contextlib.contextmanager
def visit(browser: Browser, address: str, look: Look = LIGHT, sharpness: float = 1) -> Iterator[Page]:
    """A visitor without a past. Whatever the browser complains of, such as what the page's policy forbids, fails."""
    context = browser.new_context(
        base_url=address,
        color_scheme=look.scheme,
        viewport={"width": look.width, "height": look.height},
        device_scale_factor=sharpness,
        locale="en-GB",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    )
    context.set_default_timeout(_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda made: None if made.url.startswith((address, "data:")) else complaints.append(made.url))
    yield page
    context.close()
    assert complaints == []


def turn(page: Page, look: Look) -> None:
    """The same page, looked at differently."""
    page.emulate_media(color_scheme=look.scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": look.width, "height": look.height})


def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical, a line for each element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    told: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in told["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    wider: int = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return max(0, wider)


def cut_off(page: Page) -> dict[str, int]:
    """The tables that are wider than their place, and by how many pixels: what is on the right is not seen."""
    wider: dict[str, int] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".scroll")]
            .filter((each) => each.scrollWidth > each.clientWidth)
            .map((each) => [each.ariaLabel || each.id, each.scrollWidth - each.clientWidth]))"""
    )
    return wider
