"""Tokens, headers, addressing, limits (wire-protocols D1, D4 74–76, 93, 117)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox.dataverse_support import CREDENTIALS, HOST, ID, ROOT, TOKEN_URL, accounts, code, org


async def test_d_001_token_for_the_servers_own_address_and_the_documented_one() -> None:
    async with org() as dataverse:
        for scope in (f"{HOST}/.default", "https://contoso.crm.dynamics.com/.default"):
            answer = await dataverse.http.post(TOKEN_URL, data={**CREDENTIALS, "scope": scope})
            assert answer.status_code == 200
            token = answer.json()
            assert (token["token_type"], token["expires_in"]) == ("Bearer", 3599)
            dataverse.http.headers["Authorization"] = f"Bearer {token['access_token']}"
            assert (await dataverse.get("WhoAmI")).status_code == 200


async def test_d_002_003_wrong_secret_client_and_scope() -> None:
    async with org() as dataverse:
        post = dataverse.http.post
        assert (await post(TOKEN_URL, data={**CREDENTIALS, "client_secret": "no"})).status_code == 401
        assert (await post(TOKEN_URL, data={**CREDENTIALS, "client_id": "no"})).status_code == 400
        foreign = {**CREDENTIALS, "scope": "https://api.businesscentral.dynamics.com/.default"}
        assert (await post(TOKEN_URL, data=foreign)).status_code == 400


async def test_d_006_an_expired_token_is_401_until_a_new_one_comes() -> None:
    async with org() as dataverse:
        dataverse.clock.advance(hours=1)
        assert (await dataverse.get("WhoAmI")).status_code == 401
        await dataverse.sign_in()
        assert (await dataverse.get("WhoAmI")).status_code == 200


async def test_d_074_who_am_i_and_401_without_a_token() -> None:
    async with org() as dataverse:
        body = (await dataverse.get("WhoAmI")).json()
        assert {"BusinessUnitId", "UserId", "OrganizationId"} <= set(body)
        user = await dataverse.get(f"systemusers({body['UserId']})?$select=islicensed,isintegrationuser")
        assert user.json()["isintegrationuser"] is True
        assert user.json()["islicensed"] is False
        del dataverse.http.headers["Authorization"]
        refused = await dataverse.get("accounts")
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def _has_the_headers_of_every_answer(answer: httpx.Response) -> None:
    assert answer.headers.get_list("OData-Version") == ["4.0"]
    ids = [answer.headers[name] for name in ("REQ_ID", "x-ms-service-request-id")]
    assert ids == [str(UUID(one)) for one in ids]
    assert 0 <= int(answer.headers["x-ms-ratelimit-burst-remaining-xrm-requests"]) <= 6000
    assert answer.headers["x-ms-ratelimit-time-remaining-xrm-requests"] == "1,200.00"
    assert answer.headers["x-ms-dop-hint"] == "4"


async def test_d_075_headers_on_every_answer() -> None:
    async with org(DataverseSettings(requests_per_window=9), accounts=accounts(1)) as dataverse:
        row, tag = f"accounts({ID.format(0)})", 'W/"1"'
        answers = [
            await dataverse.get("accounts"),
            await dataverse.send("POST", "accounts", {"name": "x"}),
            await dataverse.send("POST", "accounts", {"name": "x"}, Prefer="return=representation"),
            await dataverse.get(row, If_None_Match=(await dataverse.get(row)).json()["@odata.etag"]),
            await dataverse.get("accounts(1)"),
            await dataverse.get("nosuchset"),
            await dataverse.send("DELETE", "accounts"),
            await dataverse.send("PATCH", row, {"name": "y"}, If_Match=tag),
            await dataverse.get("accounts"),
        ]
        statuses = [answer.status_code for answer in answers]
        assert statuses == [200, 204, 201, 304, 400, 404, 405, 412, 429]
        for answer in answers:
            _has_the_headers_of_every_answer(answer)
        left = [answer.headers["x-ms-ratelimit-burst-remaining-xrm-requests"] for answer in answers]
        assert left == ["8", "7", "6", "4", "3", "2", "1", "0", "0"]
        del dataverse.http.headers["Authorization"]
        refused = await dataverse.get("accounts")
        assert refused.status_code == 401
        _has_the_headers_of_every_answer(refused)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_d_075_123_headers_on_an_injected_error(status: int) -> None:
    async with org() as dataverse:
        await dataverse.http.post("/_sandbox/faults", json={"status": status, "count": 1})
        answer = await dataverse.get("accounts")
        assert answer.status_code == status
        _has_the_headers_of_every_answer(answer)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        await dataverse.http.post("/_sandbox/faults", json={"status": status, "kind": "html"})
        assert "OData-Version" not in (await dataverse.get("accounts")).headers, "a gateway's page"


@pytest.mark.parametrize("hint", [None, 1, 17])
async def test_b6_the_hint_how_many_requests_at_once(hint: int | None) -> None:
    async with org(DataverseSettings(dop_hint=hint)) as dataverse:
        for answer in (await dataverse.get("accounts"), await dataverse.get("nosuchset")):
            assert answer.headers.get("x-ms-dop-hint") == (None if hint is None else str(hint))


async def test_d_076_if_none_match_null_is_ignored_on_any_verb() -> None:
    async with org(accounts=accounts(1)) as dataverse:
        path = "accounts(11111111-0000-0000-0000-000000000000)"
        assert (await dataverse.send("GET", path, If_None_Match="null")).status_code == 200
        assert (await dataverse.send("PATCH", path, {"name": "x"}, If_None_Match="null")).status_code == 204
        assert (await dataverse.send("DELETE", path, If_None_Match="null")).status_code == 204
        body = {"accountid": ID.format(0), "name": "again"}
        assert (await dataverse.send("POST", "accounts", body, If_None_Match="null")).status_code == 204
        put = await dataverse.send("PUT", f"{path}/name", {"value": "put"}, If_None_Match="null")
        assert put.status_code == 204
        assert (await dataverse.get(path, If_None_Match="null")).json()["name"] == "put"


async def test_d_093_names_are_case_sensitive() -> None:
    async with org() as dataverse:
        assert code(await dataverse.get("Account")) == (404, "0x8006088a")
        bad = await dataverse.send("POST", "accounts", {"Name": "x"})
        assert bad.status_code == 400
        assert "Invalid property 'Name' was found in entity 'Microsoft.Dynamics.CRM.account'" in bad.text
        for query in ("$select=Name", "$filter=Name eq 'x'", "$orderby=Name"):
            bad = await dataverse.get(f"accounts?{query}")
            assert bad.status_code == 400
            assert "Could not find a property named 'Name' on type 'Microsoft.Dynamics.CRM.account'" in bad.text


async def test_wrong_verbs_and_unknown_options() -> None:
    async with org() as dataverse:
        wrong = await dataverse.send("POST", "WhoAmI", {})
        assert code(wrong) == (404, "")
        assert "No HTTP resource was found that matches the request URI" in wrong.text
        assert (await dataverse.send("DELETE", "accounts")).status_code == 405
        assert (await dataverse.send("PATCH", "accounts", {})).status_code == 405
        for option in ("$compute=x", "sql=SELECT%20name%20FROM%20account"):
            assert (await dataverse.get(f"accounts?{option}")).status_code == 400
        assert (await dataverse.get("accounts?tag=echo")).status_code == 200
        assert (await dataverse.get("accounts?$filter=" + "x" * 33_000)).status_code == 414


async def _limited(**limits: int) -> DataverseSettings:
    return DataverseSettings(**limits)  # type: ignore[arg-type]


async def test_d_117_requests_per_window_slide_and_ignoring_retry_after_waits_longer() -> None:
    async with org(await _limited(requests_per_window=3)) as dataverse:
        for _ in range(3):
            assert (await dataverse.get("WhoAmI")).status_code == 200
            dataverse.clock.advance(seconds=10)
        refused = await dataverse.get("WhoAmI")
        assert code(refused) == (429, "0x80072322")
        wait = int(refused.headers["Retry-After"])
        assert wait == 270
        again = await dataverse.get("WhoAmI")
        assert int(again.headers["Retry-After"]) > wait
        dataverse.clock.advance(seconds=int(again.headers["Retry-After"]))
        assert (await dataverse.get("WhoAmI")).status_code == 200


async def test_d_117_the_defaults_are_6000_requests_in_300_seconds() -> None:
    async with org() as dataverse:
        part = "--b\r\nContent-Type: application/http\r\n\r\nGET WhoAmI HTTP/1.1\r\n\r\n\r\n"
        headers = {"Content-Type": "multipart/mixed;boundary=b"}
        for _ in range(6):
            batch = await dataverse.http.post(f"{ROOT}$batch", content=part * 1000 + "--b--\r\n", headers=headers)
            assert batch.status_code == 200
        refused = await dataverse.get("WhoAmI")
        assert code(refused) == (429, "0x80072322")
        assert refused.headers["Retry-After"] == "300"
        text = "Number of requests exceeded the limit of 6000 over time window of 300 seconds."
        assert refused.json()["error"]["message"] == text


async def test_d_117_the_defaults_are_52_at_once_and_20_minutes_of_execution() -> None:
    assert DataverseSettings().execution_ms_per_window == 1_200_000
    async with org() as dataverse:
        gate, started = asyncio.Event(), asyncio.Semaphore(0)

        async def slow_body() -> AsyncIterator[bytes]:
            started.release()
            await gate.wait()
            yield b'{"name": "slow"}'

        slow = [asyncio.create_task(_post(dataverse.http.post, slow_body())) for _ in range(52)]
        for _ in slow:
            await started.acquire()
        refused = await dataverse.get("WhoAmI")
        assert code(refused) == (429, "0x80072326")
        assert int(refused.headers["Retry-After"]) >= 1
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*slow)} == {204}


async def test_d_117_each_web_server_limits_by_itself_and_the_affinity_cookie_leads_back_to_one() -> None:
    async with org(await _limited(requests_per_window=3, servers=2)) as dataverse:
        dataverse.http.cookies.clear()
        statuses = []
        for _ in range(7):
            statuses.append((await dataverse.get("WhoAmI")).status_code)
            dataverse.http.cookies.clear()
        assert statuses == [200] * 6 + [429]
    async with org(await _limited(requests_per_window=3, servers=2)) as dataverse:
        assert [(await dataverse.get("WhoAmI")).status_code for _ in range(4)] == [200] * 3 + [429]


async def test_d_117_execution_time_per_window() -> None:
    async with org(await _limited(execution_ms_per_window=2000, request_cost_ms=1000)) as dataverse:
        await dataverse.get("WhoAmI")
        await dataverse.get("WhoAmI")
        assert code(await dataverse.get("WhoAmI")) == (429, "0x80072321")


async def test_d_117_bulk_counts_once_and_batch_parts_each() -> None:
    async with org(await _limited(requests_per_window=10)) as dataverse:
        targets = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": str(n)} for n in range(20)]
        await dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": targets})
        left = (await dataverse.get("WhoAmI")).headers["x-ms-ratelimit-burst-remaining-xrm-requests"]
        assert left == "8"
        part = "--b\r\nContent-Type: application/http\r\n\r\nGET WhoAmI HTTP/1.1\r\n\r\n\r\n"
        headers = {"Content-Type": "multipart/mixed;boundary=b", "Prefer": "odata.continue-on-error"}
        answer = await dataverse.http.post(f"{ROOT}$batch", content=part * 10 + "--b--\r\n", headers=headers)
        assert answer.status_code == 200
        assert answer.text.count("HTTP/1.1 200 OK") == 8
        assert answer.text.count("HTTP/1.1 429 Too Many Requests") == 2


async def test_d_117_concurrent_requests() -> None:
    async with org(await _limited(concurrent_requests=2)) as dataverse:
        gate, started = asyncio.Event(), asyncio.Semaphore(0)

        async def slow_body() -> AsyncIterator[bytes]:
            started.release()
            await gate.wait()
            yield b'{"name": "slow"}'

        send = dataverse.http.post
        slow = [asyncio.create_task(_post(send, slow_body())) for _ in range(2)]
        for _ in slow:
            await started.acquire()
        assert code(await dataverse.get("WhoAmI")) == (429, "0x80072326")
        gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*slow)] == [204, 204]
        assert (await dataverse.get("WhoAmI")).status_code == 200


async def _post(send: Any, content: AsyncIterator[bytes]) -> httpx.Response:
    answer: httpx.Response = await send(
        ROOT + "accounts", content=content, headers={"Content-Type": "application/json"}
    )
    return answer


_IN_EURO = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({DataverseSettings().base_currency_id})"}
_OWNED = {"ownerid@odata.bind": f"/systemusers({DataverseSettings().application_user_id})"}


@pytest.mark.parametrize(
    ("missing", "fields"),
    [
        ("prvCreateAccount", {}),
        ("prvAppendAccount", _IN_EURO),
        ("prvAppendToTransactionCurrency", _IN_EURO),
        ("prvAssignAccount", _OWNED),
    ],
)
async def test_a_write_needs_every_privilege_that_it_uses(missing: str, fields: dict[str, str]) -> None:
    async with org(DataverseSettings(missing_privileges=frozenset({missing}))) as dataverse:
        answer = await dataverse.send("POST", "accounts", {"name": "x", **fields})
        assert code(answer) == (403, "0x80040220")
        assert missing in answer.json()["error"]["message"]
    async with org() as dataverse:
        assert (await dataverse.send("POST", "accounts", {"name": "x", **fields})).status_code == 204


async def test_reading_needs_its_privilege() -> None:
    async with org(DataverseSettings(missing_privileges=frozenset({"prvReadAccount"}))) as dataverse:
        assert code(await dataverse.get("accounts")) == (403, "0x80040220")


async def test_a_user_is_told_the_privileges_it_holds_and_a_table_those_it_knows() -> None:
    chosen = DataverseSettings(
        missing_privileges=frozenset({"prvWriteAccount"}), without_org_read=frozenset({"contacts"})
    )
    async with org(chosen) as dataverse:
        user = (await dataverse.get("WhoAmI")).json()["UserId"]
        function = "Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
        held = (await dataverse.get(f"systemusers({user})/{function}")).json()["RolePrivileges"]
        assert (await dataverse.get(f"systemusers({user})/{function}()")).json()["RolePrivileges"] == held
        depths = {one["PrivilegeId"]: one["Depth"] for one in held}
        select = "$select=LogicalName,Privileges&$filter=LogicalName eq 'account' or LogicalName eq 'contact'"
        known = {
            one["Name"]: one["PrivilegeId"]
            for table in (await dataverse.get(f"EntityDefinitions?{select}")).json()["value"]
            for one in table["Privileges"]
        }
        assert known["prvWriteAccount"] not in depths
        assert (depths[known["prvCreateAccount"]], depths[known["prvReadContact"]]) == ("Global", "Basic")


async def test_faults_and_log_reach_the_simulator_and_its_batch_parts() -> None:
    async with org() as dataverse:
        await dataverse.http.post("/_sandbox/faults", json={"status": 503, "path": "accounts", "retry_after": 3})
        answer = await dataverse.get("accounts")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "3"
        assert (await dataverse.get("accounts")).status_code == 200
        log = (await dataverse.http.get("/_sandbox/requests")).json()
        assert [entry["status"] for entry in log["entries"]][-2:] == [503, 200]


async def test_index_names_sets_and_counts() -> None:
    async with org(accounts=accounts(3)) as dataverse:
        assert (await dataverse.http.get("/")).json()["sets"]["accounts"] == 3
