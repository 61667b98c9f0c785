"""Reading from Business Central: addresses, rows, filters (wire-protocols A3, D2 7–20)."""

import re
from typing import Any

import pytest

from tests.contract.sandbox.business_central_support import (
    COMPANY,
    ID,
    NOBODY,
    ROOT,
    ZERO,
    Tenant,
    customers,
    error,
    message,
    tenant,
)


async def test_d_007_no_authorization() -> None:
    async with tenant() as bc:
        del bc.http.headers["Authorization"]
        assert error(await bc.get("customers")) == (401, "Authentication_InvalidCredentials")


async def test_d_008_companies() -> None:
    async with tenant() as bc:
        (company,) = await bc.rows(f"{ROOT}/companies")
        assert (company["name"], company["displayName"]) == ("CRONUS", "CRONUS Europe")
        assert {"systemVersion", "timestamp", "businessProfileId", "systemCreatedAt"} <= company.keys()
        assert (await bc.get(f"{ROOT}/companies({company['id']})")).json()["name"] == "CRONUS"


async def test_d_008_tenant_segment_and_company_parameter_are_alternatives() -> None:
    async with tenant(customers(1)) as bc:
        company = COMPANY.removeprefix("companies(").rstrip(")")
        assert len(await bc.rows(f"/v2.0/contoso/sandbox/api/v2.0/{COMPANY}/customers")) == 1
        assert len(await bc.rows(f"{ROOT}/customers?company={company}")) == 1
        assert len(await bc.rows(f"{ROOT}/customers", Company="CRONUS")) == 1
        assert error(await bc.get(f"{ROOT}/customers")) == (400, "BadRequest_RequiredParamNotProvided")
        assert (await bc.get(f"/v2.0/production/api/v2.0/{COMPANY}/customers")).status_code == 404


@pytest.mark.parametrize(("status", "code"), [(404, "Internal_CompanyNotFound"), (400, "BadRequest")])
async def test_d_009_unknown_company(status: int, code: str) -> None:
    async with tenant(unknown_company_status=status, unknown_company_code=code) as bc:
        assert error(await bc.get(f"{ROOT}/companies({NOBODY})/customers")) == (status, code)


async def test_d_010_unknown_entity_set() -> None:
    async with tenant() as bc:
        answer = await bc.get("nosuchset")
        assert error(answer) == (404, "BadRequest_ResourceNotFound")
        assert message(answer) == "Resource not found for the segment 'nosuchset'."


async def test_d_011_rows_have_every_field_and_never_null() -> None:
    async with tenant(customers(1)) as bc:
        answer = await bc.get("customers")
        assert answer.headers["OData-Version"] == "4.0"
        assert answer.headers["Content-Type"] == "application/json; odata.metadata=minimal; odata.streaming=true"
        assert answer.json()["@odata.context"].endswith(f"/$metadata#{COMPANY}/customers")
        (row,) = answer.json()["value"]
        assert re.fullmatch(r'W/"[A-Za-z0-9+/]+=*"', row["@odata.etag"])
        assert None not in row.values()
        blanks = {
            "addressLine1": "",
            "creditLimit": 0,
            "taxLiable": False,
            "paymentTermsId": ZERO,
            "blocked": "_x0020_",
        }
        assert blanks.items() <= row.items()
        assert len(row) == 28


async def test_d_012_one_entity() -> None:
    async with tenant(customers(2)) as bc:
        entity = (await bc.get(f"customers({ID.format(1)})")).json()
        assert entity["@odata.context"].endswith("/customers/$entity")
        assert entity["displayName"] == "Customer 00001"
        assert "@odata.etag" in entity


async def test_d_013_unknown_id() -> None:
    async with tenant() as bc:
        answer = await bc.get(f"customers({NOBODY})")
        assert error(answer) == (404, "Internal_RecordNotFound")
        assert NOBODY in message(answer)


@pytest.mark.parametrize("key", ["10000", f"'{ID.format(1)}'", "1111"])
async def test_d_014_malformed_guid(key: str) -> None:
    async with tenant(customers(2)) as bc:
        assert error(await bc.get(f"customers({key})")) == (400, "BadRequest")


async def test_d_015_etag_changes_only_with_the_row() -> None:
    async with tenant(customers(2)) as bc:
        path = f"customers({ID.format(1)})"
        first, second = [(await bc.get(path)).json()["@odata.etag"] for _ in range(2)]
        assert first == second
        await bc.patch("customers", ID.format(1), city="Bonn")
        assert (await bc.get(path)).json()["@odata.etag"] != first


async def test_d_016_select() -> None:
    async with tenant(customers(2)) as bc:
        rows = await bc.rows("customers?$select=id,number")
        assert all(row.keys() == {"@odata.etag", "id", "number"} for row in rows)


async def filtered(bc: Tenant, text: str, **options: str) -> list[dict[str, Any]]:
    answer = await bc.http.get(f"{ROOT}/{COMPANY}/customers", params={"$filter": text, **options})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["value"]
    return rows


async def test_d_017_quotes_are_doubled() -> None:
    async with tenant({"customers": [{"displayName": "O'Neil"}, {"displayName": "ONeil"}]}) as bc:
        assert [row["displayName"] for row in await filtered(bc, "displayName eq 'O''Neil'")] == ["O'Neil"]


async def test_d_018_times_compare_strictly_at_milliseconds() -> None:
    times = ["2026-01-01T00:00:00.122Z", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.13Z", "2026-01-01T00:00:01Z"]
    rows = [{"displayName": time, "lastModifiedDateTime": time} for time in times]
    async with tenant({"customers": rows}) as bc:
        found = await filtered(bc, "lastModifiedDateTime gt 2026-01-01T00:00:00.123Z")
        assert {row["displayName"] for row in found} == {*times[2:]}
        found = await filtered(
            bc, "lastModifiedDateTime ge 2026-01-01T00:00:00.123Z and lastModifiedDateTime lt 2026-01-01T00:00:01Z"
        )
        assert {row["lastModifiedDateTime"] for row in found} == {times[1], times[2]}


async def test_d_019_or_only_within_one_field() -> None:
    async with tenant(customers(4)) as bc:
        found = await filtered(bc, "number eq 'K00001' or number eq 'K00003'")
        assert {row["number"] for row in found} == {"K00001", "K00003"}
        answer = await bc.get("customers?$filter=number eq '1' or displayName eq 'x'")
        assert error(answer)[0] == 400
        assert message(answer) == "The 'OR' operator is not supported on distinct fields on an OData filter."


@pytest.mark.parametrize(
    "query",
    [
        "$filter=nosuch eq '1'",
        "$select=nosuch",
        "$orderby=nosuch",
        "$expand=nosuch",
        "$filter=number",
        "$filter=number eq",
        "$filter=id eq 'text'",
        "$filter=creditLimit eq '1'",
        "$filter=lastModifiedDateTime gt '2026-01-01T00:00:00Z'",
        "$top=-1",
        "$count=maybe",
        "$search=x",
        "$skiptoken=x",
    ],
)
async def test_d_020_unknown_property_or_bad_option(query: str) -> None:
    async with tenant(customers(2)) as bc:
        assert error(await bc.get(f"customers?{query}"))[0] == 400


@pytest.mark.parametrize("strict", [True, False])
async def test_a3_text_functions_want_the_newer_schema_version(strict: bool) -> None:
    async with tenant(customers(3), functions_need_schemaversion=strict) as bc:
        query = "customers?$filter=startswith(displayName,'Customer')"
        assert (await bc.get(query)).status_code == (400 if strict else 200)
        assert len(await bc.rows(f"{query}&$schemaversion=2.1")) == 3


@pytest.mark.parametrize("fails", [False, True])
async def test_a2_filter_on_blocked(fails: bool) -> None:
    async with tenant(customers(3), blocked_filter_fails=fails) as bc:
        answer = await bc.get("customers?$filter=blocked eq '_x0020_'")
        assert answer.status_code == (400 if fails else 200)


async def test_a3_filters_over_indexes_agree_with_full_scans() -> None:
    async with tenant(customers(50)) as bc:
        ids = " or ".join(f"id eq {ID.format(n)}" for n in (3, 41, 7, 999))
        assert [row["id"] for row in await filtered(bc, ids)] == [ID.format(n) for n in (3, 7, 41)]
        late = "lastModifiedDateTime gt 2026-01-01T00:00:45.045Z"
        by_time = await filtered(bc, late, **{"$orderby": "lastModifiedDateTime"})
        assert [row["number"] for row in by_time] == ["K00046", "K00047", "K00048", "K00049"]
        assert len(await filtered(bc, f"{late} and number eq 'K00048'")) == 1
        assert len(await filtered(bc, f"not ({late})")) == 46
        assert len(await filtered(bc, "displayName ne 'lastModifiedDateTime gt 2030-01-01T00:00:00Z'")) == 50


@pytest.mark.parametrize(
    "query",
    [
        f"$orderby=displayName&$skiptoken={ID.format(1)}~WzFd",
        f"$skiptoken={ID.format(1)}~WzFd",
        "$filter=lastModifiedDateTime gt 2026-13-45T00:00:00Z",
        "$filter=displayName/any(x:x eq 'a')",
    ],
)
async def test_d_020_malformed_values_are_the_clients_fault(query: str) -> None:
    async with tenant(customers(2)) as bc:
        assert (await bc.get(f"customers?{query}")).status_code == 400


async def test_d_024_skip_beyond_the_end() -> None:
    async with tenant(customers(2)) as bc:
        assert await bc.rows("customers?$skip=99999999999999999999") == []
