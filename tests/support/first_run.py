"""The first full synchronisation of a world, kept for the tests to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.world import World


@dataclass(frozen=True)
class FirstRun:
    """What the first full synchronisation of a world said, and left different."""

    world: World
    outcome: dict[str, Any]
    before: list[str]
    after: list[str]
