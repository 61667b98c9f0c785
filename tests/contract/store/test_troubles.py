"""A store in trouble: another program's lock, a full disk, a kill in the middle of a write (promises 1 and 6)."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text

from consumers.ports import Applied
from daemon.store import connections
from daemon.store.engine import Store, open_store
from daemon.store.trouble import CONNECTIONS, unreachable
from schemas.errors import Unreachable

from .made import CUSTOMER, NOWHERE, TOPIC, coupled

ROOT = Path(__file__).parents[3]
BATCH = [coupled(f"b{n}", f"s{n}") for n in range(300)]
WRITES_AND_IS_KILLED = """
import asyncio, os, signal, sys
from sqlalchemy import delete, insert
from daemon.store.engine import open_store
from daemon.store.tables import CouplingRow
from daemon.store.tables_begun import SequenceRow

async def main():
    store = await open_store(sys.argv[1])
    async with store.database.write() as connection:
        await connection.execute(delete(CouplingRow))
        # More than SQLite keeps in memory, so that part of the transaction is in its files.
        rows = [{"name": f"{n}-" + "x" * 1000, "last": n} for n in range(4000)]
        await connection.execute(insert(SequenceRow), rows)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_of_a_write_leaves_what_was_committed_before(url: str) -> None:
    store = await open_store(url)
    await store.memory.record(BATCH, Applied(TOPIC, "log-1", {0: 41}))
    await store.close()
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITES_AND_IS_KILLED, url, cwd=ROOT)
    assert await child.wait() == -signal.SIGKILL

    store = await open_store(url)
    assert (await store.views.coupling_counts())[CUSTOMER] == len(BATCH)
    assert (await store.memory.applied(TOPIC, "log-1")).offsets == {0: 41}
    await store.memory.record([coupled("new", "new")], Applied(TOPIC, "log-1", {0: 42}, {0: 41}))
    if url.startswith("sqlite"):
        async with store.database.read() as connection:
            assert (await connection.exec_driver_sql("PRAGMA integrity_check")).scalar() == "ok"
    await store.close()


async def test_without_a_connection_left_it_is_told_and_goes_on_as_soon_as_one_is(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "POOL_SECONDS", 0.1)
    store = await open_store(url)
    async with AsyncExitStack() as busy:
        for _ in range(CONNECTIONS):
            await busy.enter_async_context(store.database.read())
        with pytest.raises(Unreachable, match="all 15 connections of this worker are in use") as caught:
            await store.memory.record(BATCH, Applied(TOPIC, "log-1", {0: 41}))
        assert "answers too slowly" in caught.value.problem.hint
    await _recorded_whole(store)
    await store.close()


def test_how_many_a_worker_uses_is_told_alike_wherever_it_is_told() -> None:
    used = f"uses up to {CONNECTIONS}, and one for each mapping"
    assert used in unreachable("postgresql://h/d", Exception("FATAL: sorry, too many clients already")).problem.hint
    for page in ("operate.md", "scale.md"):
        assert used in (Path(__file__).parents[3] / "docs" / page).read_text(encoding="utf-8"), page


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "coupled.db"


async def test_a_lock_of_another_program_is_told_and_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_MS", 50)
    store = await open_store(f"sqlite:///{file}")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unreachable, match="database is locked") as caught:
        await store.memory.record(BATCH, Applied(TOPIC, "log-1", {0: 41}))
    assert "Another program holds its lock" in caught.value.problem.hint
    assert (await store.memory.applied(TOPIC, "log-1")).offsets == {}, "what only reads goes on"

    other.execute("COMMIT")
    await _recorded_whole(store)
    other.close()
    await store.close()


async def test_a_store_that_another_program_holds_at_the_start_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_MS", 50)
    await (await open_store(f"sqlite:///{file}")).close()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unreachable, match="database is locked") as caught:
        await open_store(f"sqlite:///{file}")
    assert "Another program holds its lock" in caught.value.problem.hint
    other.close()


async def test_a_full_disk_is_told_and_nothing_is_lost(file: Path) -> None:
    """The limit is SQLite's own, and says what a full disk says."""
    store = await open_store(f"sqlite:///{file}")
    await store.memory.record([coupled("b0", "s0")], NOWHERE)
    full = True

    @event.listens_for(store.database.engine.sync_engine, "begin")
    def _limit(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() if full else 1_000_000
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(Unreachable, match="database or disk is full") as caught:
        await store.memory.record(BATCH, Applied(TOPIC, "log-1", {0: 41}))
    assert "Make room on the disk" in caught.value.problem.hint
    assert (await store.views.coupling_counts())[CUSTOMER] == 1
    assert (await store.memory.applied(TOPIC, "log-1")).offsets == {}

    full = False
    await _recorded_whole(store)
    await store.close()


async def _recorded_whole(store: Store) -> None:
    """The same batch again, as the daemon takes it."""
    await store.memory.record(BATCH, Applied(TOPIC, "log-1", {0: 41}))
    assert (await store.views.coupling_counts())[CUSTOMER] == len(BATCH)
    assert (await store.memory.applied(TOPIC, "log-1")).offsets == {0: 41}


async def test_connections_that_lead_to_a_server_without_writes_are_let_go(postgres: str) -> None:
    """After a failover those at hand lead to the old primary for good; only new ones find the new one."""
    store = await open_store(postgres)
    async with store.database.engine.connect() as connection:
        await connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        await connection.commit()
    with pytest.raises(Unreachable, match="read-only") as caught:
        await store.memory.record(BATCH, Applied(TOPIC, "log-1", {0: 41}))
    assert "lead store.url to the primary" in caught.value.problem.hint
    with pytest.raises(Unreachable, match="read-only"):
        await store.database.usable()

    await store.database.usable()
    await _recorded_whole(store)
    await store.close()
