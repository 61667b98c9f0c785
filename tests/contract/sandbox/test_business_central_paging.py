"""Paging, order and counts (wire-protocols A3, D2 21–27)."""

import pytest

from tests.contract.sandbox.business_central_support import (
    ID,
    customers,
    tenant,
)


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


async def test_d_023_a_page_size_above_the_limit_is_cut_to_it() -> None:
    async with tenant(customers(20_001)) as bc:
        page = (await bc.get("customers?$select=id", Prefer="odata.maxpagesize=50000")).json()
        assert len(page["value"]) == 20_000
        assert "@odata.nextLink" in page


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
