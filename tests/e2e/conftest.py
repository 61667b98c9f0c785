"""Worlds for the end-to-end tests: real simulators, a real broker, and every `coupled` a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.brokers import Brokers
from tests.support.customers import customers_only
from tests.support.kinds import KINDS, address
from tests.support.workers import systems
from tests.support.world import World


@pytest.fixture(scope="session", params=KINDS)
def bootstrap(request: pytest.FixtureRequest, brokers: Brokers) -> str:
    """What coupled.yaml names as its broker: the embedded one, then Apache Kafka."""
    return address(request.param, brokers)


@pytest.fixture
def world(bootstrap: str, tmp_path: Path) -> Iterator[World]:
    """Two systems that have lived apart, and nothing running between them yet."""
    with World(tmp_path, bootstrap) as world:
        yield world


@pytest.fixture
def still(tmp_path: Path) -> Iterator[World]:
    """The same where the kind of broker does not matter: the embedded one is configured."""
    with World(tmp_path) as world:
        yield world


@pytest.fixture
def shared(brokers: Brokers, postgres: str, tmp_path: Path) -> Iterator[World]:
    """Two systems of customers for several workers, on Apache Kafka and PostgreSQL."""
    with World(tmp_path, address("apache", brokers), postgres, customers=40, poll=0.3, systems=systems()) as world:
        customers_only(world)
        world.configure(session=4)  # a busy machine misses a heartbeat now and then
        yield world
