"""Many pages: what changes meanwhile loses nothing and repeats nothing, none are held, and only what is mapped is asked
for (wire-protocols A3, B3, C11, D25, D109)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from daemon.sides import Sides
from producers.business_central import BusinessCentralSweep, ModifiedSource
from producers.dataverse import DataverseSweep, DeltaSource
from producers.deletions import Seen, TableIds
from producers.ports import Page, Position
from producers.watermark import EPOCH, Overlap
from schemas.change import Change, Op
from schemas.filters import Filter
from schemas.job import Job
from schemas.side import Direction, Side
from tests.contract.clients.client_support import (
    COMPANY,
    CUSTOMER,
    GUID,
    MAPPINGS,
    NOW_MS,
    Script,
    Ticker,
    bc,
    columns,
    json,
    sales,
    scripted,
)

BC_ROOT, SALES_ROOT = f"api/v2.0/companies({COMPANY})", "api/data/v9.2"
Meanwhile = Callable[[int], Awaitable[None]]
Read = Callable[[Position | None], Awaitable[Page]]


def bc_row(number: int, **values: Any) -> dict[str, Any]:
    row = {"id": GUID.format(number), "number": f"C{number:05d}", "displayName": f"Customer {number}"}
    return row | {"lastModifiedDateTime": "2026-01-01T00:00:00Z", **values}


def account(number: int) -> dict[str, Any]:
    return {"accountid": GUID.format(number), "name": f"Account {number}", "customertypecode": 3}


def bc_writes(client: httpx.AsyncClient, ticker: Ticker) -> Meanwhile:
    """Between two pages a record that was read is edited, and one that was not; one is new, and one goes."""

    async def write(page: int) -> None:
        ticker.seconds += 1
        match = {"If-Match": "*"}
        for number in (page * 3, 40 - page):
            values = {"displayName": f"Edited {page}"}
            done = await client.patch(f"{BC_ROOT}/customers({GUID.format(number)})", json=values, headers=match)
            done.raise_for_status()
        new = {"displayName": f"New {page}", "number": f"A{page:05d}"}
        (await client.post(f"{BC_ROOT}/customers", json=new)).raise_for_status()
        gone = f"{BC_ROOT}/customers({GUID.format(page * 3 + 1)})"
        (await client.delete(gone, headers=match)).raise_for_status()

    return write


def sales_writes(client: httpx.AsyncClient, ticker: Ticker) -> Meanwhile:
    async def write(page: int) -> None:
        ticker.seconds += 1
        for number in (page * 3, 40 - page):
            path = f"{SALES_ROOT}/accounts({GUID.format(number)})"
            (await client.patch(path, json={"name": f"Edited {page}"})).raise_for_status()
        (await client.post(f"{SALES_ROOT}/accounts", json={"name": f"New {page}"})).raise_for_status()
        (await client.delete(f"{SALES_ROOT}/accounts({GUID.format(page * 3 + 1)})")).raise_for_status()

    return write


async def pages_of(read: Read, position: Position | None, meanwhile: Meanwhile) -> tuple[list[Page], Position]:
    """All pages, with writes after each of the first four."""
    pages: list[Page] = []
    more = True
    while more:
        pages.append(await read(position))
        position, more = pages[-1].position, pages[-1].more
        if len(pages) <= 4:
            await meanwhile(len(pages) - 1)
    assert position is not None
    return pages, position


def told(pages: list[Page]) -> list[Change]:
    return [change for page in pages for change in page.changes]


STAYING = {GUID.format(number) for number in range(41)} - {GUID.format(page * 3 + 1) for page in range(4)}


def check_sweep(pages: list[Page]) -> None:
    keys = [change.key for change in told(pages)]
    assert len(keys) == len(set(keys)), "none twice"
    assert set(keys) >= STAYING, "none left out"
    assert len(pages) > 10


async def test_d_025_a_sweep_of_business_central_under_writes_has_every_record_once() -> None:
    ticker = Ticker()
    async with bc(ticker, customers=[bc_row(number) for number in range(41)]) as client:
        select = columns(Side.BC, "CUSTOMER")
        sweep = BusinessCentralSweep(
            client, COMPANY, CUSTOMER.bc, select, job=(7, "CUSTOMER"), now_ms=lambda: NOW_MS, page_size=3
        )
        pages, _ = await pages_of(sweep.read, None, bc_writes(client, ticker))
    check_sweep(pages)


async def test_c_011_a_sweep_of_sales_under_writes_has_every_record_once() -> None:
    ticker = Ticker()
    async with sales(ticker, accounts=[account(number) for number in range(41)]) as client:
        select = columns(Side.SALES, "CUSTOMER")
        sweep = DataverseSweep(client, CUSTOMER.sales, select, job=(7, "C"), now_ms=lambda: NOW_MS, page_size=3)
        pages, _ = await pages_of(sweep.read, None, sales_writes(client, ticker))
    check_sweep(pages)


async def test_d_109_changes_of_sales_under_writes_end_as_the_records_are() -> None:
    ticker = Ticker()
    async with sales(ticker, accounts=[account(number) for number in range(41)]) as client:
        reader = DeltaSource(
            client, CUSTOMER.sales, columns(Side.SALES, "CUSTOMER"), now_ms=lambda: NOW_MS, page_size=3
        )
        position = await reader.start()
        for number in range(41):
            (await client.patch(f"{SALES_ROOT}/accounts({GUID.format(number)})", json={"fax": "1"})).raise_for_status()
        pages, position = await pages_of(reader.read, position, sales_writes(client, ticker))
        more = [await reader.read(position)]
        while more[-1].more:
            more.append(await reader.read(more[-1].position))
        there = (await client.get(f"{SALES_ROOT}/accounts?$select=name")).json()["value"]
    last = {change.key: change for change in told(pages) + told(more)}
    names = {key: (change.after or {})["name"] for key, change in last.items() if change.op is not Op.DELETE}
    assert names == {row["accountid"]: row["name"] for row in there}
    versions = [(change.key, change.version) for change in told(pages) if change.op is not Op.DELETE]
    assert len(versions) == len(set(versions))


async def test_changes_of_business_central_under_writes_end_as_the_records_are_each_version_once() -> None:
    ticker = Ticker()
    async with bc(ticker, customers=[bc_row(number) for number in range(41)]) as client:
        select, overlap = columns(Side.BC, "CUSTOMER"), Overlap(600, ticker.clock)
        source = ModifiedSource(
            client, COMPANY, CUSTOMER.bc, select, now_ms=lambda: NOW_MS, overlap=overlap, page_size=3
        )
        pages, position = await pages_of(source.read, {"watermark": EPOCH}, bc_writes(client, ticker))
        more = [await source.read(position)]
        there = (await client.get(f"{BC_ROOT}/customers?$select=id,displayName")).json()["value"]
    changes = told(pages) + told(more)
    versions = [(change.key, change.version) for change in changes]
    assert len(versions) == len(set(versions))
    last = {change.key: (change.after or {})["displayName"] for change in changes}
    assert {row["id"]: last.get(row["id"]) for row in there} == {row["id"]: row["displayName"] for row in there}


ROWS_A_PAGE = 500


def endless(side: Side, pages: int) -> Callable[[httpx.Request], httpx.Response]:
    """A table of so many pages, made as they are asked for."""
    key = {Side.BC: "id", Side.SALES: "accountid"}[side]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return json(200, {"access_token": "token", "expires_in": 3599})
        page = int(parse_qs(urlsplit(str(request.url)).query).get("page", ["0"])[0])
        rows = [{key: GUID.format(page * ROWS_A_PAGE + n), "name": "x" * 200} for n in range(ROWS_A_PAGE)]
        link = str(request.url.copy_with(query=f"page={page + 1}".encode()))
        return json(200, {"value": rows} | ({"@odata.nextLink": link} if page + 1 < pages else {}))

    return answer


async def swept(client: httpx.AsyncClient, side: Side) -> int:
    mapped = columns(side, "CUSTOMER")
    if side is Side.SALES:
        read = DataverseSweep(client, CUSTOMER.sales, mapped, job=(7, "C"), now_ms=lambda: NOW_MS).read
    else:
        read = BusinessCentralSweep(client, COMPANY, UNFILTERED, mapped, job=(7, "C"), now_ms=lambda: NOW_MS).read
    page = await read(None)
    count = len(page.changes)
    while page.more:
        page = await read(page.position)
        count += len(page.changes)
    return count


async def enumerated(client: httpx.AsyncClient, side: Side) -> int:
    table = CUSTOMER.table(side)
    count, seen = 0, Seen("salt")
    async for ids in TableIds(client, table, table.name, ROWS_A_PAGE).pages():
        seen.add(ids)
        count += len(ids)
    return count


UNFILTERED = replace(CUSTOMER.bc, filter=Filter.parse(""))


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("whole", [swept, enumerated])
async def test_a_table_of_many_pages_is_never_held(
    whole: Callable[[httpx.AsyncClient, Side], Awaitable[int]], side: Side
) -> None:
    """Ten times the pages, about the same memory: 54 more of them hold 8 MB of text, and far more as objects."""
    peaks = []
    for pages in (6, 60):
        async with scripted(side, endless(side, pages)) as client:
            tracemalloc.start()
            count = await whole(client, side)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert count == pages * ROWS_A_PAGE
    assert peaks[1] - peaks[0] < 4_000_000, peaks


def asked_columns(script: Script) -> list[set[str]]:
    return [set(parse_qs(urlsplit(path).query)["$select"][0].split(",")) for path in script.paths]


CUSTOMER_COLUMNS = {
    Side.BC: {
        *(
            "id",
            "number",
            "lastModifiedDateTime",
            "blocked",
            "displayName",
            "addressLine1",
            "addressLine2",
            "postalCode",
            "city",
        ),
        *("country", "state", "phoneNumber", "email", "website", "currencyCode", "salespersonCode", "creditLimit"),
    },
    Side.SALES: {
        *("accountid", "modifiedon", "statecode", "customertypecode", "name", "address1_line1", "address1_line2"),
        *("address1_postalcode", "address1_city", "address1_country", "address1_stateorprovince", "telephone1"),
        *("emailaddress1", "websiteurl", "_transactioncurrencyid_value", "_ownerid_value", "creditlimit"),
    },
}


@pytest.mark.parametrize("side", Side)
async def test_only_what_is_mapped_filtered_or_matched_is_asked_for(side: Side) -> None:
    delta = f"http://localhost:8099/{SALES_ROOT}/accounts?$deltatoken=1"
    script = Script(*[json(200, {"value": [], "@odata.deltaLink": delta})] * 3)
    direction = Direction.TO_SALES if side is Side.BC else Direction.TO_BC
    async with scripted(side, script) as client:
        sides = Sides({side: client}, COMPANY, MAPPINGS, Overlap(), lambda: NOW_MS)
        await sides.sweep(Job(7, "run", "CUSTOMER", direction), None).read(None)
        source = sides.source(side, CUSTOMER.table(side).name)
        await source.read({"resync": True} if side is Side.SALES else {"watermark": EPOCH})
    swept_columns, captured = asked_columns(script)
    assert swept_columns == CUSTOMER_COLUMNS[side]
    assert captured >= CUSTOMER_COLUMNS[side]
    names = [mapping.name for mapping in MAPPINGS.reading(side, source.table.name)]
    assert captured == {column for name in names for column in columns(side, name)}
