"""Deleting on both sides: only at the known version, alone and in a batch (wire-protocols D46, D47, D83, D111)."""

from collections.abc import Sequence

import httpx
import orjson
import pytest

from consumers.business_central import BusinessCentralTarget
from consumers.dataverse import DataverseTarget
from consumers.odata import JSON
from consumers.ports import Target
from schemas.answers import is_missing, is_stale
from schemas.side import Side
from schemas.write import Answer, Write, Written
from tests.contract.clients.client_support import (
    COMPANY,
    CUSTOMER,
    GUID,
    MAPPINGS,
    Script,
    bc,
    error,
    json,
    sales,
    scripted,
)

BOTH = pytest.mark.parametrize("side", list(Side))
STALE = 'W/"1"'


def session(side: Side) -> httpx.AsyncClient:
    ids = [GUID.format(number) for number in range(30)]
    if side is Side.BC:
        return bc(customers=[{"id": key, "number": f"C{n:05d}", "displayName": "Firm"} for n, key in enumerate(ids)])
    return sales(accounts=[{"accountid": key, "name": "Firm", "customertypecode": 3} for key in ids])


def target(side: Side, client: httpx.AsyncClient) -> Target:
    return BusinessCentralTarget(client, COMPANY) if side is Side.BC else DataverseTarget(client)


def remove(number: int, version: str) -> Write:
    return Write(CUSTOMER, GUID.format(number), {}, version, deletes=True)


async def known(made: Target, *numbers: int) -> list[str]:
    found = await made.read(CUSTOMER, [GUID.format(number) for number in numbers])
    return [str(found[GUID.format(number)]["@odata.etag"]) for number in numbers]


def kinds(side: Side, answers: Sequence[Answer]) -> list[str]:
    return [
        "deleted" if isinstance(one, Written) else "stale" if is_stale(side, one) else str(error(one).status)
        for one in answers
    ]


@BOTH
async def test_a_record_is_deleted_at_its_version_only_and_once(side: Side) -> None:
    async with session(side) as client:
        made = target(side, client)
        (version,) = await known(made, 0)
        assert kinds(side, await made.write([remove(0, STALE)])) == ["stale"]
        assert kinds(side, await made.write([remove(0, version)])) == ["deleted"]
        assert await made.read(CUSTOMER, [GUID.format(0)]) == {}
        (again,) = await made.write([remove(0, version)])
        assert is_missing(side, error(again), GUID.format(0))


@BOTH
async def test_in_a_batch_each_is_answered_for_itself_beside_other_writes(side: Side) -> None:
    async with session(side) as client:
        made = target(side, client)
        name = "displayName" if side is Side.BC else "name"
        first, second, third = await known(made, 0, 1, 2)
        await made.write([remove(2, third)])
        changed = Write(CUSTOMER, GUID.format(1), {name: "Other"}, second, {name: "Firm"})
        filler = [remove(number, STALE) for number in range(3, 15)]
        answers = await made.write([remove(0, first), changed, remove(2, third), *filler])
        assert kinds(side, answers) == ["deleted", "deleted", "404", *["stale"] * 12]
        assert is_missing(side, error(answers[2]), GUID.format(2))
        left = await made.read(CUSTOMER, [GUID.format(number) for number in range(3)])
        assert {key: row[name] for key, row in left.items()} == {GUID.format(1): "Other"}


@BOTH
async def test_a_deletion_has_no_body_and_no_type(side: Side) -> None:
    def batch(request: httpx.Request) -> httpx.Response:
        if side is Side.BC:
            for part in orjson.loads(request.content)["requests"]:
                assert (part["method"], part["headers"]) == ("DELETE", {"If-Match": STALE})
                assert "body" not in part
        else:
            assert request.content.count(b"DELETE /api/data/v9.2/accounts(") == 2
            assert b"Content-Type: application/json" not in request.content
        return json(500, {})

    def alone(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.content, request.headers["If-Match"]) == ("DELETE", b"", STALE)
        assert request.headers.get("Content-Type") != JSON
        return httpx.Response(204)

    script = Script(alone, batch)
    async with scripted(side, script, attempts=1) as client:
        made = target(side, client)
        assert kinds(side, await made.write([remove(0, STALE)])) == ["deleted"]
        assert kinds(side, await made.write([remove(1, STALE), remove(2, STALE)])) == ["500", "500"]


async def test_what_a_side_forbids_to_delete_is_refused_for_good() -> None:
    async with sales() as client:
        made = target(Side.SALES, client)
        (base,) = await made.find(MAPPINGS["CURRENCY"], "isocurrencycode", ["USD", "EUR"])
        key, version = str(base["transactioncurrencyid"]), str(base["@odata.etag"])
        (refused,) = await made.write([Write(MAPPINGS["CURRENCY"], key, {}, version, deletes=True)])
        assert (error(refused).status, error(refused).transient) == (405, False)
        assert not is_missing(Side.SALES, error(refused), key)
