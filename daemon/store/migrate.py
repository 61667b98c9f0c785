"""Brings the database to the schema this program was written for."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from daemon.store.database import Database
from daemon.store.revisions import KNOWN, newer

# Any number no other program on the same PostgreSQL database locks: "coupled" in ASCII.
LOCK = int.from_bytes(b"coupled")


def config(connection: Connection) -> Config:
    """Alembic's configuration, complete without an alembic.ini, so that the wheel carries all it needs."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    found = MigrationContext.configure(connection).get_current_revision()
    if found and found not in KNOWN:
        raise newer(found)
    if found == KNOWN[-1]:  # Alembic would read all its files to find that out
        return
    command.upgrade(config(connection), "head")


async def migrate(database: Database) -> None:
    """`alembic upgrade head` in one transaction that only one process can be in: two may start together.

    Refused, with nothing changed, if a newer version of this program has been here: we may not understand what that
    one writes. On PostgreSQL the transaction holds an advisory lock, on SQLite the write lock; both are gone with the
    process.
    """
    async with database.write() as connection:
        await connection.run_sync(_upgrade)


async def downgrade(database: Database, revision: str = "base") -> None:
    """Back to an older schema, with what it cannot hold: for an operator's hand, never called by the daemon."""
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.downgrade(config(sync), revision))
