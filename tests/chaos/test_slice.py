"""A minute of `make chaos`: as many kills as it holds, at steps of all kinds."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random, randrange

from tests.chaos.__main__ import steps
from tests.chaos.harness import Harness
from tests.chaos.steps import STEPS

_SECONDS = 60.0


def test_a_minute_of_kills_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    seed = randrange(10**6)
    print(f"make chaos ARGS='--seed {seed}' runs the same steps and edits for longer")
    until = time.monotonic() + _SECONDS
    with Harness(tmp_path, seed) as harness:
        for step in steps(Random(seed), len(STEPS)):
            harness.kill(step)
            if time.monotonic() > until:
                break
        harness.check()
    assert harness.kills.total() >= 1
