"""Answers with a good status that something else gave in the service's place: nobody knows what became of the write."""

from __future__ import annotations

import httpx
import pytest

from consumers.business_central import BusinessCentralTarget
from consumers.dataverse import DataverseTarget
from consumers.ports import Target
from schemas.errors import ApiError
from schemas.side import Side
from schemas.write import Write
from tests.contract.clients.client_support import COMPANY, CUSTOMER, GUID, Script, error, json, scripted

PAGE = httpx.Response(200, content=b"<html>Maintenance</html>", headers={"Content-Type": "text/html"})
NOT_THE_RECORD = json(200, {"message": "Please sign in again."})
BATCH = {"responses": [{"id": "0", "status": 200, "body": {"a": 1}}, {"id": "1", "status": 200, "body": "<html>"}]}
MULTIPART = b"\r\n".join(
    [
        b"--x\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + body
        for body in (b'{"a": 1}', b"<html></html>")
    ]
    + [b"--x--\r\n"]
)


def _target(side: Side, script: Script) -> Target:
    client = scripted(side, script)
    return BusinessCentralTarget(client, COMPANY) if side is Side.BC else DataverseTarget(client)


def _writes(side: Side, count: int) -> list[Write]:
    name = "displayName" if side is Side.BC else "name"
    return [Write(CUSTOMER, GUID.format(number), {name: "A"}, 'W/"1"') for number in range(count)]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("answer", [PAGE, NOT_THE_RECORD], ids=["page", "no record"])
async def test_a_write_that_is_answered_with_something_else_has_an_unknown_outcome(
    side: Side, answer: httpx.Response
) -> None:
    (end,) = await _target(side, Script(answer)).write(_writes(side, 1))
    assert error(end).status == 0
    assert error(end).transient


@pytest.mark.parametrize(
    ("side", "answer"),
    [
        (Side.BC, json(200, BATCH)),
        (Side.SALES, httpx.Response(200, content=MULTIPART, headers={"Content-Type": "multipart/mixed; boundary=x"})),
        (Side.BC, PAGE),
        (Side.SALES, PAGE),
    ],
)
async def test_so_has_a_part_of_a_batch(side: Side, answer: httpx.Response) -> None:
    ends = await _target(side, Script(answer)).write(_writes(side, 2))
    assert [error(end).status for end in ends] == [0, 0]


@pytest.mark.parametrize("side", Side)
async def test_a_row_that_is_no_record_is_no_answer_to_a_question(side: Side) -> None:
    target = _target(side, Script(json(200, {"value": [{"a": 1}]})))
    with pytest.raises(ApiError) as told:
        await target.read(CUSTOMER, [GUID.format(1)])
    assert told.value.transient
