"""A store nobody has used, without its migrations: they run once for each kind of database, and their end is copied.

A process of the tests makes hundreds of stores, and to migrate one takes longer than many a test takes to run.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg

from daemon.store.engine import open_store
from tests.support.postgres import newest_binaries

_SQLITE = "sqlite:///"
_FILES: list[bytes] = []
_STATEMENTS: list[str] = []


async def make(url: str) -> None:
    """The store at this URL, where there is an empty database, or no file yet."""
    made = _FILES if url.startswith(_SQLITE) else _STATEMENTS
    if not made:
        await (await open_store(url)).close()
        _keep(url)
    elif url.startswith(_SQLITE):
        _file(url).write_bytes(_FILES[0])
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_STATEMENTS[0].encode())


def _keep(url: str) -> None:
    if url.startswith(_SQLITE):
        _FILES.append(_file(url).read_bytes())
        return
    dump: list[str | Path] = [newest_binaries() / "pg_dump", "--inserts", "--no-owner", url]
    told = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    # What begins with a backslash is for psql.
    _STATEMENTS.append("\n".join(line for line in told.splitlines() if not line.startswith("\\")))


def _file(url: str) -> Path:
    return Path(url.removeprefix(_SQLITE).partition("?")[0])
