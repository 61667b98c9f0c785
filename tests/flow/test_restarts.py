"""The daemon stops and starts again on the same store; on the embedded broker the whole Kafka log is gone by then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import World

pytestmark = pytest.mark.both_brokers


@pytest.fixture
def world(bootstrap: str, tmp_path: Path) -> World:
    return World(tmp_path, bootstrap)


def test_nothing_is_lost_and_nothing_done_twice_over_a_restart(world: World) -> None:
    with world:
        with world.daemon():
            assert world.full_sync("keep")["state"] == "done"
            bc, sales, _ = world.pair(0, "customers", "accounts")
            world.bc.edit(bc, city="before the stop")
        world.bc.edit(bc, addressLine1="while nobody looked")
        world.sales.edit(sales, telephone1="+1 2")
        world.bc.create("customers", displayName="Born in the night GmbH", email="night@night.example")
        world.sales.create("accounts", name="Night Ltd", customertypecode=3, emailaddress1="ltd@night.example")
        marks = world.marks()
        with world.daemon():
            world.shows(world.sales, sales, address1_city="before the stop", address1_line1="while nobody looked")
            world.shows(world.bc, bc, phoneNumber="+1 2")
            world.expected["customers"] += 2
            world.quiet()
            assert world.differences() == []
            # The telephone number, the new customer; the two fields, in one write or two, the new account.
            assert sum(one.status < 300 for one in world.bc.writes(marks[0])) == 2
            assert sum(one.status < 300 for one in world.sales.writes(marks[1])) in (2, 3)
            again = world.full_sync("restore")
            assert {(job["inserted"], job["modified"]) for job in again["jobs"]} == {(0, 0)}
