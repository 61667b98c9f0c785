"""What the daemon costs both sides in requests stays in its budget, and docs/api-cost.md says what it is."""

from __future__ import annotations

import asyncio

import pytest

from tests.support import api_cost
from tests.support.api_cost import Cost


@pytest.fixture(scope="module")
def costs() -> list[Cost]:
    return asyncio.run(api_cost.measure())


def test_no_line_exceeds_its_budget(costs: list[Cost]) -> None:
    assert len(costs) == 14
    assert [one for one in costs if one.found > one.most] == []


def test_everything_that_was_to_be_carried_was(costs: list[Cost]) -> None:
    """A daemon that does nothing is cheap as well."""
    writes = [one.found for one in costs if one.counted == "write parts there"]
    assert writes == [1, 1]
    assert all(one.found >= 10 for one in costs if one.counted.startswith("write requests, "))
    assert all(one.found > 10 for one in costs if "changed records" in one.what)


def test_the_page_says_what_was_measured(costs: list[Cost]) -> None:
    text = api_cost.PAGE.read_text(encoding="utf-8")
    assert api_cost.page(text, costs) == text, "run `make docs`"
