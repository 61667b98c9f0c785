"""Full synchronisation while a side refuses, or takes a write and drops the line: complete, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import World

# What a fault hits: on Sales every write of a batch is a part of its own, on BC a batch can fail as a whole too.
STORM: list[tuple[str, dict[str, Any]]] = [
    ("sales", {"status": 503, "method": "PATCH", "path": "/accounts(", "count": 20}),
    ("sales", {"status": 503, "method": "PATCH", "path": "/contacts(", "count": 25}),
    ("sales", {"status": 503, "method": "PATCH", "path": "/products(", "count": 2}),
    ("bc", {"status": 503, "method": "POST", "path": "/$batch", "count": 2}),
    ("bc", {"status": 503, "method": "POST", "path": "/contacts", "count": 10}),
]
LOST_ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("sales", {"kind": "drop", "after_commit": True, "method": "POST", "path": "/$batch", "count": 2}),
    ("sales", {"status": 503, "after_commit": True, "method": "PATCH", "path": "/contacts(", "count": 5}),
    ("sales", {"kind": "truncate", "after_commit": True, "method": "POST", "path": "/$batch", "count": 1}),
    ("bc", {"kind": "drop", "after_commit": True, "method": "POST", "path": "/$batch", "count": 2}),
    ("bc", {"status": 503, "after_commit": True, "method": "POST", "path": "/customers", "count": 3}),
    ("bc", {"status": 503, "after_commit": True, "method": "POST", "path": "/contacts", "count": 3}),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        yield world


def _arm(world: World, faults: list[tuple[str, dict[str, Any]]]) -> None:
    for side, fault in faults:
        (world.bc if side == "bc" else world.sales).arm(**fault)


def _all_used(world: World) -> bool:
    return not world.bc.armed() and not world.sales.armed()


def test_a_storm_of_refusals_delays_a_full_synchronisation_and_harms_nothing(world: World) -> None:
    with world.daemon():
        _arm(world, STORM)
        outcome = world.full_sync("restore")
        assert outcome["state"] == "done", outcome
        assert _all_used(world)
        assert world.differences() == []
        assert [(job["failed"], job["conflict"]) for job in outcome["jobs"]] == [(0, 0)] * len(outcome["jobs"])


def test_answers_lost_after_the_write_lead_to_no_duplicates(world: World) -> None:
    with world.daemon():
        _arm(world, LOST_ANSWERS)
        outcome = world.full_sync("restore")
        assert outcome["state"] == "done", outcome
        assert _all_used(world)
        assert world.differences() == []
        assert world.full_sync("restore")["state"] == "done"
        assert world.differences() == []


def test_a_live_write_whose_answer_is_lost_is_not_repeated_blindly(synced: World) -> None:
    bc, sales, _ = synced.pair(8, "customers", "accounts")
    synced.quiet()
    synced.sales.arm(kind="drop", after_commit=True, method="PATCH", path="/accounts(")
    synced.bc.edit(bc, city="Perth")
    synced.shows(synced.sales, sales, address1_city="Perth")
    synced.bc.arm(kind="drop", after_commit=True, method="PATCH", path="/customers(")
    synced.sales.edit(sales, telephone1="+61 8")
    synced.shows(synced.bc, bc, phoneNumber="+61 8")
    marks = synced.quiet()
    assert synced.differences() == []
    assert synced.cli("errors", "--all") == []
    synced.bc.edit(bc, city="Adelaide")
    synced.shows(synced.sales, sales, address1_city="Adelaide")
    synced.quiet()
    assert len(synced.sales.writes(marks[1])) == 1
