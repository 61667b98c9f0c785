"""`kill -9` at any moment: started again, the daemon completes what it had begun, once (promises 1, 2, 5 and 6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.processes import DaemonProcess, coupled, document
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.e2e
# Where to kill during one full synchronisation: the job that has settled something. One per daemon process.
KILL_POINTS = [("CUSTOMER", "to_sales"), ("CONTACTS", "to_bc"), ("ITEM-PRODUCT", "to_sales")]


def _until_begun(world: World, run: str, point: tuple[str, str]) -> None:
    """Until the job has settled some records, as the outcomes topic tells it."""

    def begun(outcome: dict[str, Any]) -> bool:
        return any((job["mapping"], job["direction"]) == point and job["settled"] for job in outcome["jobs"])

    with world.commands() as commands:
        commands.until(run, begun, 60, f"the kill point {point}")


def test_a_full_synchronisation_killed_three_times_completes_without_duplicates(world: World) -> None:
    with DaemonProcess(world) as daemon:
        run = document(coupled(world, "full-sync", "--yes", "--restore", "--no-wait", "--json"))["run"]
        _until_begun(world, run, KILL_POINTS[0])
        daemon.kill()
    for point in KILL_POINTS[1:]:
        with DaemonProcess(world) as daemon:
            _until_begun(world, run, point)
            daemon.kill()
    with DaemonProcess(world) as daemon:
        with world.commands() as commands:
            assert commands.end(run)["state"] == "done"
            world.quiet()
            assert {job["state"] for job in document(coupled(world, "jobs", "--json"))} == {"finished"}
            assert world.differences() == []
            again = commands.run("full-sync", answer="restore")
        assert {(job["inserted"], job["modified"], job["failed"]) for job in again["jobs"]} == {(0, 0, 0)}
        assert world.differences() == []
        assert daemon.terminate() == 0


@pytest.mark.parametrize("side", ["bc", "sales"])
def test_a_kill_between_a_creation_and_its_record_leaves_one_partner(still: World, side: str) -> None:
    """The write goes through, its answer is lost, and the daemon dies before it can look."""
    world = still
    destination, table = (world.bc, "customers") if side == "bc" else (world.sales, "accounts")
    with DaemonProcess(world) as daemon:
        assert coupled(world, "full-sync", "--yes", "--keep").returncode == 0
        marks = world.quiet()
        method = "POST" if side == "bc" else "PATCH"
        destination.arm(status=503, after_commit=True, method=method, path=f"/{table}", count=1)
        if side == "bc":
            world.sales.create("accounts", name="Born once Ltd", customertypecode=3, emailaddress1="a@once.example")
        else:
            world.bc.create("customers", displayName="Born once GmbH", email="a@once.example")
        since = marks[0] if side == "bc" else marks[1]
        wait_until(lambda: destination.writes(since), 30, "the creation")
        daemon.kill()  # it waits at least a quarter of a second before it looks what became of the write
    world.expected["customers"] += 1
    with DaemonProcess(world) as daemon:
        wait_until(lambda: not world.differences(), 60, "both sides to be equal")
        world.quiet(polls=3)
        assert world.differences() == []
        assert daemon.terminate() == 0


def test_what_was_on_the_log_when_it_was_lost_arrives_nevertheless(world: World) -> None:
    """Captured and published, not yet applied: with the embedded broker the kill takes the whole log with it."""
    with DaemonProcess(world) as daemon:
        assert coupled(world, "full-sync", "--yes", "--restore").returncode == 0
        bc, sales, _ = world.pair(0, "customers", "accounts")
        marks = world.quiet()
        world.sales.arm(status=503, method="PATCH", path="/accounts(", count=10_000)
        world.bc.edit(bc, city="Valparaíso")
        wait_until(lambda: world.sales.writes(marks[1]), 30, "a refused write")
        world.polled(world.marks())
        daemon.kill()
    world.sales.disarm()
    with DaemonProcess(world) as daemon:
        world.shows(world.sales, sales, address1_city="Valparaíso", timeout=60)
        world.quiet()
        assert world.differences() == []
        assert daemon.terminate() == 0
