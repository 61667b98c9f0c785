"""A store with a great many failed records and couplings. To make so many by synchronising takes hours."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import httpx
from sqlalchemy import insert

from daemon.broker import read_runtime, runtime_file
from daemon.settings import Settings
from daemon.store.columns import Base
from daemon.store.engine import open_readonly, open_store
from daemon.store.tables import CouplingReferenceRow, CouplingRow, FailureRow

_CHUNK = 5000
# Beyond those that were made by synchronising.
_FIRST = 10_000_000
# The first pages of the console, by their addresses.
PAGES = (
    *("/", "/full-sync", "/mappings", "/jobs", "/errors", "/errors?cause=number-taken", "/couplings"),
    "/couplings?mapping=CUSTOMER",
)
_LOOKS = 5
Rows = Iterator[dict[str, Any]]


def fail(settings: Settings, count: int) -> None:
    """So many skipped records of the mapping CUSTOMER, half of them in either direction."""
    now = datetime.now(UTC)
    asyncio.run(_fill(_url(settings), FailureRow, (_failure(number, now) for number in range(count))))


def couple(settings: Settings, count: int) -> None:
    """So many couplings, half of them of customers and half of contacts."""
    now, url = datetime.now(UTC), _url(settings)
    asyncio.run(_fill(url, CouplingRow, (_coupling(number, now) for number in range(count))))
    asyncio.run(_fill(url, CouplingReferenceRow, (_reference(number) for number in range(count))))


def failures(settings: Settings) -> int:
    """How many are open, as the daemon's store tells."""

    async def ask() -> int:
        async with await open_readonly(_url(settings)) as store:
            return sum(row.open for row in await store.views.failure_counts())

    return asyncio.run(ask())


def pages(settings: Settings) -> dict[str, float]:
    """What the console takes for each of PAGES, in milliseconds: the median of some."""
    note = read_runtime(runtime_file(settings.store.url.get_secret_value()))
    assert note
    with httpx.Client(base_url=note["web"], timeout=60) as console:
        return {page: 1000 * statistics.median(_seconds(console, page) for _ in range(_LOOKS)) for page in PAGES}


def _seconds(console: httpx.Client, page: str) -> float:
    started = time.monotonic()
    console.get(page).raise_for_status()
    return time.monotonic() - started


def _url(settings: Settings) -> str:
    return settings.store.address().get_secret_value()


async def _fill(url: str, table: type[Base], rows: Rows) -> None:
    store = await open_store(url)
    while chunk := list(islice(rows, _CHUNK)):
        async with store.database.write() as connection:
            await connection.execute(insert(table), chunk)
    await store.close()


def _failure(number: int, now: datetime) -> dict[str, Any]:
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
        "skipped_at": now,
        "first_at": now - timedelta(hours=1),
        "last_at": now - timedelta(milliseconds=number),
        "cause": "number-taken",
    }


def _mapping(number: int) -> str:
    return "CONTACTS" if number % 2 else "CUSTOMER"


def _coupling(number: int, now: datetime) -> dict[str, Any]:
    name, street = f"Firm {number}", f"{number} High Street"
    return {
        "id": _FIRST + number,
        "mapping": _mapping(number),
        "bc_id": f"{number:08}-aaaa-4bbb-8ccc-0123456789ab",
        "sales_id": f"{number:08}-dddd-4eee-8fff-0123456789ab",
        "bc_version": 'W/"JzE5Ozc2Mzg5MzU4NjE1NTE1MDAwMjM7MDA7Jw=="',
        "sales_version": f'W/"{number}"',
        "bc_sequence": 1,
        "sales_sequence": 1,
        "bc_base": {"displayName": name, "addressLine1": street, "city": "Oslo", "phoneNumber": str(number)},
        "sales_base": {"name": name, "address1_line1": street, "address1_city": "Oslo", "telephone1": str(number)},
        "created_at": now,
        "updated_at": now,
    }


def _reference(number: int) -> dict[str, Any]:
    named = {"side": "bc", "name": "number", "value": f"C{number:08}"}
    return {"coupling_id": _FIRST + number, "mapping": _mapping(number), **named}
