"""Changes in Business Central that arrive by webhook, while nobody would look for an hour (DESIGN 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.flow.test_deletions import DELETE, RESTORE, changed
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.support.world import World

HOUR, BC_DELAY = 3600, 30
ROOTS = ("api/v2.0/subscriptions", "api/coupled/sync/v1.0/subscriptions")
TABLES = {"currencies", "unitsOfMeasure", "customers", "contacts", "items", "resources"}


def subscriptions(world: World) -> list[dict[str, str]]:
    root = world.simulators.places.bc_url
    return [row for path in ROOTS for row in world.bc.get(f"{root}/{path}")["value"]]


def pass_time(world: World, seconds: float) -> None:
    """Business Central tells what has changed half a minute after it has."""
    world.bc.control.post("clock", json={"advance_seconds": seconds}).raise_for_status()


def subscribed(world: World) -> None:
    def told() -> bool:
        return {row["resource"].rpartition("/")[2] for row in subscriptions(world)} == TABLES

    wait_until(told, 30, "a subscription for every table")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Fully synchronised, with webhooks; looks for changes and deletions by itself once an hour."""
    port = free_port()
    with World(tmp_path_factory.mktemp("webhooks"), poll=0.5) as made:
        made.configure(
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            seldom=HOUR,
            mappings=changed(made.folder, "mappings.yaml", RESTORE, DELETE),
        )
        with made.daemon():
            subscribed(made)
            assert made.full_sync("keep")["state"] == "done"
            yield made


def unlooked(world: World, since: int) -> bool:
    """Nobody has looked at customers for changes since."""
    return world.bc.polls(since)["customers"] == 0


def test_an_edit_arrives_though_nobody_polls(world: World) -> None:
    bc, sales, _ = world.pair(0, "customers", "accounts")
    pass_time(world, BC_DELAY)
    since = quiet(world)
    world.bc.edit(bc, addressLine1="Told by webhook")
    assert unlooked(world, since)
    pass_time(world, BC_DELAY)
    world.shows(world.sales, sales, address1_line1="Told by webhook")


def quiet(world: World) -> int:
    """Waits until the customers were not looked at for two seconds: without webhooks they are every half second."""
    moment = datetime.now(UTC)
    mark = world.bc.mark()

    def still() -> bool:
        nonlocal moment, mark
        if not unlooked(world, mark):
            moment, mark = datetime.now(UTC), world.bc.mark()
        return (datetime.now(UTC) - moment).total_seconds() > 2

    wait_until(still, 60, "polling to become seldom")
    return mark


def test_a_deletion_arrives_though_nobody_looks_for_deletions(world: World) -> None:
    bc, sales, _ = world.pair(1, "contacts", "contacts")
    since = quiet(world)
    world.bc.delete(bc)
    pass_time(world, BC_DELAY)
    wait_until(lambda: world.sales.http.get(sales).status_code == 404, 30, "the partner to go")
    read = [entry.path for entry in world.bc.log(since) if entry.table == "contacts" and entry.method == "GET"]
    assert [path for path in read if "filter" not in path] == [], "only the record that was named"


def test_the_console_and_the_metrics_tell_of_the_subscriptions(world: World) -> None:
    note = world.note()
    assert note
    page = httpx.get(f"{note['web']}/").raise_for_status().text
    assert "Webhooks for 6 of 6 tables." in page

    metric = 'coupled_webhook_subscriptions{state="active",table="customers"} 1.0'

    def told() -> bool:
        return metric in httpx.get(f"{note['web']}/metrics").text

    wait_until(told, 10, "the metric")


def test_who_does_not_know_the_secret_makes_nobody_look(world: World) -> None:
    since = quiet(world)
    entry = {"clientState": "a guess", "changeType": "updated", "resource": "api/v2.0/companies(x)/customers"}
    answer = httpx.post(f"{world.settings.business_central.webhooks.receiver}", json={"value": [entry]})
    assert answer.status_code == 202
    quiet(world)
    assert unlooked(world, since)
