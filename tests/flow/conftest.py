"""Worlds for the flow tests: real simulators, a real broker, the daemon in a thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.brokers import Brokers
from tests.support.first_run import FirstRun
from tests.support.kinds import KINDS, address
from tests.support.world import World


@pytest.fixture(scope="session", params=KINDS)
def bootstrap(request: pytest.FixtureRequest, brokers: Brokers) -> str:
    """What coupled.yaml names as its broker: the embedded one, then Apache Kafka."""
    return address(request.param, brokers)


@pytest.fixture(scope="session")
def first_run(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    """A daemon at work between two systems that lived apart, after a full synchronisation answered with *restore*."""
    with World(tmp_path_factory.mktemp("world"), bootstrap) as world, world.daemon():
        before = world.differences()
        outcome = world.full_sync("restore")
        yield FirstRun(world, outcome, before, world.differences())


@pytest.fixture
def synced(first_run: FirstRun) -> World:
    """The world of the first run. A test leaves it as it found it: equal on both sides, nothing paused."""
    assert first_run.outcome["state"] == "done", first_run.outcome["error"]
    return first_run.world
