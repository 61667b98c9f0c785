"""Customers and their contacts (wire-protocols A2)."""

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.business_central_support import COMPANY, CUSTOM, Tenant, error, tenant

SEEDS: dict[str, list[dict[str, Any]]] = {
    "customers": [
        {"number": "K1", "displayName": "Adatum", "_contactNumber": "ct9"},
        {"number": "K2", "displayName": "Bold", "type": "Company"},
    ],
    "contacts": [
        {"number": "CT9", "displayName": "Adatum", "type": "Company"},
        {"number": "CT10", "displayName": "Ann Other", "type": "Person", "companyNumber": "CT9"},
        {"number": "CT11", "displayName": "Lone Wolf", "type": "Person"},
    ],
}


async def information(bc: Tenant, customer_id: str) -> list[tuple[str, str, str]]:
    rows = await bc.rows(f"customers({customer_id})/contactsInformation")
    assert all(row["relatedId"] == customer_id and row["relatedType"] == "Customer" for row in rows)
    return [(row["contactNumber"], row["contactName"], row["contactType"]) for row in rows]


async def by_number(bc: Tenant, entity_set: str, number: str) -> dict[str, Any]:
    (row,) = await bc.rows(f"{entity_set}?$filter=number eq '{number}'")
    return row


async def test_a2_seeded_customers_have_their_company_contact() -> None:
    async with tenant(SEEDS) as bc:
        adatum, bold = await by_number(bc, "customers", "K1"), await by_number(bc, "customers", "K2")
        assert await information(bc, adatum["id"]) == [("CT9", "Adatum", "Company"), ("CT10", "Ann Other", "Person")]
        assert await information(bc, bold["id"]) == [("CT000001", "Bold", "Company")]
        assert (await by_number(bc, "contacts", "CT9"))["contactBusinessRelation"] == "Customer"
        ann = await by_number(bc, "contacts", "CT10")
        assert (ann["companyName"], ann["contactBusinessRelation"]) == ("Adatum", "None")


async def test_a2_expand_contacts_information() -> None:
    async with tenant(SEEDS) as bc:
        rows = await bc.rows("customers?$select=number&$expand=contactsInformation")
        found = {row["number"]: [one["contactNumber"] for one in row["contactsInformation"]] for row in rows}
        assert found == {"K1": ["CT9", "CT10"], "K2": ["CT000001"]}


async def test_a2_creating_a_customer_creates_its_contact() -> None:
    async with tenant() as bc:
        made = await bc.create("customers", displayName="New", city="Ulm", email="a@b.example")
        assert await information(bc, made["id"]) == [("CT000001", "New", "Company")]
        contact = await by_number(bc, "contacts", "CT000001")
        assert (contact["city"], contact["email"], contact["searchName"]) == ("Ulm", "a@b.example", "NEW")
        assert (contact["companyNumber"], contact["companyName"]) == ("CT000001", "New")


async def test_a2_person_of_a_company() -> None:
    async with tenant(SEEDS) as bc:
        made = await bc.create("contacts", displayName="Zoe", type="Person", companyNumber="ct9")
        assert (made["companyNumber"], made["companyName"]) == ("CT9", "Adatum")
        answer = await bc.patch("contacts", made["id"], companyNumber="CT11")
        assert error(answer) == (400, "Internal_InvalidTableRelation")
        assert (await bc.patch("contacts", made["id"], companyNumber="")).json()["companyName"] == ""


async def test_a2_renaming_a_customer_modifies_its_contact_and_persons() -> None:
    async with tenant(SEEDS) as bc:
        customer = await by_number(bc, "customers", "K1")
        before = await by_number(bc, "contacts", "CT9")
        bc.clock.advance(seconds=5)
        await bc.patch("customers", customer["id"], displayName="Adatum SE")
        after = await by_number(bc, "contacts", "CT9")
        assert (after["displayName"], after["searchName"], after["companyName"]) == (
            "Adatum SE",
            "ADATUM SE",
            "Adatum SE",
        )
        assert after["@odata.etag"] != before["@odata.etag"]
        assert after["lastModifiedDateTime"] == "2026-01-05T12:00:05.123Z"
        assert (await by_number(bc, "contacts", "CT10"))["companyName"] == "Adatum SE"


async def test_a2_an_edit_that_the_contact_does_not_share_leaves_it_alone() -> None:
    async with tenant(SEEDS) as bc:
        customer, before = await by_number(bc, "customers", "K1"), await by_number(bc, "contacts", "CT9")
        await bc.patch("customers", customer["id"], creditLimit=5)
        assert await by_number(bc, "contacts", "CT9") == before


@pytest.mark.parametrize("updates", [True, False])
async def test_a2_an_edit_of_the_company_contact_reaches_the_customer(updates: bool) -> None:
    async with tenant(SEEDS, contact_updates_customer=updates) as bc:
        contact = await by_number(bc, "contacts", "CT9")
        await bc.patch("contacts", contact["id"], city="Gent")
        assert (await by_number(bc, "customers", "K1"))["city"] == ("Gent" if updates else "")


async def test_a2_renumbering_a_company_contact_keeps_its_persons() -> None:
    async with tenant(SEEDS) as bc:
        contact, customer = await by_number(bc, "contacts", "CT9"), await by_number(bc, "customers", "K1")
        await bc.patch("contacts", contact["id"], number="CT900")
        assert [row[0] for row in await information(bc, customer["id"])] == ["CT900", "CT10"]


async def test_a2_deleting_a_customer_keeps_the_contact_without_relation() -> None:
    async with tenant(SEEDS) as bc:
        customer = await by_number(bc, "customers", "K1")
        assert (await bc.send("DELETE", f"customers({customer['id']})")).status_code == 204
        assert (await by_number(bc, "contacts", "CT9"))["contactBusinessRelation"] == "None"


async def test_a2_a_customer_made_of_a_contact_has_it_for_its_own() -> None:
    async with tenant({"contacts": SEEDS["contacts"]}) as bc:
        made = await bc.http.post("/_sandbox/customers", json={"contact": "CT9"})
        assert [row[0] for row in await information(bc, made.json()["id"])] == ["CT9", "CT10"]
        assert (await by_number(bc, "contacts", "CT9"))["contactBusinessRelation"] == "Customer"
        assert len(await bc.rows("contacts")) == 3
        again = await bc.http.post("/_sandbox/customers", json={"contact": "CT9"})
        assert again.status_code == 400


async def test_a2_deleting_a_company_contact_deletes_its_persons() -> None:
    async with tenant(SEEDS) as bc:
        contact, customer = await by_number(bc, "contacts", "CT9"), await by_number(bc, "customers", "K1")
        await bc.send("DELETE", f"contacts({contact['id']})")
        assert {row["number"] for row in await bc.rows("contacts")} == {"CT11", "CT000001"}
        assert await information(bc, customer["id"]) == []


async def test_seeds_with_unknown_sets_or_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="nosuch"):
        async with tenant({"nosuch": [{}]}):
            pass
    with pytest.raises(ValueError, match="fax"):
        async with tenant({"customers": [{"displayName": "A", "fax": "1"}]}):
            pass


async def test_a2_a_vendor_has_its_contact_as_a_customer_has() -> None:
    seeds = {"vendors": [{"number": "V1", "displayName": "Litware", "city": "Ulm"}]}
    async with tenant(seeds) as bc:
        made = await bc.create("vendors", displayName="New", blocked="Payment")
        assert (made["number"], made["currencyCode"], made["blocked"], made["balance"]) == (
            "V00010",
            "EUR",
            "Payment",
            0,
        )
        for name, number in (("Litware", "CT000001"), ("New", "CT000002")):
            contact = await by_number(bc, "contacts", number)
            assert (contact["displayName"], contact["contactBusinessRelation"]) == (name, "Vendor")
        await bc.patch("vendors", made["id"], displayName="Newer")
        assert (await by_number(bc, "contacts", "CT000002"))["displayName"] == "Newer"
        contact = await by_number(bc, "contacts", "CT000001")
        await bc.patch("contacts", contact["id"], city="Gent")
        litware = await by_number(bc, "vendors", "V1")
        assert litware["city"] == "Gent"
        (related,) = await bc.rows(f"vendors({litware['id']})/contactsInformation")
        assert (related["relatedType"], related["relatedId"]) == ("Vendor", litware["id"])
        assert (await bc.send("DELETE", f"vendors({made['id']})")).status_code == 204
        assert (await by_number(bc, "contacts", "CT000002"))["contactBusinessRelation"] == "None"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"city": "Ulm"}, 'A "displayName" must be provided.'),
        ({"displayName": "A", "blocked": "Ship"}, "Ship"),
        ({"displayName": "A", "currencyCode": "XXX"}, "Currency"),
        ({"displayName": "A", "balance": 5}, "balance"),
        ({"displayName": "A", "creditLimit": 5}, "creditLimit"),
    ],
)
async def test_a2_a_vendor_that_cannot_be_is_refused(body: dict[str, Any], message: str) -> None:
    async with tenant() as bc:
        answer = await bc.send("POST", "vendors", body)
        assert answer.status_code == 400
        assert message in answer.json()["error"]["message"]


CUSTOMERS = f"{CUSTOM}/{COMPANY}/coupledCustomers"


async def patched(bc: Tenant, number: str, **changes: Any) -> httpx.Response:
    row = await by_number(bc, "customers", number)
    return await bc.send("PATCH", f"{CUSTOMERS}({row['id']})", changes, If_Match="*")


async def test_a_custom_page_of_customers_shows_the_same_rows_with_their_primary_contact() -> None:
    async with tenant(SEEDS) as bc:
        rows = await bc.rows(f"{CUSTOMERS}?$expand=contactsInformation")
        assert {row["number"]: row["primaryContactNumber"] for row in rows} == {"K1": "", "K2": ""}
        assert [one["contactNumber"] for one in rows[0]["contactsInformation"]]
        assert (await patched(bc, "K1", primaryContactNumber="ct10", city="Ulm")).status_code == 200
        (found,) = await bc.rows(f"{CUSTOMERS}?$filter=primaryContactNumber eq 'CT10'")
        standard = await by_number(bc, "customers", "K1")
        assert found == {**standard, "primaryContactNumber": "CT10"}
        assert "primaryContactNumber" not in standard
        assert error(await bc.get("customers?$select=primaryContactNumber")) == (400, "BadRequest")
        made = await bc.send("POST", CUSTOMERS, {"displayName": "New"})
        assert made.status_code == 201
        assert made.headers["Location"].endswith(f"coupledCustomers({made.json()['id']})")
        assert (await bc.send("DELETE", f"{CUSTOMERS}({made.json()['id']})", If_Match="*")).status_code == 204
        assert len(await bc.rows("customers")) == 2


async def test_a_primary_contact_is_of_the_customers_own_company() -> None:
    async with tenant(SEEDS) as bc:
        refused = await patched(bc, "K2", primaryContactNumber="CT10")
        assert error(refused) == (400, "Application_DialogException")
        assert "related to a different company than customer K2" in refused.text
        assert (await patched(bc, "K2", primaryContactNumber="CT11")).status_code == 400, "of no company"
        assert (await patched(bc, "K2", primaryContactNumber="CT99")).status_code == 400, "there is none"
        assert (await patched(bc, "K1", primaryContactNumber="CT9")).status_code == 200, "the company itself"
        assert (await patched(bc, "K1", primaryContactNumber="")).status_code == 200
        assert (
            await bc.send("POST", CUSTOMERS, {"displayName": "N", "primaryContactNumber": "CT10"})
        ).status_code == 400


async def test_a_renamed_contact_stays_the_primary_one() -> None:
    async with tenant(SEEDS) as bc:
        await patched(bc, "K1", primaryContactNumber="CT10")
        ann = await by_number(bc, "contacts", "CT10")
        await bc.send("PATCH", f"contacts({ann['id']})", {"number": "CT77"}, If_Match="*")
        (found,) = await bc.rows(f"{CUSTOMERS}?$filter=number eq 'K1'")
        assert found["primaryContactNumber"] == "CT77"
