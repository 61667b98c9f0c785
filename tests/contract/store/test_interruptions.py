"""Whatever interrupts a write leaves the store whole and usable (promises 1 and 6)."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from consumers.ports import Applied
from daemon.store.engine import Store, open_store
from daemon.store.tables import CouplingRow

from .made import CUSTOMER, NOWHERE, TOPIC, coupled

ROOT = Path(__file__).parents[3]
RECORDS_AND_IS_KILLED = """
import asyncio, os, signal, sys
from consumers.ports import Applied
from daemon.store.engine import open_store

async def main():
    store = await open_store(sys.argv[1])
    await store.memory.record([], Applied("t", "log-1", {0: 41}))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_was_recorded_survives_sigkill(url: str) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", RECORDS_AND_IS_KILLED, url, cwd=ROOT)
    assert await child.wait() == -signal.SIGKILL

    store = await open_store(url)
    assert (await store.memory.applied("t", "log-1")).offsets == {0: 41}
    await store.close()


async def test_a_write_cancelled_between_the_rows_of_a_query_blocks_nobody(tmp_path: Path) -> None:
    """SQLite keeps the transaction of a closed connection as long as anybody has a query of it in hand."""
    store = await open_store(f"sqlite:///{tmp_path / 'coupled.db'}")
    await store.memory.record([coupled("b0", "s0"), coupled("b1", "s1")], NOWHERE)
    in_hand = []

    async def cut_off(connection: AsyncConnection) -> None:
        await connection.execute(delete(CouplingRow))
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver
        in_hand.append(await driver.execute("SELECT 1 UNION SELECT 2"))
        running = asyncio.current_task()
        assert running
        asyncio.get_running_loop().call_soon(running.cancel)
        await connection.execute(select(CouplingRow.bc_id))

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(store.database.transact(cut_off))
    await asyncio.wait_for(store.memory.record([coupled("b2", "s2")], NOWHERE), 5)
    assert (await store.views.coupling_counts())[CUSTOMER] == 3
    await store.close()


async def test_a_cancelled_write_is_undone_and_blocks_nobody(store: Store) -> None:
    batch = [coupled(f"b{n}", f"s{n}") for n in range(200)]
    for turns in range(0, 60, 3):
        writing = asyncio.create_task(store.memory.record(batch, Applied(TOPIC, f"log-{turns}", {0: 1})))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing

    await store.memory.record([coupled("b0", "s0")], NOWHERE)
    assert (await store.views.coupling_counts())[CUSTOMER] in (1, 200)
