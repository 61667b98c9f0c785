"""Webhooks of the Sales side (wire-protocols B4.2, D4 122)."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox.dataverse_support import HOST, ID, ROOT, Org, accounts, org
from tests.support.receiver import Receiver

_URL = "https://receiver.example/hook"
_FIRST = f"accounts({ID.format(0)})"


async def _register(dataverse: Org, message: str, **more: Any) -> httpx.Response:
    step = {"url": _URL, "message": message, "table": "account", **more}
    return await dataverse.http.post("/_sandbox/steps", json=step)


async def _settled(dataverse: Org) -> list[tuple[int, int]]:
    """(status, statuscode of the system job) of every delivery."""
    await dataverse.app.state.service.steps.settled()
    jobs = (await dataverse.http.get("/_sandbox/steps")).json()["jobs"]
    return [(job["status"], job["statuscode"]) for job in jobs]


def _target(context: dict[str, Any]) -> dict[str, Any]:
    (parameter,) = context["InputParameters"]
    assert parameter["key"] == "Target"
    found: dict[str, Any] = parameter["value"]
    return found


async def test_d_122_what_an_endpoint_is_told() -> None:
    receiver = Receiver()
    async with org(wire=receiver, accounts=accounts(2)) as dataverse:
        for message in ("Create", "Update", "Delete"):
            assert (await _register(dataverse, message)).status_code == 200
        bind = {"parentaccountid@odata.bind": f"/accounts({ID.format(1)})"}
        await dataverse.send("POST", "accounts?tag=mark", {"name": "n", "customertypecode": 3, **bind})
        await _settled(dataverse)
        await dataverse.send("PATCH", _FIRST, {"creditlimit": 5})
        await _settled(dataverse)
        await dataverse.send("DELETE", _FIRST)
        await dataverse.send("PATCH", "accounts(bad)", {"name": "refused"})
        await dataverse.send("POST", "contacts", {"lastname": "of another table"})
        assert await _settled(dataverse) == [(200, 30)] * 3
        user = (await dataverse.get("WhoAmI")).json()["UserId"]
    made, changed, gone = (orjson.loads(one.content) for one in receiver.requests)
    assert [one["MessageName"] for one in (made, changed, gone)] == ["Create", "Update", "Delete"]
    assert made["SharedVariables"] == [{"key": "tag", "value": "mark"}]
    assert (made["PrimaryEntityName"], made["UserId"], made["Depth"]) == ("account", user, 1)
    assert made["OperationCreatedOn"] == "/Date(1767614400987)/"
    values = {one["key"]: one["value"] for one in _target(made)["Attributes"]}
    assert values["name"] == "n"
    assert values["customertypecode"]["Value"] == 3
    assert (values["parentaccountid"]["Id"], values["parentaccountid"]["LogicalName"]) == (ID.format(1), "account")
    assert {one["key"] for one in _target(changed)["Attributes"]} == {"accountid", "creditlimit"}
    assert _target(gone)["Id"] == ID.format(0)
    assert "Attributes" not in _target(gone)
    headers = receiver.requests[0].headers
    assert headers["x-ms-dynamics-organization"] == HOST.removeprefix("http://")
    assert (headers["x-ms-dynamics-entity-name"], headers["x-ms-dynamics-request-name"]) == ("account", "Create")
    assert headers["x-ms-correlation-request-id"] == made["CorrelationId"]


@pytest.mark.parametrize(("status", "tries"), [(502, 2), (503, 2), (504, 2), (500, 1), (400, 1), (401, 1), (429, 1)])
async def test_d_122_a_gateway_that_is_away_is_tried_once_more(status: int, tries: int) -> None:
    receiver = Receiver()
    receiver.status = status
    async with org(wire=receiver) as dataverse:
        await _register(dataverse, "Create")
        assert (await dataverse.send("POST", "accounts", {"name": "n"})).status_code == 204
        assert await _settled(dataverse) == [(status, 31)]
    assert len(receiver.requests) == tries


async def test_d_122_an_endpoint_that_does_not_answer_is_tried_once_more() -> None:
    receiver = Receiver()
    receiver.failure = httpx.ReadTimeout("no answer within 60 s")
    async with org(wire=receiver) as dataverse:
        await _register(dataverse, "Create")
        await dataverse.send("POST", "accounts", {"name": "n"})
        assert await _settled(dataverse) == [(0, 31)]
    assert len(receiver.requests) == 2


async def test_d_122_too_large_a_message_loses_its_parameters() -> None:
    receiver = Receiver()
    async with org(DataverseSettings(webhook_bytes_limit=3_000), wire=receiver) as dataverse:
        await _register(dataverse, "Create")
        for length in (10, 2_000):
            await dataverse.send("POST", "accounts", {"description": "ä" * length})
            await _settled(dataverse)
    assert DataverseSettings().webhook_bytes_limit == 256 * 1024
    small, large = receiver.requests
    assert "x-ms-dynamics-msg-size-exceeded" not in small.headers
    assert large.headers["x-ms-dynamics-msg-size-exceeded"] == "true"
    lost = {"ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"}
    assert orjson.loads(small.content).keys() - orjson.loads(large.content).keys() == lost


async def test_d_122_the_three_kinds_of_authentication() -> None:
    receiver = Receiver()
    async with org(wire=receiver) as dataverse:
        await _register(dataverse, "Create", authentication="HttpHeader", values={"x-key": "k"})
        await _register(dataverse, "Create", authentication="WebhookKey", values={"code": "k"})
        await _register(dataverse, "Create", authentication="HttpQueryString", values={"a": "1", "b": "2"})
        await dataverse.send("POST", "accounts", {"name": "n"})
        await _settled(dataverse)
    queries = sorted(one.url.query.decode() for one in receiver.requests)
    assert queries == ["", "a=1&b=2", "code=k"]
    assert [one.headers["x-key"] for one in receiver.requests if "x-key" in one.headers] == ["k"]


async def test_d_122_what_is_undone_is_not_told_and_steps_are_checked() -> None:
    receiver = Receiver()
    async with org(wire=receiver) as dataverse:
        await _register(dataverse, "Create")
        kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
        targets = {"Targets": [{**kind, "name": "a"}, {**kind, "Nope": 1}]}
        answer = await dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", targets)
        assert answer.status_code == 400
        await dataverse.send("POST", "accounts", {"name": "b"})
        assert await _settled(dataverse) == [(200, 30)]
        assert _target(orjson.loads(receiver.requests[0].content))["Attributes"][-1]["key"] in {"accountid", "name"}
        for wrong in ({"message": "Nothing"}, {"authentication": "Basic"}, {"nosuch": 1}):
            step = {"url": _URL, "message": "Create", "table": "account", **wrong}
            assert (await dataverse.http.post("/_sandbox/steps", json=step)).status_code == 400
        await dataverse.http.delete("/_sandbox/steps")
        await dataverse.http.post(f"{ROOT}accounts", json={"name": "c"})
        assert await _settled(dataverse) == [(200, 30)]
