"""Opens the store: from a URL in the configuration to the parts the daemon is wired with."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import URL, inspect, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine

from daemon.store import connections
from daemon.store.blanks import Blanks
from daemon.store.commands import Commands
from daemon.store.connections import engine_of, is_sqlite
from daemon.store.database import Database
from daemon.store.definitions import Definitions
from daemon.store.ended import Ended
from daemon.store.findings import Findings
from daemon.store.history import History
from daemon.store.jobs import Jobs
from daemon.store.looks import Looks
from daemon.store.memory import SqlMemory
from daemon.store.notified import Notified, Unreadable
from daemon.store.pairs import Pairs
from daemon.store.positions import SqlPositions
from daemon.store.retries import Retries
from daemon.store.revisions import KNOWN, older
from daemon.store.sides import SidesSeen
from daemon.store.standing import Standing
from daemon.store.states import MappingStates
from daemon.store.surveys import Surveys
from daemon.store.tables import CouplingRow
from daemon.store.tallies import Tallies
from daemon.store.trouble import unreachable
from daemon.store.urls import shown
from daemon.store.views import Views
from daemon.store.webhooks import Webhooks
from schemas.errors import ConfigurationError, Refused

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
MEMORY = ":memory:"
HINT = "Write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE."


@dataclass(frozen=True, slots=True)
class Store:
    """Everything durable, opened once per process."""

    database: Database
    memory: SqlMemory
    positions: SqlPositions
    jobs: Jobs
    commands: Commands
    states: MappingStates
    views: Views
    retries: Retries
    blanks: Blanks
    webhooks: Webhooks
    surveys: Surveys
    standing: Standing
    definitions: Definitions
    findings: Findings
    pairs: Pairs
    history: History
    ended: Ended
    notified: Notified
    tallies: Tallies
    unreadable: Unreadable
    sides: SidesSeen
    looks: Looks

    async def close(self) -> None:
        await self.tallies.close()
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def utc_now() -> datetime:
    return datetime.now(UTC)


async def open_store(url: str, *, now: Callable[[], datetime] = utc_now) -> Store:
    """The store, at the current schema. Unreachable, with a hint, if the database cannot be opened; Refused if a newer
    version has been at work in it."""
    # Alembic is slow to import, and the command line, which only reads, never needs it.
    from daemon.store.migrate import migrate

    target = async_url(url)
    await asyncio.to_thread(_probe, target)
    store = _store(target, now)
    try:
        await migrate(store.database)
    except BaseException:
        await store.close()
        raise
    return store


async def open_readonly(url: str, *, now: Callable[[], datetime] = utc_now) -> Store:
    """The store as the command line reads it: nothing is created, migrated or written.

    Refused, with the hint to start the daemon first, if there is no store yet.
    """
    target = async_url(url)
    if is_sqlite(target) and not _is_file(target):
        raise _not_there(target)
    await asyncio.to_thread(_probe, target)
    store = _store(target, now, readonly=True)
    try:
        await _check_schema(store.database, target)
    except BaseException:
        await store.close()
        raise
    return store


def async_url(url: str) -> URL:
    """`sqlite:///x.db` or `postgresql://…` with the driver this program ships. ConfigurationError if unusable."""
    try:
        target = make_url(url)
    except (ArgumentError, ValueError):
        # The cause repeats the URL, and with it the password.
        raise ConfigurationError("store-url", "The store's URL cannot be read.", HINT) from None
    backend = target.drivername.partition("+")[0]
    if backend not in DRIVERS:
        raise ConfigurationError("store-url", f"The store cannot be a {backend!r} database.", HINT)
    target = target.set(drivername=DRIVERS[backend])
    if is_sqlite(target) and (target.database or MEMORY).startswith((MEMORY, "file:")):
        raise ConfigurationError("store-url", "The store must be a file: memory would forget what was applied.", HINT)
    return target


def where(target: URL) -> str:
    """The database, to name it in errors: no password, no options, no driver (promise 10)."""
    return shown(target.set(drivername=target.get_backend_name()))


def _probe(target: URL) -> None:
    """Unreachable if SQLite cannot open the file, or it is something else.

    Asked without aiosqlite: it leaves a thread behind that complains on stderr when it cannot open a file.
    """
    if not is_sqlite(target):
        return
    try:
        with closing(sqlite3.connect(str(target.database), timeout=connections.BUSY_MS / 1000)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise unreachable(where(target), error) from error


def _store(target: URL, now: Callable[[], datetime], readonly: bool = False) -> Store:
    # Without a bound: a worker has as many turns at once as it has mappings, at most.
    turns = None if is_sqlite(target) else create_async_engine(target, pool_size=0, pool_pre_ping=True)
    database = Database(engine_of(target, readonly), where(target), turns)
    views, blanks, ended = Views(database, now), Blanks(database), Ended(database, now)
    return Store(
        database=database,
        memory=SqlMemory(database, now),
        positions=SqlPositions(database, now),
        jobs=Jobs(database, now),
        commands=Commands(database, now),
        states=MappingStates(database),
        views=views,
        retries=Retries(database),
        blanks=blanks,
        webhooks=Webhooks(database),
        surveys=Surveys(database, now),
        standing=Standing(database),
        definitions=Definitions(database),
        findings=Findings(database),
        pairs=Pairs(database),
        history=History(database),
        ended=ended,
        notified=Notified(database),
        tallies=Tallies(views, blanks, ended),
        unreadable=Unreadable(database, now),
        sides=SidesSeen(database, now),
        looks=Looks(database, now),
    )


async def _check_schema(database: Database, target: URL) -> None:
    """What only reads may read a newer schema, which only adds to ours, and not an older one, which lacks something."""
    async with database.read() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table(CouplingRow.__tablename__)):
            raise _not_there(target)
        found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found in KNOWN[:-1]:
        raise older(found)


def _not_there(target: URL) -> Refused:
    said = f"There is no store at {where(target)} yet."
    return Refused("store-missing", said, "Start the daemon first: coupled run.")


def _is_file(target: URL) -> bool:
    return Path(str(target.database)).is_file()
