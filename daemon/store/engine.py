"""Opens the store: from a URL in the configuration to the parts the daemon is wired with."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import orjson
from sqlalchemy import URL, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from daemon.store.blanks import Blanks
from daemon.store.commands import Commands
from daemon.store.database import Database
from daemon.store.definitions import Definitions
from daemon.store.findings import Findings
from daemon.store.history import History
from daemon.store.jobs import Jobs
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
from daemon.store.trouble import CONNECTIONS, unreachable
from daemon.store.urls import shown
from daemon.store.views import Views
from daemon.store.webhooks import Webhooks
from schemas.errors import ConfigurationError, Refused

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
MEMORY = ":memory:"
BUSY_MS = 10_000
# So long one waits for a connection that is free.
POOL_SECONDS = 30.0
# Unless somebody has changed it, for the server, the database or the user.
_COST = "SELECT set_config(name, '1.1', false) FROM pg_settings WHERE name = 'random_page_cost' AND source = 'default'"
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
    notified: Notified
    tallies: Tallies
    unreadable: Unreadable
    sides: SidesSeen

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
    if _is_sqlite(target) and not _is_file(target):
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
    if _is_sqlite(target) and (target.database or MEMORY).startswith((MEMORY, "file:")):
        raise ConfigurationError("store-url", "The store must be a file: memory would forget what was applied.", HINT)
    return target


def where(target: URL) -> str:
    """The database, to name it in errors: no password, no options, no driver (promise 10)."""
    return shown(target.set(drivername=target.get_backend_name()))


def _probe(target: URL) -> None:
    """Unreachable if SQLite cannot open the file, or it is something else.

    Asked without aiosqlite: it leaves a thread behind that complains on stderr when it cannot open a file.
    """
    if not _is_sqlite(target):
        return
    try:
        with closing(sqlite3.connect(str(target.database), timeout=BUSY_MS / 1000)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise unreachable(where(target), error) from error


def _store(target: URL, now: Callable[[], datetime], readonly: bool = False) -> Store:
    # Without a bound: a worker has as many turns at once as it has mappings, at most.
    turns = None if _is_sqlite(target) else create_async_engine(target, pool_size=0, pool_pre_ping=True)
    database = Database(_engine(target, readonly), where(target), turns)
    views, blanks = Views(database, now), Blanks(database)
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
        notified=Notified(database),
        tallies=Tallies(views, blanks),
        unreadable=Unreadable(database, now),
        sides=SidesSeen(database, now),
    )


def _engine(target: URL, readonly: bool) -> AsyncEngine:
    engine = create_async_engine(
        target,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        # Parameters are customers' data; they have no place in an error text.
        hide_parameters=True,
        pool_pre_ping=not _is_sqlite(target),
        # None beyond the pool: those are opened and closed with every use, and each table's capture has its own uses.
        pool_size=CONNECTIONS,
        pool_timeout=POOL_SECONDS,
        max_overflow=0,
        connect_args={"factory": _Connection} if _is_sqlite(target) else {},
    )
    if _is_sqlite(target):
        _tune_sqlite(engine, readonly)
        return engine
    _tune_postgres(engine)
    return engine.execution_options(postgresql_readonly=True) if readonly else engine


def _tune_postgres(engine: AsyncEngine) -> None:
    """Compiling a query costs PostgreSQL more than any of ours takes: it guesses from what it thinks of their cost. And
    it takes a page out of turn for four times as dear, as on disks that turned: to count, it reads whole tables then,
    where an index holds all. An administrator who says otherwise knows better."""

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute("SET jit = off")
            cursor.execute(_COST)
        connection.commit()


class _Connection(sqlite3.Connection):
    """Closing it ends its transaction. Otherwise the statement of a query that was cancelled, as long as Python keeps
    it, would keep the transaction open and everybody else from writing."""

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


def _write_ahead(cursor: Any) -> None:
    """SQLite refuses at once to change a new file's mode while another process does, whatever the busy timeout."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _tune_sqlite(engine: AsyncEngine, readonly: bool) -> None:
    """Pragmas of every connection, and transactions begun by us instead of by Python's driver."""

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        # The driver would begin a transaction only before a write: reads would not be one snapshot.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        if not readonly:
            _write_ahead(cursor)
        # Promise 1 speaks of a killed process: what WAL has committed survives that without a sync per commit.
        # A power cut may cost the last commits, never consistency; capture then resumes from the older position.
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if readonly else 'OFF'}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begun(connection: Any) -> None:
        # A transaction that reads before it writes must hold the write lock from the start: SQLite refuses it later.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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


def _is_sqlite(target: URL) -> bool:
    return target.get_backend_name() == "sqlite"


def _dumps(value: Any) -> str:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()


def _plain(value: Any) -> Any:
    """Read-only mappings and tuples' cousins; anything else is a mistake of ours."""
    if hasattr(value, "items"):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")
