"""What all tests share: brokers, databases, and the closing lines about what could not be run."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import hypothesis
import pytest

from tests.support.brokers import Brokers, behind
from tests.support.postgres import PostgresServer
from tests.support.real_parts import KAFKA, POSTGRES, summary
from tests.support.tries import number

# The same examples at every run, and no verdict on how fast a busy machine is. Others: --hypothesis-profile=default.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=number(100))
hypothesis.settings.load_profile("repeatable")
# kafka-python reads its schemas by an old call, and its threads draw random numbers while hypothesis watches.
_NOISE = (
    "ignore:(read|open)_text is deprecated:DeprecationWarning",
    "ignore:Do not use the `random` module inside strategies:hypothesis.errors.HypothesisDeprecationWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    for warning in _NOISE:
        config.addinivalue_line("filterwarnings", warning)


# What takes longest comes first, so that no process is left with it while the others have nothing more to do.
_FIRST = ("machine", "chaos", "e2e", "outages", "browser", "flow", "mutants", "load", "weather")
_BROKERS = pytest.StashKey[Brokers]()
# The files that come when nobody needs brokers any more.
_BEHIND = pytest.StashKey[frozenset[Path]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    folders = {folder: place for place, folder in enumerate(_FIRST)}
    tests = config.rootpath / "tests"
    items.sort(key=partial(_place, folders, tests, frozenset(item.path for item in items if _on_brokers(item))))
    if os.environ.get("COUPLED_LARGE") == "1":
        return
    for item in items:
        if item.get_closest_marker("large"):
            item.add_marker(pytest.mark.skip(reason="needs minutes: make large"))


def _place(
    folders: Mapping[str, int], tests: Path, on_brokers: Collection[Path], item: pytest.Item
) -> tuple[int, bool]:
    """By folder; of the last folders, those files come first that need brokers."""
    place = folders.get(item.path.relative_to(tests).parts[0], len(folders))
    return place, item.path not in on_brokers


def _on_brokers(item: pytest.Item) -> bool:
    return "brokers" in getattr(item, "fixturenames", ())


def pytest_collection_finish(session: pytest.Session) -> None:
    """The order is final now. But one of several processes is told which file comes next: unless they are handed out in
    this order, brokers stay to the end."""
    beside, reorders = hasattr(session.config, "workerinput"), session.config.getoption("loadscopereorder", True)
    order = [(item.path, _on_brokers(item)) for item in session.items]
    session.config.stash[_BEHIND] = frozenset() if beside and reorders else behind(order)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Brokers that nobody needs any more would only use the machine."""
    known = item.config.stash
    if _BROKERS in known and item.path in known[_BEHIND]:
        known[_BROKERS].stop()
        del known[_BROKERS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in summary():
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def brokers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """The session's brokers, one of each kind, started when first asked for, and stopped when the last has asked."""
    started = Brokers(tmp_path_factory.mktemp("brokers"))
    request.config.stash[_BROKERS] = started
    yield started
    started.stop()


@pytest.fixture(scope="session", params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def kafka(request: pytest.FixtureRequest, brokers: Brokers) -> str:
    """The address of a broker: the embedded one, then Apache Kafka. Tests keep apart by topic names of their own."""
    with KAFKA.needed():
        return brokers.bootstrap(request.param)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL server."""
    with POSTGRES.needed():
        server = PostgresServer()
        server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> str:
    """The SQLAlchemy URL of a new, empty PostgreSQL database."""
    return postgres_server.new_database()
