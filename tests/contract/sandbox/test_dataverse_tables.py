"""What the platform itself does with currencies, units, products, contacts (wire-protocols B2, D4 118, 119)."""

from typing import Any

import pytest

from daemon.sandbox.dataverse import DataverseSettings, create_app
from tests.contract.sandbox.dataverse_support import ID, REPRESENTATION, Clock, Org, code, org

_CURRENCY = {"currencyname": "Krone", "isocurrencycode": "SEK", "currencysymbol": "kr", "currencyprecision": 2}
_SCHEDULE = {"uomscheduleid": ID.format(1), "name": "NAV PCS", "baseuomname": "PCS"}


async def _product(dataverse: Org, **values: Any) -> dict[str, Any]:
    uom = (await dataverse.get("uoms")).json()["value"][0]["uomid"]
    return {
        "name": "Bicycle",
        "productnumber": "1000",
        "defaultuomid@odata.bind": f"/uoms({uom})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({ID.format(1)})",
        **values,
    }


@pytest.mark.parametrize(("active", "state"), [(False, (2, 0)), (True, (0, 1))])
async def test_d_118_products_start_as_drafts(active: bool, state: tuple[int, int]) -> None:
    async with org(DataverseSettings(products_start_active=active), uomschedules=[_SCHEDULE]) as dataverse:
        made = await dataverse.create("products", **await _product(dataverse))
        assert (made["statecode"], made["statuscode"]) == state
        assert (made["quantitydecimal"], made["productstructure"]) == (2, 1)
        path = f"products({made['productid']})"
        patched = await dataverse.send("PATCH", path, {"statecode": 0, "statuscode": 1}, **REPRESENTATION)
        assert (patched.json()["statecode"], patched.json()["statuscode"]) == (0, 1)
        retired = await dataverse.send("PATCH", path, {"statecode": 1}, **REPRESENTATION)
        assert retired.json()["statuscode"] == 2
        assert code(await dataverse.send("PATCH", path, {"statecode": 0, "statuscode": 2})) == (400, "0x80048408")


async def test_d_118_schedule_creates_its_base_unit_at_once() -> None:
    async with org() as dataverse:
        for method, path in (("POST", "uomschedules"), ("PATCH", f"uomschedules({ID.format(2)})")):
            body = {"name": f"NAV {method}", "baseuomname": f"BASE {method}"}
            assert (await dataverse.send(method, path, body)).status_code == 204
            found = (await dataverse.get(f"uoms?$filter=name eq 'BASE {method}'")).json()["value"]
            assert [(row["isschedulebaseuom"], row["quantity"]) for row in found] == [(True, 1)]
        refused = await dataverse.send("POST", "uomschedules", {"name": "no base"})
        assert refused.status_code == 400
        twice = await dataverse.send("POST", "uomschedules", {"name": "nav post", "baseuomname": "x"})
        assert code(twice) == (412, "0x80040237")


async def test_uoms_belong_to_a_schedule_and_build_on_its_base() -> None:
    async with org(uomschedules=[_SCHEDULE, {**_SCHEDULE, "uomscheduleid": ID.format(2), "name": "T"}]) as dataverse:
        bind = {"uomscheduleid@odata.bind": f"/uomschedules({ID.format(1)})"}
        made = await dataverse.create("uoms", name="BOX", quantity=12, **bind)
        query = f"uoms?$filter=_uomscheduleid_value eq {ID.format(1)} and isschedulebaseuom eq true"
        base = (await dataverse.get(query)).json()["value"][0]
        assert made["_baseuom_value"] == base["uomid"]
        assert code(await dataverse.send("POST", "uoms", {"name": "box", **bind})) == (412, "0x80040237")
        other = await dataverse.send(
            "POST", "uoms",
            {"name": "X", "uomscheduleid@odata.bind": f"/uomschedules({ID.format(2)})",
             "baseuom@odata.bind": f"/uoms({base['uomid']})"},
        )  # fmt: skip
        assert other.status_code == 400
        assert (await dataverse.send("DELETE", f"uomschedules({ID.format(1)})")).status_code == 204
        left = (await dataverse.get("uoms")).json()["value"]
        assert {row["_uomscheduleid_value"] for row in left} == {ID.format(2)}


async def test_d_118_iso_code_cannot_change_and_is_unique() -> None:
    async with org() as dataverse:
        made = await dataverse.create("transactioncurrencies", exchangerate=11.25, **_CURRENCY)
        path = f"transactioncurrencies({made['transactioncurrencyid']})"
        assert (await dataverse.send("PATCH", path, {"isocurrencycode": "NOK"})).status_code == 400
        assert (await dataverse.send("PATCH", path, {"exchangerate": 0})).status_code == 400
        assert (await dataverse.send("PATCH", path, {"exchangerate": 10.5})).status_code == 204
        again = await dataverse.send("POST", "transactioncurrencies", {**_CURRENCY, "exchangerate": 1})
        assert code(again) == (412, "0x80040237")
        for bad in ("S1", "KRONE", ""):
            body = {**_CURRENCY, "isocurrencycode": bad, "exchangerate": 1}
            assert (await dataverse.send("POST", "transactioncurrencies", body)).status_code == 400
        base = (await dataverse.get("transactioncurrencies?$filter=isocurrencycode eq 'EUR'")).json()["value"]
        assert [row["exchangerate"] for row in base] == [1]


async def test_product_units_must_fit_and_numbers_be_unique() -> None:
    schedules = [_SCHEDULE, {**_SCHEDULE, "uomscheduleid": ID.format(2), "name": "T"}]
    async with org(uomschedules=schedules) as dataverse:
        wrong = await _product(dataverse, **{"defaultuomscheduleid@odata.bind": f"/uomschedules({ID.format(2)})"})
        assert (await dataverse.send("POST", "products", wrong)).status_code == 400
        for missing in ("defaultuomid@odata.bind", "defaultuomscheduleid@odata.bind", "productnumber", "name"):
            body = await _product(dataverse)
            del body[missing]
            assert (await dataverse.send("POST", "products", body)).status_code == 400, missing
        await dataverse.create("products", **await _product(dataverse, price=9.99))
        again = await dataverse.send("POST", "products", await _product(dataverse))
        assert code(again) == (412, "0x80040237")
        row = (await dataverse.get("products?$select=price")).json()["value"][0]
        assert row["_transactioncurrencyid_value"] is not None


@pytest.mark.parametrize(("rule", "status"), [("ignore", 201), ("refuse", 400)])
async def test_d_119_state_on_create(rule: str, status: int) -> None:
    async with org(DataverseSettings(state_on_create=rule)) as dataverse:
        answer = await dataverse.send("POST", "accounts", {"name": "x", "statecode": 1}, **REPRESENTATION)
        assert answer.status_code == status
        if status == 201:
            assert (answer.json()["statecode"], answer.json()["statuscode"]) == (0, 1)


async def test_computed_columns_and_owner() -> None:
    async with org() as dataverse:
        made = await dataverse.create(
            "contacts", firstname="Ada", lastname="Lovelace", address1_line1="1 St", address1_city="London",
            address1_postalcode="W1", address1_country="UK",
        )  # fmt: skip
        assert made["fullname"] == "Ada Lovelace"
        assert made["address1_composite"] == "1 St\r\nLondon, W1\r\nUK"
        user = (await dataverse.get("WhoAmI")).json()["UserId"]
        assert {made[f"_{name}_value"] for name in ("ownerid", "createdby", "modifiedby")} == {user}
        path = f"contacts({made['contactid']})"
        renamed = await dataverse.send("PATCH", path, {"firstname": None}, **REPRESENTATION)
        assert renamed.json()["fullname"] == "Lovelace"
        owner = await dataverse.send("PATCH", path, {"ownerid@odata.bind": f"/systemusers({user})"})
        assert owner.status_code == 204


async def test_seeds_take_any_columns_and_are_checked() -> None:
    seeds: dict[str, Any] = {
        "accounts": [
            {
                "name": "A", "_primarycontactid_value": ID.format(8), "statecode": 1, "_sandbox_note": 1,
                "modifiedon": "2025-03-04T05:06:07Z",
            }
        ],
        "contacts": [{"contactid": ID.format(8), "lastname": "C"}],
        "uomschedules": [_SCHEDULE],
        "systemusers": [{"systemuserid": ID.format(6), "fullname": "Ada King Lovelace"}],
    }  # fmt: skip
    async with org(**seeds) as dataverse:
        row = (await dataverse.get("accounts")).json()["value"][0]
        assert (row["statecode"], row["statuscode"], row["modifiedon"]) == (1, 2, "2025-03-04T05:06:07Z")
        assert (await dataverse.get("uoms")).json()["value"][0]["name"] == "PCS"
        user = (await dataverse.get(f"systemusers({ID.format(6)})")).json()
        assert (user["fullname"], user["lastname"]) == ("Ada King Lovelace", "Lovelace")
    own_base = {"name": "PCS", "isschedulebaseuom": True, "_uomscheduleid_value": ID.format(1)}
    async with org(uomschedules=[_SCHEDULE], uoms=[own_base]) as dataverse:
        assert len((await dataverse.get("uoms")).json()["value"]) == 1
    refused: list[dict[str, list[dict[str, Any]]]] = [
        {"accounts": [{"nosuch": 1}]},
        {"nosuch": []},
        {"accounts": [{"_primarycontactid_value": ID.format(7)}]},
    ]
    for bad in refused:
        with pytest.raises(ValueError, match=r"seed|leads"):
            create_app(DataverseSettings(), bad, Clock())
