"""The probes and metrics of a running daemon, at the address that it notes for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import DaemonProcess, coupled
from tests.support.simulators import SECRET
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("world")) as world, DaemonProcess(world):
        yield world


@pytest.fixture(scope="module")
def web(world: World) -> Iterator[httpx.Client]:
    note = world.note()
    assert note
    with httpx.Client(base_url=note["web"], timeout=10) as client:
        yield client


def _samples(web: httpx.Client, name: str) -> dict[tuple[str, ...], float]:
    text = web.get("/metrics").raise_for_status().text
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_the_probes_say_that_it_lives_and_is_ready(web: httpx.Client) -> None:
    assert web.get("/healthz").status_code == 200
    wait_until(lambda: web.get("/readyz").status_code == 200, 20, "readiness")


def test_it_is_not_ready_but_lives_while_a_side_is_away(world: World, web: httpx.Client) -> None:
    wait_until(lambda: web.get("/readyz").status_code == 200, 20, "readiness")
    with world.sales.unseen("accounts"):
        wait_until(lambda: web.get("/readyz").status_code == 503, 60, "the end of readiness")
        assert "accounts" in web.get("/readyz").text
        assert web.get("/healthz").status_code == 200
    wait_until(lambda: web.get("/readyz").status_code == 200, 90, "readiness again")


def test_the_metrics_count_what_was_done(world: World, web: httpx.Client) -> None:
    assert coupled(world, "full-sync", "--yes", "--restore").returncode == 0
    records = _samples(web, "coupled_records_total")
    assert sum(records.values()) > 0
    requests = _samples(web, "coupled_api_requests_total")
    assert sum(requests.values()) > 0
    assert SECRET not in web.get("/metrics").text


def test_the_metrics_show_how_long_an_edit_took(world: World, web: httpx.Client) -> None:
    bc, sales, row = world.pair(0, "customers", "accounts")
    world.quiet()
    before = sum(_samples(web, "coupled_propagation_seconds_count").values())
    world.bc.edit(bc, city="Quito")
    world.shows(world.sales, sales, address1_city="Quito")
    told = web.get(f"/api/pairs/CUSTOMER/{row['number']}").raise_for_status().json()
    assert [told["in_step"], told["bc"]["id"]] == [True, row["id"]]
    assert "In step." in web.get(f"/couplings/CUSTOMER/{row['id']}").raise_for_status().text
    wait_until(lambda: sum(_samples(web, "coupled_propagation_seconds_count").values()) > before, 10, "the metric")


def test_the_console_and_its_api_answer_on_loopback_without_a_login(web: httpx.Client) -> None:
    assert web.get("/", follow_redirects=True).status_code == 200
    answer = web.get("/openapi.json")
    if answer.status_code == 404:
        answer = web.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["paths"]
