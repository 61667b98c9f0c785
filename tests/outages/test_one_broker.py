"""Apache Kafka goes away, loses unread messages or a topic while the daemon is at work, or is down: nothing is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from deploy.kafka.run_kafka import ApacheKafka
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def world(broker: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two systems that have lived apart; the tests below go on where the one before ended."""
    with World(tmp_path_factory.mktemp("world"), broker.bootstrap, customers=8) as world:
        yield world


def _unready(world: World) -> str:
    """What /readyz says of why it is not; empty if it is."""
    note = world.note()
    assert note
    answer = httpx.get(f"{note['web']}/readyz", timeout=30)
    return "" if answer.status_code == 200 else answer.text


def test_a_broker_killed_in_a_full_synchronisation_and_started_again_is_gone_on_with(
    world: World, broker: ApacheKafka
) -> None:
    """Promises 1, 2 and 6, and without a restart of the daemon; meanwhile it says what is wrong and what to do."""
    with world.daemon():
        with world.commands() as commands:
            run = commands.command("full-sync", answer="keep")
            commands.until(run, lambda one: any(job["published"] for job in one["jobs"]), 30, "its first page")
        broker.kill()
        world.bc.create("customers", displayName="Born in the dark GmbH", email="dark@bc.example")
        world.sales.create("accounts", name="Dark Ltd", customertypecode=3, emailaddress1="dark@sales.example")
        reason = wait_until(lambda: _unready(world), 60, "/readyz to tell that Kafka is away")
        assert f"kafka: Kafka at {broker.bootstrap} does not answer" in reason
        assert "Is the broker running" in reason
        broker.start()
        with world.commands() as commands:
            assert commands.end(run, timeout=150)["state"] == "done"
        world.expected["customers"] += 2
        wait_until(lambda: not _unready(world), 90, "/readyz to be well again")
        wait_until(lambda: not world.differences(), 60, "both sides to be equal")


@pytest.fixture(scope="module")
def in_step(world: World) -> World:
    """Both sides equal: after the test above, or by a full synchronisation."""
    if world.differences():
        with world.daemon():
            assert world.full_sync()["state"] == "done"
    return world


@contextlib.contextmanager
def _held_up(world: World) -> Iterator[str]:
    """A change of BC is on its topic, and cannot be applied until the end of the block; the account it is for."""
    bc, sales, _ = world.pair(0, "customers", "accounts")
    marks = world.quiet()
    world.sales.arm(status=503, method="PATCH", path="/accounts(", count=10_000)
    world.bc.edit(bc, city=f"Valparaíso {marks[0]}")
    wait_until(lambda: world.sales.writes(marks[1]), 30, "a refused write")
    world.polled(world.marks())
    yield sales
    world.sales.disarm()


def test_unread_messages_that_retention_has_passed_are_read_again(in_step: World, broker: ApacheKafka) -> None:
    """Promises 1 and 5: nothing follows the messages that are gone, and the topic is the one it was."""
    world = in_step
    with contextlib.ExitStack() as stack:
        with world.daemon():
            sales = stack.enter_context(_held_up(world))
        with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
            topic = f"{world.prefix}.bc.customers"
            admin.delete_records({TopicPartition(topic, number): -1 for number in (0, 1)})
    with world.daemon():
        wait_until(lambda: str(world.sales.get(sales)["address1_city"]).startswith("Valpa"), 60, "the change")
        world.quiet()
        assert world.differences() == []


def test_a_topic_that_is_deleted_is_made_anew_and_what_it_held_is_read_again(
    in_step: World, broker: ApacheKafka
) -> None:
    """While the daemon runs, and without a restart of it."""
    world = in_step
    with world.daemon():
        with _held_up(world) as sales, closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
            admin.delete_topics([f"{world.prefix}.bc.customers"])
        wait_until(lambda: str(world.sales.get(sales)["address1_city"]).startswith("Valpa"), 60, "the change")
        bc, _, _ = world.pair(1, "customers", "accounts")
        world.bc.edit(bc, website="www.anew.example")
        wait_until(lambda: not world.differences(), 60, "both sides to be equal")
