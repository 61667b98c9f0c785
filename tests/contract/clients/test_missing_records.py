"""All ids of a table, in big pages (wire-protocols A4.4, B4.1)."""

from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid5

import httpx
import pytest

from producers.deletions import TableIds, business_central_ids, sales_ids
from schemas.errors import ApiError
from schemas.mapping import Table
from schemas.side import Side
from tests.contract.clients.client_support import (
    COMPANY,
    CUSTOMER,
    GUID,
    MAPPINGS,
    NOW_MS,
    Script,
    bc,
    json,
    sales,
    scripted,
    state,
)

ROOT = f"api/v2.0/companies({COMPANY})"


def customers(number: int) -> list[dict[str, Any]]:
    return [{"id": GUID.format(n), "number": f"C{n:05d}", "displayName": f"Firm {n}"} for n in range(number)]


def ids_of(client: httpx.AsyncClient, table: Table = CUSTOMER.bc, **options: Any) -> TableIds:
    return business_central_ids(client, COMPANY, table, lambda: NOW_MS, **options)


async def every(ids: TableIds) -> list[str]:
    return [key for page in [page async for page in ids.pages()] for key in page]


async def test_every_id_is_read_one_request_per_page_and_a_deleted_one_is_not_there() -> None:
    async with bc(customers=customers(25)) as client:
        gone = f"{ROOT}/customers({GUID.format(7)})"
        assert (await client.delete(gone, headers={"If-Match": "*"})).status_code == 204
        before = len(state(client).control.log.entries())
        found = await every(ids_of(client, page_size=10))
        assert sorted(found) == sorted(GUID.format(n) for n in range(25) if n != 7)
        asked = [entry.path for entry in state(client).control.log.entries()][before:]
        assert len(asked) == 3
        assert unquote(asked[0]).endswith("/customers?$select=id")


async def test_records_asked_for_by_name_are_told_from_those_that_are_gone() -> None:
    async with bc(customers=customers(120)) as client:
        wanted = [GUID.format(number) for number in range(60, 180)]
        assert sorted(await ids_of(client).there(wanted)) == [GUID.format(number) for number in range(60, 120)]


async def test_a_custom_api_page_is_read_as_well() -> None:
    table = MAPPINGS["RESOURCE-PRODUCT"].bc
    async with bc(resources=[{"id": GUID.format(1), "number": "LIFT"}]) as client:
        ids = ids_of(client, table)
        assert await every(ids) == [GUID.format(1)]
        assert await ids.there([GUID.format(1), GUID.format(2)]) == {GUID.format(1)}


async def test_the_local_currency_which_has_no_row_counts_as_there() -> None:
    async with bc(currencies=[{"id": GUID.format(1), "code": "USD", "displayName": "US dollar"}]) as client:
        assert set(await every(ids_of(client, MAPPINGS["CURRENCY"].bc))) == {
            GUID.format(1),
            str(uuid5(UUID(COMPANY), "EUR")),
        }


async def test_a_local_currency_that_is_not_told_stops_the_round_of_currencies() -> None:
    missing = json(404, {"error": {"code": "BadRequest_ResourceNotFound", "message": "no"}})
    async with scripted(Side.BC, Script(missing)) as client:
        with pytest.raises(ApiError):
            await every(ids_of(client, MAPPINGS["CURRENCY"].bc))


async def test_a_page_that_does_not_come_ends_the_round() -> None:
    first = json(
        200, {"value": [{"id": GUID.format(1)}], "@odata.nextLink": "http://localhost:8099/v2.0/sandbox/api/x"}
    )
    async with scripted(Side.BC, Script(first, json(404, {})), attempts=1) as client:
        with pytest.raises(ApiError):
            await every(ids_of(client))


async def test_a_table_of_sales_is_read_as_well() -> None:
    keys = [GUID.format(number) for number in range(12)]
    async with sales(accounts=[{"accountid": key, "name": "Firm"} for key in keys]) as client:
        assert (await client.delete(f"/api/data/v9.2/accounts({keys[3]})")).status_code == 204
        ids = sales_ids(client, CUSTOMER.sales, page_size=5)
        assert sorted(await every(ids)) == [key for key in keys if key != keys[3]]
        assert await ids.there([*keys[2:5], GUID.format(99)]) == {keys[2], keys[4]}
