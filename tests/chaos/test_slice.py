"""A minute of `make chaos`: as many kills as it holds, at steps of all kinds and at any moment."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random, randrange

from tests.chaos.harness import Harness
from tests.chaos.steps import STEPS
from tests.chaos.worlds import Lot, steps
from tests.support.world import EMBEDDED

_SECONDS = 60.0


def test_a_minute_of_kills_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    lot = Lot(randrange(10**6), len(STEPS), EMBEDDED)
    print(f"{lot.again} lives through the same steps and edits for longer")
    until = time.monotonic() + _SECONDS
    with Harness(tmp_path, lot.seed, lot.bootstrap) as harness:
        for step in steps(Random(lot.seed), lot.kills):
            harness.kill(step)
            if time.monotonic() > until:
                break
        harness.check()
    assert harness.kills.total() >= 1
