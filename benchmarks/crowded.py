"""A store with a great many failed records and couplings. To make so many by synchronising takes hours."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Any

import httpx
from sqlalchemy import insert

from daemon.settings import Settings
from daemon.store.columns import Base
from daemon.store.engine import open_readonly, open_store
from daemon.store.failing import waiting_for
from daemon.store.tables import CouplingReferenceRow, CouplingRow, FailureRow, OwedReferenceRow
from daemon.store.tables_of_history import EndedCountRow, EndedRow, HistoryRow
from daemon.store.tables_of_surveys import FindingRow, PlainFindingRow
from schemas.coupling import Reference
from schemas.outcome import Outcome
from schemas.side import Side
from schemas.survey import Kind

_CHUNK = 5000
# Beyond those that were made by synchronising.
_FIRST = 10_000_000
# The first pages of the console, by their addresses, of a job and a pair.
PAGES = (
    *("/", "/full-sync", "/mappings", "/mappings/CUSTOMER", "/jobs", "/jobs/{job}", "/jobs/{job}/findings"),
    *("/jobs/{job}/records", "/jobs/{job}/records?outcome=modified", "/jobs/{job}/records?outcome=unchanged"),
    *("/jobs/{job}/findings?kind=equal", "/records", "/records?outcome=unchanged"),
    *("/errors", "/errors?mapping=CUSTOMER", "/errors?cause=number-taken", "/blanks", "/dead-letters"),
    *("/couplings", "/couplings?mapping=CUSTOMER", "/couplings/CUSTOMER/{record}"),
)
# What a page may take at most, in milliseconds: as issued, whatever the machine.
LIMIT = 300
_LOOKS = 9
# None that the synchronisation itself has.
_PARTITIONS = (1001, 1002)
# Records of one batch, or pairs of one page.
_BATCH = 500
# Every other failed record has a cause of its own with so many others.
_OF_ONE_CAUSE = 10
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Subjects:
    """A job, and a record that is coupled and both sides have."""

    job: int
    record: str


def subjects(settings: Settings) -> Subjects:
    """Of what has been synchronised so far."""

    async def ask() -> Subjects:
        async with await open_readonly(_url(settings)) as store:
            (job, *_) = [one for one in await store.views.recent_jobs() if one.mapping == "CUSTOMER"]
            (pair,) = await store.views.couplings("CUSTOMER", limit=1)
            return Subjects(job.id, pair.coupling.bc.id)

    return asyncio.run(ask())


def fail(settings: Settings, count: int, job: int) -> None:
    """So many skipped records of the mapping CUSTOMER, half of them in either direction and half of them of one cause,
    all in a job."""
    now = datetime.now(UTC)
    asyncio.run(_fill(_url(settings), FailureRow, (_failure(number, now, job) for number in range(count))))


def find(settings: Settings, count: int, job: int) -> None:
    """So many findings of a job and as many pairs that are equal, as many records that it carried, every other of them
    modified, and that it left as they were, and a tenth as many that went across with a blank."""
    now, url = datetime.now(UTC), _url(settings)
    asyncio.run(_fill(url, FindingRow, (_finding(number, job) for number in range(count))))
    asyncio.run(_fill(url, PlainFindingRow, (_equal(number, job) for number in range(count // _BATCH))))
    asyncio.run(_fill(url, EndedRow, (_unchanged(number, now, job) for number in range(count // _BATCH))))
    asyncio.run(_fill(url, EndedCountRow, _a_day(now)))
    asyncio.run(_fill(url, HistoryRow, (_carried(number, now, job) for number in range(count))))
    asyncio.run(_fill(url, OwedReferenceRow, (_owed(2 * number + 1) for number in range(count // 10))))


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


def pages(web: str, of: Subjects) -> dict[str, float]:
    """What the console takes for each of PAGES, in milliseconds: the median of some."""
    given = {"job": of.job, "record": of.record}
    with httpx.Client(base_url=web, timeout=60) as console:
        return {page: _milliseconds(console, page.format(**given)) for page in PAGES}


def _milliseconds(console: httpx.Client, page: str) -> float:
    return 1000 * statistics.median(_seconds(console, page) for _ in range(_LOOKS))


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


def _failure(number: int, now: datetime, job: int) -> dict[str, Any]:
    from_bc, alone = number % 2 == 0, number % 4 > 1
    cause = f"cause-{number // (4 * _OF_ONE_CAUSE)}-{number % 2}" if alone else "number-taken"
    return {
        "mapping": "CUSTOMER",
        "direction": "to_sales" if from_bc else "to_bc",
        "source_key": f"failing-{number}",
        "bc_id" if from_bc else "sales_id": f"failing-{number}",
        "sales_id" if from_bc else "bc_id": None,
        "outcome": "failed",
        "code": "0x80040237",
        "message": f"Sales refused the record (400): the number of record {number} is taken.",
        "hint": "Correct the record, then retry it.",
        "attempts": 2,
        "transient": False,
        "woken": False,
        "skipped_at": now,
        "first_at": now - timedelta(hours=1),
        "last_at": now - timedelta(milliseconds=number),
        "cause": cause,
        "job_id": job,
    }


def _finding(number: int, job: int) -> dict[str, Any]:
    return {
        "job_id": job,
        "mapping": "CUSTOMER",
        "kind": str(Kind.MATCHED),
        "direction": "both",
        "bc_id": f"{number:08}-aaaa-4bbb-8ccc-0123456789ab",
        "sales_id": f"{number:08}-dddd-4eee-8fff-0123456789ab",
        "label": f"Firm {number}",
        "detail": {"partner": f"Firm {number}"},
    }


def _equal(number: int, job: int) -> dict[str, Any]:
    """So many pairs of a page."""
    first = number * _BATCH
    pairs = [_finding(one, job) for one in range(first, first + _BATCH)]
    records = [[one["bc_id"], one["sales_id"], one["label"]] for one in pairs]
    packed = {"kind": str(Kind.EQUAL), "direction": "both", "number": _BATCH, "records": records}
    return {"job_id": job, "mapping": "CUSTOMER", **packed}


def _unchanged(number: int, now: datetime, job: int) -> dict[str, Any]:
    """So many records of a batch."""
    keys = [f"{one:08}-aaaa-4bbb-8ccc-0123456789ab" for one in range(number * _BATCH, (number + 1) * _BATCH)]
    ended = {"direction": "to_sales", "outcome": "unchanged", "number": _BATCH, "keys": keys}
    return {"at": now, "mapping": "CUSTOMER", "job_id": job, **ended}


def _a_day(now: datetime) -> Rows:
    """Every minute of it, as two workers would count it: each of some mappings, in both directions."""
    last = int(now.timestamp()) // 60
    for minute, mapping, way, outcome, partition in product(
        range(last - 1440, last), ("CUSTOMER", "CONTACTS", "ITEM-PRODUCT"), ("to_sales", "to_bc"), Outcome, _PARTITIONS
    ):
        counted = {"minute": minute, "outcome": outcome.value, "partition": partition, "number": 1}
        yield {"mapping": mapping, "direction": way, **counted}


def _carried(number: int, now: datetime, job: int) -> dict[str, Any]:
    return {
        "at": now,
        "mapping": "CUSTOMER",
        "direction": "to_sales",
        "outcome": "modified" if number % 2 else "inserted",
        "bc_id": f"{number:08}-aaaa-4bbb-8ccc-0123456789ab",
        "sales_id": f"{number:08}-dddd-4eee-8fff-0123456789ab",
        "wrote": ["address1_city"] if number % 2 else [],
        "overruled": {},
        "job_id": job,
    }


def _owed(number: int) -> dict[str, Any]:
    return {
        "mapping": "CONTACTS",
        "direction": "to_sales",
        "source_key": f"{number:08}-aaaa-4bbb-8ccc-0123456789ab",
        "waits_for": waiting_for(Reference("CUSTOMER", Side.BC, "number", f"none-{number}")),
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
