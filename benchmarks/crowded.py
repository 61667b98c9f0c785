"""A store full of failed records that wait for a person. To make so many by synchronising takes hours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from daemon.settings import Settings
from daemon.store.engine import Store, open_readonly, open_store
from daemon.store.tables import FailureRow

_CHUNK = 5000


def fill(settings: Settings, count: int) -> None:
    """So many skipped records of the mapping CUSTOMER, half of them in either direction."""
    asyncio.run(_fill(settings.store.address().get_secret_value(), count))


async def _fill(url: str, count: int) -> None:
    store: Store = await open_store(url)
    last = datetime.now(UTC)
    for first in range(0, count, _CHUNK):
        rows = [_row(number, last) for number in range(first, min(first + _CHUNK, count))]
        async with store.database.write() as connection:
            await connection.execute(insert(FailureRow), rows)
    await store.close()


def _row(number: int, last: datetime) -> dict[str, object]:
    from_bc = number % 2 == 0
    return {
        "mapping": "CUSTOMER",
        "direction": "to_sales" if from_bc else "to_bc",
        "source_key": f"failing-{number}",
        "bc_id" if from_bc else "sales_id": f"failing-{number}",
        "sales_id" if from_bc else "bc_id": None,
        "outcome": "failed",
        "code": "0x80040237",
        "message": f"Sales refused the record (400): the number of record {number} is taken.",
        "hint": "Correct the record, then `coupled retry --all`.",
        "attempts": 2,
        "transient": False,
        "woken": False,
        "skipped_at": last,
        "first_at": last - timedelta(hours=1),
        "last_at": last - timedelta(milliseconds=number),
        "cause": "number-taken",
    }


def failures(settings: Settings) -> int:
    """How many are open, as the daemon's store tells."""

    async def ask() -> int:
        store = await open_readonly(settings.store.address().get_secret_value())
        try:
            return sum(row.open for row in await store.views.failure_counts())
        finally:
            await store.close()

    return asyncio.run(ask())
