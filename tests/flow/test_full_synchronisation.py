"""Full synchronisation through both HTTP APIs and Kafka: complete, in order, and idle when repeated."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.first_run import FirstRun
from tests.support.world import World

pytestmark = pytest.mark.both_brokers

ORDER = [
    ("CURRENCY", "to_sales"),
    ("SALESPEOPLE", "to_bc"),
    ("UNITOFMEASURE", "to_sales"),
    ("CUSTOMER", "to_sales"),
    ("CUSTOMER", "to_bc"),
    ("CONTACTS", "to_sales"),
    ("CONTACTS", "to_bc"),
    ("RESOURCE-PRODUCT", "to_sales"),
    ("RESOURCE-PRODUCT", "to_bc"),
    ("ITEM-PRODUCT", "to_sales"),
    ("ITEM-PRODUCT", "to_bc"),
]
CHANGING = ("inserted", "modified", "deleted", "failed", "conflict", "coupled", "uncoupled")


def test_every_record_in_filter_has_exactly_one_equal_partner(first_run: FirstRun) -> None:
    assert first_run.outcome["state"] == "done", first_run.outcome["error"]
    assert first_run.before
    assert first_run.after == []


def test_jobs_run_in_the_order_of_the_original(first_run: FirstRun) -> None:
    jobs = first_run.outcome["jobs"]
    assert [(job["mapping"], job["direction"]) for job in jobs] == ORDER
    assert {job["state"] for job in jobs} == {"finished"}
    for earlier, later in pairwise(jobs):
        assert earlier["finished"] <= later["started"]


def test_every_published_record_has_one_outcome_and_none_failed(first_run: FirstRun) -> None:
    for job in first_run.outcome["jobs"]:
        assert job["published"] == job["settled"] > 0, job
        assert job["failed"] == job["conflict"] == 0, job


def test_a_second_run_changes_nothing_and_writes_nothing(synced: World) -> None:
    marks = synced.quiet()
    again = synced.full_sync("restore")
    assert again["state"] == "done"
    for job in again["jobs"]:
        assert [job[name] for name in CHANGING] == [0] * len(CHANGING), job
        assert job["unchanged"] == job["published"] > 0
    synced.polled(synced.marks())
    assert synced.bc.writes(marks[0]) == []
    assert synced.sales.writes(marks[1]) == []


def test_it_runs_on_postgresql_as_well(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the daemon notes its addresses when the store is no file
    with World(tmp_path, store=postgres) as world, world.daemon():
        assert world.full_sync("restore")["state"] == "done"
        assert world.differences() == []
