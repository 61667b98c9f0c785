"""When the brokers of the tests are stopped."""

from pathlib import Path

import pytest

from tests.support.brokers import behind

FLOW, LOG, STORE, RULES = map(Path, ("flow", "log", "store", "rules"))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([(FLOW, True), (LOG, True), (STORE, False), (RULES, False)], {STORE, RULES}),
        # What failed last time comes first.
        ([(RULES, False), (LOG, True), (RULES, False), (FLOW, True), (STORE, False)], {STORE}),
        # A test that is drawn forward takes its file along.
        ([(FLOW, True), (STORE, False), (LOG, True), (STORE, False), (RULES, False)], {RULES}),
        ([(LOG, True), (LOG, False)], set()),
        ([(STORE, False)], {STORE}),
    ],
)
def test_brokers_stay_until_every_test_is_over_that_needs_them(
    order: list[tuple[Path, bool]], expected: set[Path]
) -> None:
    assert behind(order) == expected
