"""`$batch` (wire-protocols A5, D2 52–55)."""

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.business_central_support import (
    COMPANY,
    CUSTOM,
    HOST,
    ID,
    ROOT,
    Tenant,
    customers,
    error,
    message,
    part,
    tenant,
)

GOOD = part("POST", "customers", {"displayName": "Good"})
BAD = part("POST", "customers", {})
SNAPSHOT = {"Isolation": "snapshot"}


async def responses(bc: Tenant, *parts: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    answer = await bc.batch(*parts, **headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["responses"]
    return found


async def test_d_052_parts_are_independent() -> None:
    async with tenant() as bc:
        bad, good = await responses(bc, BAD, GOOD)
        assert (bad["id"], bad["status"], bad["body"]["error"]["code"]) == ("0", 400, "Application_DialogException")
        assert (good["id"], good["status"]) == ("1", 201)
        assert good["headers"]["location"].endswith(f"customers({good['body']['id']})")
        assert [row["displayName"] for row in await bc.rows("customers")] == ["Good"]


async def test_d_052_part_urls_and_preconditions() -> None:
    async with tenant(customers(1)) as bc:
        path = f"{COMPANY}/customers({ID.format(0)})"
        absolute = {"method": "GET", "url": f"{HOST}{ROOT}/{path}"}
        rooted = {"method": "GET", "url": f"{ROOT}/{path}?$select=number"}
        parameter = {"method": "GET", "url": "customers", "headers": {"Company": "CRONUS"}}
        found = await responses(bc, absolute, rooted, parameter, {"method": "GET", "url": f"/{path}"})
        assert [one["status"] for one in found] == [200, 200, 200, 404]
        assert found[1]["body"].keys() == {"@odata.context", "@odata.etag", "number"}
        etag = found[0]["body"]["@odata.etag"]
        change = part("PATCH", f"customers({ID.format(0)})", {"city": "X"}, If_Match=etag)
        no_token = part("PATCH", f"customers({ID.format(0)})", {"city": "X"})
        found = await responses(bc, change, change, no_token)
        assert [one["status"] for one in found] == [200, 409, 400]


async def test_d_052_delete_has_no_body() -> None:
    async with tenant(customers(1)) as bc:
        (gone,) = await responses(bc, part("DELETE", f"customers({ID.format(0)})", If_Match="*"))
        assert gone == {"id": "0", "status": 204, "headers": {}}


async def test_d_053_snapshot_shows_success_of_what_is_not_stored() -> None:
    async with tenant() as bc:
        good, bad, after = await responses(bc, GOOD, BAD, GOOD, **SNAPSHOT)
        assert [good["status"], bad["status"], after["status"]] == [201, 400, 201]
        assert good["body"]["id"]
        assert await bc.rows("customers") == []
        assert await bc.rows("contacts") == []
        assert (await bc.get(f"customers({good['body']['id']})")).status_code == 404


async def test_d_053_snapshot_without_failure_is_stored() -> None:
    async with tenant(customers(1)) as bc:
        change = part("PATCH", f"customers({ID.format(0)})", {"city": "X"}, If_Match="*")
        assert [one["status"] for one in await responses(bc, GOOD, change, **SNAPSHOT)] == [201, 200]
        assert len(await bc.rows("customers")) == 2


async def test_d_053_rollback_restores_rows_and_indexes() -> None:
    async with tenant(customers(3)) as bc:
        before = await bc.rows("customers?$orderby=lastModifiedDateTime")
        change = part("PATCH", f"customers({ID.format(0)})", {"number": "NEW"}, If_Match="*")
        delete = part("DELETE", f"customers({ID.format(1)})", If_Match="*")
        await responses(bc, change, delete, BAD, **SNAPSHOT)
        assert await bc.rows("customers?$orderby=lastModifiedDateTime") == before
        assert len(await bc.rows("customers?$filter=number eq 'K00000'")) == 1
        assert await bc.rows("customers?$filter=number eq 'NEW'") == []


async def test_d_054_snapshot_whose_first_part_fails_answers_one_part() -> None:
    async with tenant() as bc:
        found = await responses(bc, BAD, GOOD, GOOD, **SNAPSHOT)
        assert [(one["id"], one["status"]) for one in found] == [("0", 400)]
        assert await bc.rows("customers") == []


async def test_d_055_at_most_a_hundred_parts() -> None:
    async with tenant() as bc:
        assert len(await responses(bc, *[GOOD] * 100)) == 100
        answer = await bc.batch(*[GOOD] * 101)
        assert answer.status_code == 500
        assert "maximum number of '100' query operations" in message(answer)
        assert len(await bc.rows("customers")) == 100


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"requests": {}},
        {"requests": [1]},
        {"requests": [{"method": "GET", "url": "x"}]},
        {"requests": [{"id": "1", "method": "GET", "url": "x"}] * 2},
    ],
)
async def test_d_052_broken_envelope(body: Any) -> None:
    async with tenant() as bc:
        assert error(await bc.send("POST", f"{ROOT}/$batch", body)) == (400, "BadRequest")


async def test_d_051_custom_page_has_a_batch_of_its_own() -> None:
    async with tenant() as bc:
        make = {"id": "1", "method": "POST", "url": f"{COMPANY}/resources", "body": {"displayName": "R"}}
        answer = await bc.send("POST", f"{CUSTOM}/$batch", {"requests": [make]})
        assert answer.json()["responses"][0]["status"] == 201
        answer = await bc.send("POST", f"{ROOT}/$batch", {"requests": [make]})
        assert answer.json()["responses"][0]["status"] == 404


def _http(body: str) -> str:
    return (
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"POST {COMPANY}/customers HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
    )


def _change_set(*bodies: str) -> str:
    inner = "".join(f"--cs\r\n{_http(body)}" for body in bodies)
    return f"--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n{inner}--cs--\r\n"


async def _multipart(bc: Tenant, content: str) -> httpx.Response:
    headers = {"Content-Type": 'multipart/mixed; boundary="b"'}
    return await bc.http.post(f"{ROOT}/$batch", content=content.encode(), headers=headers)


async def test_d_055_multipart_change_set_of_two_requests() -> None:
    async with tenant() as bc:
        both = _change_set('{"displayName": "A"}', '{"displayName": "B"}') + "--b--\r\n"
        answer = await _multipart(bc, both)
        assert answer.status_code == 500
        assert "Multiple requests within the same change set are not supported by" in message(answer)
        assert await bc.rows("customers") == []


async def test_d_055_multipart_with_single_requests() -> None:
    async with tenant() as bc:
        body = _change_set('{"displayName": "A"}') + f"--b\r\n{_http('{}')}" + "--b--\r\n"
        answer = await _multipart(bc, body)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "multipart/mixed; boundary=b"
        assert answer.text.count("HTTP/1.1 ") == 2
        assert answer.text.index("201 Created") < answer.text.index("400 Bad Request")
        assert [row["displayName"] for row in await bc.rows("customers")] == ["A"]
