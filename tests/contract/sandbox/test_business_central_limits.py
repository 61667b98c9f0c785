"""Limits, replica lag, faults, the log and `$metadata` (wire-protocols A1, A6, D2 56–58, D5)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import httpx
import pytest

from daemon.sandbox.business_central import BcSettings, create_app
from tests.contract.sandbox.business_central_support import (
    COMPANY,
    CREDENTIALS,
    CUSTOM,
    ID,
    ROOT,
    TOKEN_URL,
    customers,
    error,
    message,
    part,
    tenant,
)
from tests.support.strangers import served
from tests.support.waiting import wait_until

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.mark.parametrize("hint", [False, True])
async def test_d_056_sliding_window(hint: bool) -> None:
    async with tenant(rate_limit=4, retry_after_on_429=hint) as bc:
        for _ in range(4):
            assert (await bc.get("customers")).status_code == 200
            bc.clock.advance(seconds=60)
        answer = await bc.get("customers")
        assert error(answer) == (429, "Application_TooManyRequests")
        assert ("Retry-After" in answer.headers) == hint
        bc.clock.advance(seconds=60)
        assert (await bc.get("customers")).status_code == 200, "the first request has left the window"
        assert (await bc.get("customers")).status_code == 429, "but only the first"


async def test_d_056_default_is_6000_in_five_minutes() -> None:
    async with tenant() as bc:
        for _ in range(60):
            assert (await bc.batch(*[part("GET", "companyInformation")] * 100)).status_code == 200
        assert (await bc.get("customers")).status_code == 429
        bc.clock.advance(seconds=300)
        assert (await bc.get("customers")).status_code == 200


@pytest.mark.parametrize("counted", [True, False])
async def test_d_056_batch_parts_count(counted: bool) -> None:
    async with tenant(rate_limit=3, batch_parts_count=counted) as bc:
        answer = await bc.batch(*[part("GET", "customers")] * 5)
        statuses = [one["status"] for one in answer.json()["responses"]]
        assert statuses == ([200, 200, 200, 429, 429] if counted else [200] * 5)


async def test_d_057_more_than_fit_into_the_queue() -> None:
    release = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        await release.wait()
        yield b'{"displayName": "A"}'

    async with tenant(concurrent_requests=2, queued_requests=1) as bc:
        url, headers = f"{ROOT}/{COMPANY}/customers", {"Content-Type": "application/json"}
        tasks = [asyncio.create_task(bc.http.post(url, content=slow(), headers=headers)) for _ in range(4)]
        first, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status_code for task in first] == [429]
        release.set()
        assert sorted(answer.status_code for answer in await asyncio.gather(*tasks)) == [201, 201, 201, 429]


@pytest.mark.parametrize("limit", [1, 3])
def test_d_057_open_connections_count_also_where_nothing_runs(limit: int) -> None:
    made = create_app(BcSettings(connections_limit=limit), {}, lambda: datetime.now(UTC))
    with served(made) as url, contextlib.ExitStack() as stack:
        token = httpx.post(f"{url}{TOKEN_URL}", data=CREDENTIALS).json()["access_token"]
        clients = [stack.enter_context(httpx.Client(base_url=url)) for _ in range(limit + 1)]
        companies, signed = f"{ROOT}/companies", {"Authorization": f"Bearer {token}"}
        statuses = [client.get(companies, headers=signed).status_code for client in clients]
        assert statuses == [200] * limit + [429]
        clients[0].close()
        wait_until(lambda: clients[-1].get(companies, headers=signed).status_code == 200, 10, "the place of another")


async def test_d_057_the_defaults_of_the_limits() -> None:
    limits = BcSettings()
    assert (limits.concurrent_requests, limits.queued_requests, limits.connections_limit) == (5, 95, 100)
    assert (limits.queue_seconds, limits.operation_seconds) == (480, 480)


async def test_d_057_by_default_a_hundred_run_or_wait() -> None:
    release = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        await release.wait()
        yield b'{"displayName": "A"}'

    async with tenant() as bc:
        url, headers = f"{ROOT}/{COMPANY}/customers", {"Content-Type": "application/json"}
        tasks = [asyncio.create_task(bc.http.post(url, content=slow(), headers=headers)) for _ in range(101)]
        first, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status_code for task in first] == [429]
        release.set()
        assert sorted(answer.status_code for answer in await asyncio.gather(*tasks)) == [201] * 100 + [429]


async def test_d_057_waiting_too_long_is_503() -> None:
    release = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        await release.wait()
        yield b'{"displayName": "A"}'

    async with tenant(concurrent_requests=1, queue_seconds=0) as bc:
        url, headers = f"{ROOT}/{COMPANY}/customers", {"Content-Type": "application/json"}
        tasks = [asyncio.create_task(bc.http.post(url, content=slow(), headers=headers)) for _ in range(2)]
        first, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        (answer,) = [task.result() for task in first]
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        release.set()
        await asyncio.gather(*tasks)


async def test_d_057_an_operation_that_takes_too_long_is_408() -> None:
    async with tenant(latency_seconds=60, operation_seconds=0.01) as bc:
        answer = await bc.send("POST", "customers", {"displayName": "A"})
        assert error(answer) == (408, "Application_OperationTimeout")
        assert (await bc.http.get("/")).json()["rows"]["customers"] == 0


async def test_d_057_gateway_error_after_the_write() -> None:
    async with tenant() as bc:
        fault = {"status": 504, "count": 1, "method": "POST", "path": "customers", "after_commit": True}
        assert (await bc.http.post("/_sandbox/faults", json=fault)).status_code == 200
        assert (await bc.send("POST", "customers", {"displayName": "A"})).status_code == 504
        assert len(await bc.rows("customers")) == 1
        assert (await bc.send("POST", "customers", {"displayName": "A"})).status_code == 201


@pytest.mark.parametrize("lag", [0, 30])
async def test_d_058_read_only_intent_may_lag(lag: float) -> None:
    async with tenant(customers(2), replica_lag_seconds=lag) as bc:
        await bc.patch("customers", ID.format(0), city="X")
        await bc.send("DELETE", f"customers({ID.format(1)})")
        replica = await bc.rows("customers", Data_Access_Intent="ReadOnly")
        assert [row["city"] for row in replica] == (["", ""] if lag else ["X"])
        assert [row["city"] for row in await bc.rows("customers", Data_Access_Intent="ReadWrite")] == ["X"]
        bc.clock.advance(seconds=30)
        assert [row["city"] for row in await bc.rows("customers", Data_Access_Intent="ReadOnly")] == ["X"]


async def test_d_058_write_with_read_only_intent() -> None:
    async with tenant(customers(1)) as bc:
        path = f"customers({ID.format(0)})"
        answer = await bc.send("PATCH", path, {"city": "X"}, If_Match="*", Data_Access_Intent="ReadOnly")
        assert error(answer)[0] == 400


async def test_d_123_faults_by_verb_path_and_count() -> None:
    async with tenant(customers(1)) as bc:
        fault = {"status": 503, "count": 2, "method": "PATCH", "path": "customers", "retry_after": 1}
        await bc.http.post("/_sandbox/faults", json=fault)
        assert (await bc.get("customers")).status_code == 200
        answer = await bc.patch("customers", ID.format(0), city="X")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        message(answer)
        change = part("PATCH", f"customers({ID.format(0)})", {"city": "X"}, If_Match="*")
        inside = (await bc.batch(change, change)).json()["responses"]
        assert [(one["status"], one["headers"].get("retry-after")) for one in inside] == [(503, "1"), (200, None)]
        assert (await bc.http.get("/_sandbox/faults")).json() == {"armed": []}


@pytest.mark.parametrize("kind", ["drop", "truncate", "html"])
async def test_d_123_broken_answers(kind: str) -> None:
    async with tenant(customers(1)) as bc:
        await bc.http.post("/_sandbox/faults", json={"status": 502, "kind": kind, "after_commit": True})
        if kind == "html":
            answer = await bc.patch("customers", ID.format(0), city="X")
            assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
        else:
            with pytest.raises(ConnectionResetError):
                await bc.patch("customers", ID.format(0), city="X")
        assert (await bc.get(f"customers({ID.format(0)})")).json()["city"] == "X"


async def test_d_123_faults_can_be_cleared_and_are_checked() -> None:
    async with tenant() as bc:
        await bc.http.post("/_sandbox/faults", json={"count": 9})
        await bc.http.delete("/_sandbox/faults")
        assert (await bc.get("customers")).status_code == 200
        broken: list[object] = [{"nosuch": 1}, {"status": "503"}, {"kind": "nosuch"}, []]
        for wrong in broken:
            assert (await bc.http.post("/_sandbox/faults", json=wrong)).status_code == 400


async def test_d_123_change_committed_with_an_older_time() -> None:
    async with tenant(customers(1)) as bc:
        await bc.patch("customers", ID.format(0), city="X")
        url = f"customers({ID.format(0)})"
        old = {"If_Match": "*", "X_Sandbox_Modified_At": "2026-01-05T11:59:00Z"}
        assert (await bc.send("PATCH", url, {"city": "Y"}, **old)).json()[
            "lastModifiedDateTime"
        ] == "2026-01-05T11:59:00Z"


async def test_d_123_clock_can_be_moved() -> None:
    async with tenant() as bc:
        await bc.http.post("/_sandbox/clock", json={"advance_seconds": 60})
        await bc.http.post("/_sandbox/clock", json={"advance_seconds": 30})
        assert (await bc.http.get("/_sandbox/clock")).json()["offset_seconds"] == 90
        made = await bc.create("customers", displayName="A")
        assert made["lastModifiedDateTime"] == "2026-01-05T12:01:30.123Z"
        answer = await bc.http.post("/_sandbox/clock", json={"offset_seconds": -300})
        assert answer.json()["now"].startswith("2026-01-05T11:55:00")
        for wrong in ({}, {"advance_seconds": "1"}, {"advance_seconds": 1, "offset_seconds": 1}):
            assert (await bc.http.post("/_sandbox/clock", json=wrong)).status_code == 400


async def test_request_log_has_parts_and_knows_writes() -> None:
    async with tenant() as bc:
        before = (await bc.http.get("/_sandbox/requests")).json()["total"]
        await bc.get("customers?$top=1")
        await bc.batch(part("POST", "customers", {"displayName": "A"}), part("GET", "customers"))
        log = (await bc.http.get(f"/_sandbox/requests?since={before}")).json()
        assert log["total"] == before + 4
        shown = [(one["method"], one["status"], one["part"], one["write"]) for one in log["entries"]]
        assert shown == [
            ("GET", 200, False, False),
            ("POST", 201, True, True),
            ("GET", 200, True, False),
            ("POST", 200, False, False),
        ]
        assert log["entries"][0]["path"] == f"{ROOT}/{COMPANY}/customers?$top=1"
        writes = (await bc.http.get("/_sandbox/requests?writes=true")).json()["entries"]
        assert [one["path"] for one in writes] == [f"{ROOT}/{COMPANY}/customers"]


async def test_request_log_is_bounded() -> None:
    async with tenant(log_entries=3) as bc:
        for _ in range(5):
            await bc.get("customers")
        log = (await bc.http.get("/_sandbox/requests")).json()
        assert (log["total"], [one["n"] for one in log["entries"]]) == (6, [4, 5, 6])


async def test_a1_metadata_describes_every_field() -> None:
    async with tenant() as bc:
        answer = await bc.get(f"{ROOT}/$metadata")
        assert answer.headers["Content-Type"] == "application/xml"
        root = ET.fromstring(answer.content)
        sets = {one.get("Name") for one in root.iter(f"{EDM}EntitySet")}
        assert {"companies", "customers", "items", "currencyExchangeRates"} <= sets
        assert "resources" not in sets
        (customer,) = [one for one in root.iter(f"{EDM}EntityType") if one.get("Name") == "customer"]
        properties = {one.get("Name"): one for one in customer.iter(f"{EDM}Property")}
        assert (properties["number"].get("Type"), properties["number"].get("MaxLength")) == ("Edm.String", "20")
        assert properties["lastModifiedDateTime"].get("Type") == "Edm.DateTimeOffset"
        assert properties["blocked"].get("Type") == "Microsoft.NAV.customerBlocked"
        custom = ET.fromstring((await bc.get(f"{CUSTOM}/$metadata")).content)
        assert {one.get("Name") for one in custom.iter(f"{EDM}EntitySet")} == {
            "companies",
            "resources",
            "coupledCustomers",
        }


async def test_a1_service_document_and_index() -> None:
    async with tenant(customers(2)) as bc:
        document = (await bc.get(ROOT)).json()
        assert {"name": "customers", "kind": "EntitySet", "url": "customers"} in document["value"]
        assert (await bc.http.get("/")).json()["rows"]["customers"] == 2
