"""A cluster of three nodes loses the leader of what the daemon works on: nothing is lost, and nothing is restarted.

Three brokers are more than the everyday run can afford: `make large`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.kafka.cluster import KafkaCluster
from tests.support.real_parts import KAFKA
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = [pytest.mark.kafka, pytest.mark.large, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with KAFKA.needed(), KafkaCluster(brief=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def world(cluster: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("world"), cluster.bootstrap, customers=8) as world:
        world.configure(guarded=", replication_factor: 3", session=6)
        yield world


def test_the_leader_of_a_topic_that_is_worked_on_is_killed(world: World, cluster: KafkaCluster) -> None:
    """Promises 1, 2, 3 and 6: in a full synchronisation, and again with edits on both sides."""
    with world.daemon():
        with world.commands() as commands:
            run = commands.command("full-sync", answer="keep")
            commands.until(run, lambda one: any(job["published"] for job in one["jobs"]), 60, "its first page")
            first = cluster.leader_of(f"{world.prefix}.bc.customers", 0)
            cluster.kill(first)
            assert commands.end(run, timeout=240)["state"] == "done"
        wait_until(lambda: not world.differences(), 90, "both sides to be equal")
        cluster.restart(first)

        bc, sales, _ = world.pair(0, "customers", "accounts")
        second = cluster.leader_of(f"{world.prefix}.bc.customers", 1)
        world.bc.edit(bc, website="www.leader.example")
        cluster.kill(second)
        world.sales.edit(sales, telephone1="+31 3")
        world.bc.create("customers", displayName="Elected GmbH", email="elected@bc.example")
        world.expected["customers"] += 1
        wait_until(lambda: not world.differences(), 120, "both sides to be equal")
        assert world.bc.get(bc)["phoneNumber"] == "+31 3"
