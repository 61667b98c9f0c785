"""Bad weather, one kind at a time and all at once: the main job is done in the end, once, and both sides are equal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.main_job import do_it, two_systems
from tests.support.stage import Stage

Fault = dict[str, Any]
_READS = [
    {"method": "GET", "path": f"/{table}"} for table in ("customers", "accounts", "contacts", "items", "products")
]
_WRITES: list[Fault] = [
    {"method": "POST", "path": "/$batch"},
    {"method": "POST", "path": "/customers"},
    {"method": "POST", "path": "/contacts"},
    {"method": "POST", "path": "/items"},
    {"method": "PATCH", "path": "/customers("},
    {"method": "PATCH", "path": "/accounts("},
    {"method": "PATCH", "path": "/contacts("},
    {"method": "PATCH", "path": "/products("},
]
_TOKEN: Fault = {"method": "POST", "path": "/token"}
KINDS: dict[str, list[Fault]] = {
    "429": [{"status": 429}],
    "429 that names a time": [{"status": 429, "retry_after": 7}],
    "500": [{"status": 500}],
    "503 that names a time": [{"status": 503, "retry_after": 3}],
    "502 as a page": [{"kind": "html", "status": 502}],
    "504 after it was applied": [{"status": 504, "after_commit": True}],
    "200 as a page": [{"kind": "html", "status": 200}],
    "200 as a page, applied": [{"kind": "html", "status": 200, "after_commit": True}],
    "cut off before": [{"kind": "drop"}],
    "cut off after it was applied": [{"kind": "drop", "after_commit": True}],
    "cut off before it is applied all the same": [{"kind": "late", "seconds": 400}],
    "half an answer": [{"kind": "truncate", "after_commit": True}],
    "half an answer as a whole one": [{"kind": "half"}],
    "an answer twice": [{"kind": "repeat"}],
    "401 in mid-run": [{"status": 401}],
}
_TOO_SLOW = "too slow, applied"


def _arm(stage: Stage, faults: Sequence[Fault]) -> None:
    for side in (stage.bc, stage.sales):
        for fault in faults:
            side.arm(**fault)


@pytest.mark.parametrize("kind", KINDS)
async def test_one_kind_of_trouble_everywhere(kind: str, tmp_path: Path) -> None:
    faults = [{**where, **what, "count": 2} for what in KINDS[kind] for where in (*_READS, *_WRITES, _TOKEN)]
    async with two_systems(tmp_path) as stage:
        await do_it(stage, lambda: _arm(stage, faults))


async def test_answers_that_come_too_slowly(tmp_path: Path) -> None:
    async with two_systems(tmp_path) as stage:

        def slow() -> None:
            for line in stage.lines.values():
                line.too_slow |= set(range(0, 60, 3))

        await do_it(stage, slow)


@pytest.mark.parametrize("seed", range(4))
async def test_all_of_it_at_random(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    what = [fault for kind in KINDS.values() for fault in kind]
    async with two_systems(tmp_path) as stage:

        def storm() -> None:
            for side in (stage.bc, stage.sales):
                for _ in range(30):
                    where = random.choice((*_READS, *_WRITES, *_WRITES, _TOKEN))
                    side.arm(**where, **random.choice(what), count=random.randint(1, 3))
            for line in stage.lines.values():
                line.too_slow |= set(random.sample(range(200), 10))

        await do_it(stage, storm)
