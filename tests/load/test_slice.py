"""A few seconds of `make load`, with services that take a second for every request: the lag shows, and nothing is lost.

That they refuse what is too much, and what the daemon makes of it, is `make load`'s to tell: it takes minutes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.harness import Load, systems
from tests.support.world import EMBEDDED

PER_SECOND, SECONDS = 5, 6


@pytest.mark.timeout(240)
def test_more_than_the_sides_take_is_lag_that_shows_and_no_loss(tmp_path: Path) -> None:
    with Load(tmp_path, EMBEDDED, 36, systems(rate=20, window=300)) as load, load.world.daemon():
        pairs = load.couple()
        load.slow(1.0)
        load.edit(pairs, PER_SECOND, SECONDS, pid=None)
        load.slow(0.0)
        load.drain(None, 120)
        assert load.missing() == []
    assert load.edits > PER_SECOND
    assert max(one.waiting for one in load.samples) > 0
    assert max(one.lag_seconds for one in load.samples) > 0
