"""Reading from Business Central (wire-protocols A3, D2 7–27)."""

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


async def test_d_021_page_limit_without_prefer() -> None:
    async with tenant(customers(20_001)) as bc:
        page = (await bc.get("customers?$select=id")).json()
        assert len(page["value"]) == 20_000
        link = page["@odata.nextLink"]
        assert f"aid=FIN&$skiptoken={page['value'][-1]['id']}" in link
        assert "$select=id" in link
        rest = (await bc.get(link)).json()
        assert [row["id"] for row in rest["value"]] == [ID.format(20_000)]
        assert "@odata.nextLink" not in rest
        clamped = await bc.rows("customers?$select=id", Prefer="odata.maxpagesize=50000")
        assert len(clamped) == 20_000, "D23"


async def test_d_022_page_size_has_to_be_repeated() -> None:
    async with tenant(customers(7)) as bc:
        page = (await bc.get("customers", Prefer="odata.maxpagesize=3")).json()
        assert len(page["value"]) == 3
        assert len(await bc.rows(page["@odata.nextLink"])) == 4
        second = (await bc.get(page["@odata.nextLink"], Prefer="odata.maxpagesize=3")).json()
        assert len(second["value"]) == 3
        last = (await bc.get(second["@odata.nextLink"], Prefer="odata.maxpagesize=3")).json()
        assert len(last["value"]) == 1
        assert "@odata.nextLink" not in last


async def test_d_022_a_last_page_that_is_full_has_no_link() -> None:
    async with tenant(customers(6)) as bc:
        page = (await bc.get("customers", Prefer="odata.maxpagesize=3")).json()
        assert "@odata.nextLink" not in (await bc.get(page["@odata.nextLink"], Prefer="odata.maxpagesize=3")).json()


async def test_d_024_top_suppresses_the_link_unless_it_exceeds_the_page() -> None:
    async with tenant(customers(20), page_limit=10) as bc:
        page = (await bc.get("customers?$top=5")).json()
        assert len(page["value"]) == 5
        assert "@odata.nextLink" not in page
        page = (await bc.get("customers?$top=15")).json()
        assert len(page["value"]) == 10
        assert "$top=5" in page["@odata.nextLink"]
        rest = (await bc.get(page["@odata.nextLink"])).json()
        assert len(rest["value"]) == 5
        assert "@odata.nextLink" not in rest


@pytest.mark.parametrize("order", ["", "&$orderby=lastModifiedDateTime", "&$orderby=number desc"])
async def test_d_025_paging_is_by_key_under_writes(order: str) -> None:
    async with tenant(customers(9)) as bc:
        page = (await bc.get(f"customers?$select=id{order}", Prefer="odata.maxpagesize=3")).json()
        seen = [row["id"] for row in page["value"]]
        assert (await bc.send("DELETE", f"customers({seen[0]})")).status_code == 204
        assert (await bc.send("DELETE", f"customers({seen[2]})")).status_code == 204
        while "@odata.nextLink" in page:
            page = (await bc.get(page["@odata.nextLink"], Prefer="odata.maxpagesize=3")).json()
            seen += [row["id"] for row in page["value"]]
        expected = [ID.format(n) for n in range(9)]
        assert seen == (expected[::-1] if "desc" in order else expected)


async def test_d_026_order_and_count() -> None:
    times = {1: "2026-01-01T00:00:00.9Z", 2: "2026-01-01T00:00:00.89Z", 3: "2026-01-01T00:00:01Z"}
    rows = [{"id": ID.format(n), "displayName": str(n), "lastModifiedDateTime": time} for n, time in times.items()]
    async with tenant({"customers": rows}) as bc:
        page = (await bc.get("customers?$orderby=lastModifiedDateTime&$count=true&$top=2")).json()
        assert [row["displayName"] for row in page["value"]] == ["2", "1"]
        assert page["@odata.count"] == 3
        backwards = await bc.rows("customers?$orderby=lastModifiedDateTime desc")
        assert [row["displayName"] for row in backwards] == ["3", "1", "2"]
        assert (await bc.get("customers/$count")).text == "3"
        assert (await bc.get("customers/$count?$filter=displayName eq '2'")).text == "1"
        assert [row["displayName"] for row in await bc.rows("customers?$orderby=displayName&$skip=1")] == ["2", "3"]


async def test_d_027_no_delta_links() -> None:
    async with tenant(customers(1)) as bc:
        page = (await bc.get("customers?$deltatoken=abc", Prefer="odata.track-changes")).json()
        assert page.keys() == {"@odata.context", "value"}


async def test_a3_metadata_none_leaves_annotations_out() -> None:
    async with tenant(customers(1)) as bc:
        page = (await bc.get("customers", Accept="application/json;odata.metadata=none")).json()
        assert "@odata.context" not in page
        assert "@odata.etag" not in page["value"][0]


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
