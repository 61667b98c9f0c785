"""A store on each database: SQLite in a folder of the test, PostgreSQL on the session's real server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from daemon.store.engine import Store, open_store
from tests.support import unused_stores
from tests.support.postgres import PostgresServer

# Opens the same store once more, as a second worker would.
Another = Callable[[], Awaitable[Store]]


class Clock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture(scope="session")
def postgres_database(postgres_server: PostgresServer) -> str:
    """One for all of these tests, emptied before each: making and removing a hundred takes longer than testing."""
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'coupled.db'}"
    database: str = request.getfixturevalue("postgres_database")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return database


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(url: str, clock: Clock) -> AsyncIterator[Store]:
    await unused_stores.make(url)
    opened = await open_store(url, now=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def another(url: str, clock: Clock) -> AsyncIterator[Another]:
    opened: list[Store] = []

    async def start() -> Store:
        opened.append(await open_store(url, now=clock))
        return opened[-1]

    yield start
    for worker in opened:
        await worker.close()
