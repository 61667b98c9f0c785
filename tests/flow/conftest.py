"""Worlds for the flow tests: real simulators, a real broker, the daemon in a thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.brokers import Brokers
from tests.support.first_run import FirstRun
from tests.support.kinds import KINDS, address, usual
from tests.support.world import World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bootstrap" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_brokers"):
        metafunc.parametrize("bootstrap", KINDS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def bootstrap(request: pytest.FixtureRequest, brokers: Brokers) -> str:
    """What coupled.yaml names as its broker: the usual one, or each in turn for `both_brokers`."""
    return address(request.param, brokers) if hasattr(request, "param") else usual(brokers)


@pytest.fixture(scope="module")
def first_run(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    """A daemon at work between two systems that lived apart, after a full synchronisation answered with *restore*.

    Of one file: it polls as long as it lives, and would do so beside all tests that follow.
    """
    with World(tmp_path_factory.mktemp("world"), bootstrap, customers=15) as world, world.daemon():
        before = world.differences()
        outcome = world.full_sync("restore")
        yield FirstRun(world, outcome, before, world.differences())


@pytest.fixture
def synced(first_run: FirstRun) -> World:
    """The world of the first run. A test leaves it as it found it: equal on both sides, nothing paused."""
    assert first_run.outcome["state"] == "done", first_run.outcome["error"]
    return first_run.world
