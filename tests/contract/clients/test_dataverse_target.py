"""Writing to Sales (wire-protocols B5; promises 2, 3, 7, 9)."""

from typing import Any

import httpx
import pytest

from consumers.dataverse import DataverseTarget
from consumers.ports import Row
from daemon.sandbox.faults import Fault
from schemas.answers import is_duplicate, is_missing, is_stale
from schemas.errors import ApiError
from schemas.rows import half, values
from schemas.side import Side
from schemas.write import Write, Written
from tests.contract.clients.client_support import (
    CUSTOMER,
    GUID,
    MAPPINGS,
    Script,
    Ticker,
    error,
    json,
    row,
    sales,
    scripted,
    state,
)

ETAG = 'W/"{}"'


def create(number: int, **fields: Any) -> Write:
    return Write(CUSTOMER, GUID.format(number), {"name": f"Account {number}", **fields})


def update(number: int, version: str, **fields: Any) -> Write:
    return Write(CUSTOMER, GUID.format(number), fields, version)


def accounts(number: int) -> list[dict[str, Any]]:
    return [{"accountid": GUID.format(n), "name": f"Account {n}", "customertypecode": 3} for n in range(number)]


async def versions(target: DataverseTarget, *numbers: int) -> list[str]:
    found = await target.read(CUSTOMER, [GUID.format(n) for n in numbers])
    return [str(found[GUID.format(n)]["@odata.etag"]) for n in numbers]


async def test_one_write_is_a_request_of_its_own_and_answers_the_row() -> None:
    async with sales() as client:
        target = DataverseTarget(client)
        (made,) = await target.write([create(1, customertypecode=3, creditlimit=10.5)])
        found = row(made)
        assert (found["accountid"], found["name"], found["customertypecode"]) == (GUID.format(1), "Account 1", 3)
        stored = half(CUSTOMER, Side.SALES, found)
        assert stored.sequence > 0
        assert stored.base["creditlimit"] == 10.5
        (changed,) = await target.write([update(1, found["@odata.etag"], name="New")])
        assert row(changed)["name"] == "New"
        assert row(changed)["@odata.etag"] != found["@odata.etag"]
        entries = state(client).control.log.entries(writes=True)
        assert [entry.method for entry in entries] == ["PATCH", "PATCH"]


async def test_promise_2_creating_twice_says_that_it_exists() -> None:
    async with sales(accounts=accounts(1)) as client:
        (refused,) = await DataverseTarget(client).write([create(0)])
        assert is_duplicate(Side.SALES, error(refused))
        assert not is_stale(Side.SALES, error(refused))


async def test_a_stale_version_a_missing_record_and_a_missing_lookup_are_told_apart() -> None:
    async with sales(accounts=accounts(2)) as client:
        target = DataverseTarget(client)
        old, _ = await versions(target, 0, 1)
        await target.write([update(0, old, name="New")])
        bound = update(1, (await versions(target, 1))[0], ownerid=GUID.format(99))
        for batch in (False, True):
            writes = [update(0, old, name="Newer"), update(7, ETAG.format(1), name="x"), bound]
            answers = await target.write(writes) if batch else [(await target.write([one]))[0] for one in writes]
            stale, missing, lookup = (error(one) for one in answers)
            assert is_stale(Side.SALES, stale)
            assert is_missing(Side.SALES, missing, GUID.format(7))
            assert not is_missing(Side.SALES, lookup, GUID.format(1))
            assert lookup.problem.code == "0x80040217"


async def test_d_114_in_a_batch_one_bad_write_does_not_harm_the_others() -> None:
    async with sales(accounts=accounts(1)) as client:
        writes = [create(n, address1_line1="Straße 1 „ä“") for n in range(25)]
        writes[5] = create(5, name="x" * 200)
        answers = await DataverseTarget(client, batch_size=10, parallel=2).write(writes)
        assert is_duplicate(Side.SALES, error(answers[0]))
        assert error(answers[5]).problem.code == "0x80044331"
        for number in (*range(1, 5), *range(6, 25)):
            assert row(answers[number])["accountid"] == GUID.format(number)
            assert row(answers[number])["address1_line1"] == "Straße 1 „ä“"
        entries = state(client).control.log.entries()
        assert sum(entry.path.endswith("$batch") for entry in entries) == 3
        assert sum(entry.part for entry in entries) == 25


async def test_promise_3_a_write_without_a_known_version_is_stale_and_not_sent() -> None:
    async with sales(accounts=accounts(2)) as client:
        target = DataverseTarget(client)
        unknown, made = await target.write([update(0, "", name="Blind"), create(5)])
        assert is_stale(Side.SALES, error(unknown))
        assert row(made)["name"] == "Account 5"
        assert (await target.read(CUSTOMER, [GUID.format(0)]))[GUID.format(0)]["name"] == "Account 0"


async def test_conditions_and_representation_are_asked_for_in_every_part() -> None:
    script = Script(httpx.Response(200, text=""))
    async with scripted(Side.SALES, script) as client:
        await DataverseTarget(client).write([create(1), update(2, ETAG.format(5), name="x")])
    (asked,) = script.asked
    first, second = asked.content.decode().split("--batch_")[1:3]
    assert asked.headers["Prefer"] == "odata.continue-on-error"
    assert f"PATCH /api/data/v9.2/accounts({GUID.format(1)})?$select=accountid," in first
    assert "If-None-Match: *" in first
    assert 'If-Match: W/"5"' in second
    assert "If-None-Match" not in second
    assert first.count("Prefer: return=representation") == second.count("Prefer: return=representation") == 1


PART = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {}\r\n\r\n{}\r\n"


def batch_answer(*parts: tuple[str, str], status: int = 200) -> httpx.Response:
    text = "".join(PART.format(*part) for part in parts) + "--b--\r\n"
    return httpx.Response(status, text=text, headers={"Content-Type": "multipart/mixed; boundary=b"})


async def statuses(*answers: Any, writes: int = 3) -> list[int]:
    """0 unknown, 200 written, anything else refused."""
    async with scripted(Side.SALES, Script(*answers)) as client:
        found = await DataverseTarget(client).write([create(n) for n in range(writes)])
    return [200 if isinstance(one, Written) else one.status for one in found]


async def test_parts_that_are_missing_or_cut_have_an_unknown_outcome() -> None:
    assert await statuses(batch_answer(("204 No Content", ""), ("200 OK", '{"na'))) == [200, 0, 0]
    assert await statuses(batch_answer(("204 No Content", ""), status=400), writes=2) == [200, 0]
    assert await statuses(batch_answer(*[("204 No Content", "")] * 5)) == [200, 200, 200]
    assert await statuses(httpx.Response(200, text="<html>proxy</html>")) == [0, 0, 0]
    assert await statuses(httpx.Response(200, text="")) == [0, 0, 0]


async def test_an_outer_failure_is_every_writes() -> None:
    assert await statuses(httpx.Response(502, text="<html>Bad gateway</html>")) == [502] * 3
    assert (
        await statuses(json(400, {"error": {"code": "0x80048d19", "message": "Stream was not readable."}})) == [400] * 3
    )
    assert await statuses(httpx.ReadError("reset")) == [0] * 3
    assert await statuses(httpx.ReadError("reset"), writes=1) == [0]


async def test_refused_sign_in_does_not_count_against_records() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return json(401, {"error": "invalid_client", "error_description": "AADSTS7000222: expired"})

    async with scripted(Side.SALES, refuse) as client:
        for number in (1, 3):
            answers = await DataverseTarget(client).write([create(n) for n in range(number)])
            assert all(error(one).transient and error(one).problem.code == "sign-in-refused" for one in answers)


async def test_promise_9_a_throttled_part_holds_the_whole_side() -> None:
    ticker = Ticker()
    throttled = "429 Too Many Requests\r\nRetry-After: 12"
    script = Script(batch_answer(("204 No Content", ""), (throttled, "{}")), json(200, {"value": []}))
    async with scripted(Side.SALES, script, ticker) as client:
        target = DataverseTarget(client)
        answers = await target.write([create(1), create(2)])
        await target.read(CUSTOMER, [GUID.format(1)])
    assert error(answers[1]).status == 429
    assert ticker.slept == [12.0]


async def test_reads_many_ids_in_several_queries() -> None:
    async with sales(accounts=accounts(130)) as client:
        wanted = [GUID.format(n) for n in range(200)]
        found = await DataverseTarget(client).read(CUSTOMER, wanted)
        assert sorted(found) == [GUID.format(n) for n in range(130)]
        assert found[GUID.format(7)]["name"] == "Account 7"
        reads = [entry for entry in state(client).control.log.entries() if "$filter" in entry.path]
        assert len(reads) == 4


async def test_hundreds_of_ids_are_looked_up_in_one_request() -> None:
    async with sales(accounts=accounts(400)) as client:
        found = await DataverseTarget(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])
        assert len(found) == 400
        asked = [one for one in state(client).control.log.entries() if not one.part]
        assert [one.path.rpartition("/")[2] for one in asked] == ["token", "$batch"]
        assert state(client).control.log.entries(writes=True) == []


@pytest.mark.parametrize("path", ["/accounts", "/$batch"], ids=["a part", "the whole"])
async def test_a_query_that_a_batch_does_not_answer_is_asked_by_itself(path: str) -> None:
    async with sales(accounts=accounts(400)) as client:
        state(client).control.faults.arm(Fault(status=501, count=1, path=path))
        assert len(await DataverseTarget(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])) == 400


async def test_a_batch_of_queries_is_repeated_as_any_read_and_its_failure_is_told() -> None:
    async with sales(accounts=accounts(400)) as client:
        faults = state(client).control.faults
        faults.arm(Fault(status=502, count=2, path="/$batch"))
        assert len(await DataverseTarget(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])) == 400
        faults.arm(Fault(status=403, count=100, path="/accounts"))
        with pytest.raises(ApiError) as refused:
            await DataverseTarget(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])
        assert refused.value.status == 403


async def test_finds_text_with_quotes_and_records_by_lookup() -> None:
    rows = accounts(3)
    rows[1]["name"] = "O'Hara & Söhne + 50%"
    euro = {
        "transactioncurrencyid": GUID.format(500),
        "isocurrencycode": "USD",
        "currencyname": "Dollar",
        "currencysymbol": "$",
        "currencyprecision": 2,
        "exchangerate": 1.1,
    }
    rows[2]["_transactioncurrencyid_value"] = GUID.format(500)
    async with sales(accounts=rows, transactioncurrencies=[euro]) as client:
        target = DataverseTarget(client)
        named = await target.find(CUSTOMER, "name", ["O'Hara & Söhne + 50%", "nobody"])
        assert [found["accountid"] for found in named] == [GUID.format(1)]
        looked = await target.find(CUSTOMER, "transactioncurrencyid", [GUID.format(500)])
        assert [values(CUSTOMER, Side.SALES, found)["name"] for found in looked] == ["Account 2"]
        assert await target.find(CUSTOMER, "name", []) == []


async def test_base_units_are_the_references_of_unit_groups() -> None:
    units = MAPPINGS["UNITOFMEASURE"]
    async with sales() as client:
        target = DataverseTarget(client)
        groups = [Write(units, GUID.format(n), {"name": f"NAV U{n}", "baseuomname": f"U{n}"}) for n in range(3)]
        for made in await target.write(groups):
            row(made)
        found = await target.references(units.sales, [GUID.format(n) for n in range(4)])
        assert sorted(found) == [GUID.format(n) for n in range(3)]
        uoms: list[Row] = (await client.get("api/data/v9.2/uoms?$select=uomid,_uomscheduleid_value")).json()["value"]
        assert {str(one["_uomscheduleid_value"]): {"uom": one["uomid"]} for one in uoms} == found


async def test_products_bind_units_and_become_active_afterwards() -> None:
    units, items = MAPPINGS["UNITOFMEASURE"], MAPPINGS["ITEM-PRODUCT"]
    async with sales() as client:
        target = DataverseTarget(client)
        await target.write([Write(units, GUID.format(1), {"name": "NAV PCS", "baseuomname": "PCS"})])
        uom = (await target.references(units.sales, [GUID.format(1)]))[GUID.format(1)]["uom"]
        fields = {"productnumber": "1000", "name": "Bike", "defaultuomid": uom, "defaultuomscheduleid": GUID.format(1)}
        (made,) = await target.write(
            [Write(items, GUID.format(2), {**fields, "producttypecode": 1, "quantitydecimal": 2})]
        )
        found = row(made)
        assert values(items, Side.SALES, found)["defaultuomid"] == uom
        (active,) = await target.write(
            [Write(items, GUID.format(2), {"statecode": 0, "statuscode": 1}, found["@odata.etag"])]
        )
        assert row(active)["statecode"] == 0


@pytest.mark.parametrize("kind", ["drop", "html", "status"])
async def test_d_123_an_answer_lost_after_commit_is_an_unknown_outcome(kind: str) -> None:
    async with sales() as client:
        fault = {"kind": kind, "status": 502, "method": "PATCH", "path": "/accounts", "after_commit": True}
        await client.post("/_sandbox/faults", json=fault, auth=None)
        target = DataverseTarget(client)
        (lost,) = await target.write([create(1)])
        assert error(lost).transient
        (again,) = await target.write([create(1)])
        assert is_duplicate(Side.SALES, error(again))


async def test_a_lookup_that_is_not_mapped_is_bound_as_an_insert_template_writes_it() -> None:
    async with sales(pricelevels=[{"pricelevelid": GUID.format(7), "name": "Retail"}]) as client:
        bound = {"defaultpricelevelid@odata.bind": f"/pricelevels({GUID.format(7)})", "creditonhold": True}
        (made,) = await DataverseTarget(client).write([create(1, **bound)])
        assert isinstance(made, Written)
        stored = (await client.get(f"api/data/v9.2/accounts({GUID.format(1)})")).json()
        assert (stored["_defaultpricelevelid_value"], stored["creditonhold"]) == (GUID.format(7), True)
