"""Connections to the database: the engine, and what each connection is told when it is made."""

import sqlite3
import time
from contextlib import closing, suppress
from typing import Any

import orjson
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from daemon.store.trouble import CONNECTIONS

# So long one waits for SQLite's lock, and for a connection that is free.
BUSY_MS, POOL_SECONDS = 10_000, 30.0
# Unless somebody has changed it, for the server, the database or the user.
_COST = "SELECT set_config(name, '1.1', false) FROM pg_settings WHERE name = 'random_page_cost' AND source = 'default'"


def is_sqlite(target: URL) -> bool:
    return target.get_backend_name() == "sqlite"


def engine_of(target: URL, readonly: bool) -> AsyncEngine:
    """With `readonly` every connection refuses to write."""
    engine = create_async_engine(
        target,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        # Parameters are customers' data; they have no place in an error text.
        hide_parameters=True,
        pool_pre_ping=not is_sqlite(target),
        # None beyond the pool: those are opened and closed with every use, and each table's capture has its own uses.
        pool_size=CONNECTIONS,
        pool_timeout=POOL_SECONDS,
        max_overflow=0,
        connect_args={"factory": _Connection} if is_sqlite(target) else {},
    )
    if is_sqlite(target):
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
        # A power cut must not cost the last commits either: an intent that was forgotten is a record that is created
        # twice (promise 2). A batch commits a few times, and half a millisecond each is nothing beside its requests.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if readonly else 'OFF'}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begun(connection: Any) -> None:
        # A transaction that reads before it writes must hold the write lock from the start: SQLite refuses it later.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _dumps(value: Any) -> str:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()


def _plain(value: Any) -> Any:
    """Read-only mappings and tuples' cousins; anything else is a mistake of ours."""
    if hasattr(value, "items"):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")
