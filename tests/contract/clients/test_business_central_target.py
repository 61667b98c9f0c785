"""Writing to Business Central (wire-protocols A5; promises 3, 7, 9)."""

from typing import Any

import httpx
import orjson
import pytest

from consumers.business_central import BusinessCentralTarget
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.faults import Fault
from schemas.answers import is_duplicate, is_missing, is_stale
from schemas.errors import ApiError
from schemas.rows import half, values
from schemas.side import Side
from schemas.write import Write, Written
from tests.contract.clients.client_support import (
    COMPANY,
    CUSTOMER,
    GUID,
    MAPPINGS,
    Script,
    Ticker,
    bc,
    error,
    json,
    row,
    scripted,
    state,
)

CONTACTS, ITEMS, RESOURCES = MAPPINGS["CONTACTS"], MAPPINGS["ITEM-PRODUCT"], MAPPINGS["RESOURCE-PRODUCT"]


def target(client: httpx.AsyncClient, **options: Any) -> BusinessCentralTarget:
    return BusinessCentralTarget(client, COMPANY, **options)


def customers(number: int) -> list[dict[str, Any]]:
    return [{"id": GUID.format(n), "number": f"C{n:05d}", "displayName": f"Customer {n}"} for n in range(number)]


def create(number: int, **fields: Any) -> Write:
    return Write(CUSTOMER, "", {"displayName": f"Customer {number}", **fields})


def update(number: int, version: str, **fields: Any) -> Write:
    return Write(CUSTOMER, GUID.format(number), fields, version)


async def version(made: BusinessCentralTarget, number: int) -> str:
    found = await made.read(CUSTOMER, [GUID.format(number)])
    return str(found[GUID.format(number)]["@odata.etag"])


async def test_one_write_is_a_request_of_its_own_and_answers_the_whole_record() -> None:
    async with bc() as client:
        writer = target(client)
        (made,) = await writer.write([create(1, city="Århus")])
        stored = half(CUSTOMER, Side.BC, row(made))
        assert (stored.base["displayName"], stored.base["city"]) == ("Customer 1", "Århus")
        assert stored.sequence > 0
        (changed,) = await writer.write([Write(CUSTOMER, stored.id, {"city": None}, stored.version, {"city": "Århus"})])
        assert row(changed)["city"] == ""
        assert row(changed)["@odata.etag"] != stored.version
        methods = [entry.method for entry in state(client).control.log.entries(writes=True)]
        assert methods == ["POST", "PATCH"]


@pytest.mark.parametrize("status", [409, 412])
async def test_d_040_stale_is_stale_in_either_wording(status: int) -> None:
    async with bc(chosen=BcSettings(stale_status=status), customers=customers(2)) as client:  # type: ignore[arg-type]
        writer = target(client)
        old = await version(writer, 0)
        await writer.write([update(0, old, city="A")])
        (alone,) = await writer.write([update(0, old, city="B")])
        stale, missing = await writer.write([update(0, old, city="B"), update(9, 'W/"x"', city="B")])
        assert is_stale(Side.BC, error(alone))
        assert is_stale(Side.BC, error(stale))
        assert not isinstance(missing, Written)
        gone, _ = await writer.write([update(9, old, city="B"), create(5)])
        assert is_missing(Side.BC, error(gone))


@pytest.mark.parametrize("status", [400, 409])
async def test_d_031_a_number_that_is_taken_is_a_duplicate_in_either_wording(status: int) -> None:
    async with bc(chosen=BcSettings(duplicate_status=status), items=[{"number": "1000"}]) as client:  # type: ignore[arg-type]
        writes = [Write(ITEMS, "", {"number": "1000", "displayName": "x"}), Write(ITEMS, "", {"number": "1001"})]
        taken, made = await target(client).write(writes)
        assert is_duplicate(Side.BC, error(taken))
        assert not is_stale(Side.BC, error(taken))
        assert row(made)["number"] == "1001"


async def test_d_052_in_a_batch_one_bad_write_does_not_harm_the_others() -> None:
    async with bc(customers=customers(1)) as client:
        writes = [create(n) for n in range(250)]
        writes[3] = create(3, displayName="")
        answers = await target(client).write(writes)
        assert error(answers[3]).status == 400
        assert [row(answers[n])["displayName"] for n in (0, 99, 100, 249)] == [
            f"Customer {n}" for n in (0, 99, 100, 249)
        ]
        entries = state(client).control.log.entries()
        assert sum(entry.path.endswith("$batch") for entry in entries) == 13
        assert sum(entry.part for entry in entries) == 250


@pytest.mark.parametrize(
    ("writes", "sizes"),
    [
        ([create(n) for n in range(250)], [20] * 12 + [10]),
        ([Write(ITEMS, "", {"number": f"I{n}", "displayName": "x"}) for n in range(250)], [100, 100, 50]),
        ([update(n, 'W/"e"', city="x") for n in range(450)], [100] * 4 + [50]),
    ],
)
async def test_h7_creates_that_nothing_can_refuse_twice_go_in_small_batches(
    writes: list[Write], sizes: list[int]
) -> None:
    script = Script(*[json(200, {"responses": []})] * len(sizes))
    async with scripted(Side.BC, script) as client:
        await target(client).write(writes)
    assert sorted(len(orjson.loads(asked.content)["requests"]) for asked in script.asked) == sorted(sizes)
    assert sorted(asked.extensions["parts"] for asked in script.asked) == sorted(sizes)


async def test_each_api_has_batches_of_its_own() -> None:
    async with bc() as client:
        items = [Write(ITEMS, "", {"number": f"I{n}", "displayName": "Bike"}) for n in range(2)]
        resources = [Write(RESOURCES, "", {"number": f"R{n}", "displayName": "Ann"}) for n in range(2)]
        writes = [items[0], resources[0], items[1], resources[1]]
        answers = await target(client).write(writes)
        assert [row(one)["number"] for one in answers] == ["I0", "R0", "I1", "R1"]
        batches = [entry.path for entry in state(client).control.log.entries() if entry.path.endswith("$batch")]
        assert sorted(batches) == ["/v2.0/sandbox/api/coupled/sync/v1.0/$batch", "/v2.0/sandbox/api/v2.0/$batch"]


async def test_promise_3_a_write_without_a_known_version_is_stale_and_not_sent() -> None:
    async with bc(customers=customers(1)) as client:
        (unknown,) = await target(client).write([update(0, "", city="Blind")])
        assert is_stale(Side.BC, error(unknown))
        assert state(client).control.log.entries(writes=True) == []


async def test_batches_carry_conditions_and_no_isolation() -> None:
    script = Script(json(200, {"responses": []}))
    async with scripted(Side.BC, script) as client:
        named = Write(CUSTOMER, "", {"number": "C1", "displayName": "A"})
        answers = await target(client).write([named, update(2, 'W/"e"', city="x")])
    (asked,) = script.asked
    first, second = orjson.loads(asked.content)["requests"]
    assert "Isolation" not in asked.headers
    assert (first["method"], first["url"]) == ("POST", f"companies({COMPANY})/customers")
    assert (second["method"], second["url"]) == ("PATCH", f"companies({COMPANY})/customers({GUID.format(2)})")
    assert second["headers"]["If-Match"] == 'W/"e"'
    assert [error(one).status for one in answers] == [0, 0]


async def outcomes(*answers: Any) -> list[int]:
    async with scripted(Side.BC, Script(*answers)) as client:
        found = await target(client).write([create(n) for n in range(3)])
    return [200 if isinstance(one, Written) else one.status for one in found]


async def test_answers_are_matched_by_id_and_what_is_missing_is_unknown() -> None:
    parts = [{"id": "2", "status": 201, "body": {"id": "x"}}, {"id": "0", "status": 400, "body": '{"error":{}}'}]
    assert await outcomes(json(200, {"responses": parts})) == [400, 0, 200]
    assert await outcomes(json(200, {"responses": ["odd", {"id": "1"}, None]})) == [0, 0, 0]
    assert await outcomes(json(200, {"responses": [{"id": "1", "status": 200, "body": "<html>"}]})) == [0, 0, 0]
    assert await outcomes(json(200, {"responses": [{"id": "1", "status": 204}]})) == [0, 200, 0]
    assert await outcomes(httpx.Response(200, text='{"responses": [')) == [0, 0, 0]
    assert await outcomes(httpx.Response(504, text="<html>")) == [504] * 3
    assert await outcomes(httpx.ReadTimeout("slow")) == [0] * 3


async def test_promise_9_a_throttled_part_holds_the_whole_side() -> None:
    ticker = Ticker()
    part = {"id": "1", "status": 429, "headers": {"Retry-After": "9"}, "body": {}}
    async with scripted(Side.BC, Script(json(200, {"responses": [part]}), json(200, {"value": []})), ticker) as client:
        writer = target(client)
        await writer.write([create(1), create(2)])
        await writer.read(CUSTOMER, [GUID.format(1)])
    assert ticker.slept == [9.0]


@pytest.mark.parametrize("headers", [{}, {"retry-after": "Mon, 05 Jan 2026 11:00:00 GMT"}, None])
async def test_promise_9_throttled_parts_that_name_no_time_hold_longer_each_time(headers: Any) -> None:
    ticker = Ticker()
    parts = [{"id": str(n), "status": 429, "headers": headers, "body": {}} for n in range(2)]
    async with scripted(Side.BC, Script(*[json(200, {"responses": parts})] * 4), ticker) as client:
        for _ in range(4):
            await target(client).write([create(1), create(2)])
    assert ticker.slept == [1.0, 2.0, 4.0]


async def test_reads_and_finds_with_or_on_one_field_only() -> None:
    rows = customers(120)
    rows[4]["displayName"] = "O'Hara & Söhne + 50%"
    async with bc(customers=rows) as client:
        reader = target(client)
        found = await reader.read(CUSTOMER, [GUID.format(n) for n in range(130)])
        assert len(found) == 120
        assert values(CUSTOMER, Side.BC, found[GUID.format(3)])["displayName"] == "Customer 3"
        named = await reader.find(CUSTOMER, "displayName", ["O'Hara & Söhne + 50%", "Customer 5"])
        assert sorted(str(one["number"]) for one in named) == ["C00004", "C00005"]
        assert await reader.find(CUSTOMER, "displayName", []) == []


async def test_codes_are_found_whatever_their_case() -> None:
    async with bc(items=[{"number": "AB-1", "displayName": "x"}]) as client:
        found = await target(client).find(ITEMS, "number", ["ab-1"])
        assert [one["number"] for one in found] == ["AB-1"]


async def test_references_are_the_key_and_what_parts_tell() -> None:
    async with bc(customers=customers(2)) as client:
        reader = target(client)
        found = await reader.references(CUSTOMER.bc, [GUID.format(0), GUID.format(1), GUID.format(9)])
        assert sorted(found) == [GUID.format(0), GUID.format(1)]
        assert found[GUID.format(0)]["number"] == "C00000"
        number = found[GUID.format(0)]["contact"]
        person = {"displayName": "Ann Lee", "type": "Person", "companyNumber": number}
        (made,) = await reader.write([Write(CONTACTS, "", person)])
        assert row(made)["companyNumber"] == number


@pytest.mark.parametrize("count", [1, 2])
async def test_d_123_an_answer_lost_after_commit_is_an_unknown_outcome(count: int) -> None:
    async with bc() as client:
        fault = {"kind": "html", "status": 504, "method": "POST", "path": "/api/v2.0/", "after_commit": True}
        await client.post("http://localhost:8099/_sandbox/faults", json=fault, auth=None)
        writer = target(client)
        writes = [Write(ITEMS, "", {"number": f"I{n}", "displayName": "x"}) for n in range(count)]
        assert [error(one).status for one in await writer.write(writes)] == [504] * count
        assert all(is_duplicate(Side.BC, error(one)) for one in await writer.write(writes))


async def test_fields_that_are_not_mapped_are_written_as_an_insert_template_has_them() -> None:
    async with bc() as client:
        writer = target(client)
        (made,) = await writer.write([create(1, taxLiable=True, creditLimit=1000, type="Person")])
        path = f"api/v2.0/companies({COMPANY})/customers({row(made)['id']})"
        stored = (await client.get(path)).json()
        assert (stored["taxLiable"], stored["creditLimit"], stored["type"]) == (True, 1000, "Person")


async def test_hundreds_of_ids_are_looked_up_in_one_request() -> None:
    async with bc(customers=customers(400)) as client:
        found = await target(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])
        assert len(found) == 400
        asked = [one for one in state(client).control.log.entries() if not one.part]
        assert [one.path.rpartition("/")[2] for one in asked] == ["token", "$batch"]
        assert state(client).control.log.entries(writes=True) == []


@pytest.mark.parametrize("path", ["/customers", "/$batch"], ids=["a part", "the whole"])
async def test_a_query_that_a_batch_does_not_answer_is_asked_by_itself(path: str) -> None:
    async with bc(customers=customers(400)) as client:
        state(client).control.faults.arm(Fault(status=501, count=1, path=path))
        found = await target(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])
        assert len(found) == 400


async def test_a_batch_of_queries_is_repeated_as_any_read_and_its_failure_is_told() -> None:
    async with bc(customers=customers(400)) as client:
        faults = state(client).control.faults
        faults.arm(Fault(status=502, count=2, path="/$batch"))
        assert len(await target(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])) == 400
        faults.arm(Fault(status=403, count=100, path="/customers"))
        with pytest.raises(ApiError) as refused:
            await target(client).read(CUSTOMER, [GUID.format(number) for number in range(400)])
        assert refused.value.status == 403
