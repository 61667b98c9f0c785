"""A browser for each module that looks at pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import ChromiumUnavailable, chromium
from tests.support.real_parts import RealPart

CHROMIUM = RealPart("Browser", ChromiumUnavailable, "COUPLED_REQUIRE_CHROMIUM")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with CHROMIUM.needed(), chromium() as started:
        yield started
