"""Faults and clocks of both simulators (wire-protocols D5 123)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from daemon.sandbox import alone, business_central, dataverse
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox import business_central_support, dataverse_support
from tests.support.strangers import served
from tests.support.waiting import wait_until

_BC = f"{business_central_support.ROOT}/{business_central_support.COMPANY}/customers"
_SALES = f"{dataverse_support.ROOT}accounts"


@contextlib.asynccontextmanager
async def _bc() -> AsyncIterator[tuple[httpx.AsyncClient, str, dict[str, str]]]:
    async with business_central_support.tenant() as side:
        yield side.http, _BC, {"displayName": "A"}


@contextlib.asynccontextmanager
async def _sales() -> AsyncIterator[tuple[httpx.AsyncClient, str, dict[str, str]]]:
    async with dataverse_support.org() as side:
        yield side.http, _SALES, {"name": "A"}


REPRESENTATION = {"Prefer": "return=representation"}
WHICH = pytest.mark.parametrize("which", ["bc", "sales"])
SIDES = pytest.mark.parametrize("side", [_bc, _sales])


async def _arm(http: httpx.AsyncClient, **fault: Any) -> None:
    (await http.post("/_sandbox/faults", json=fault)).raise_for_status()


async def _writes(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await http.get("/_sandbox/requests?writes=1")).json()["entries"]
    return found


async def _batch(
    http: httpx.AsyncClient, path: str, bodies: list[dict[str, str]], given: dict[str, str] | None = None
) -> httpx.Response:
    """One batch that creates these, as the side has batches."""
    headers, (root, _, table) = given or {}, path.rpartition("/")
    if "companies" in path:
        root, url = path.split("/companies")[0], path.removeprefix(f"{business_central_support.ROOT}/")
        parts = [{"id": str(n), "method": "POST", "url": url, "body": body} for n, body in enumerate(bodies)]
        typed = [{**part, "headers": {"Content-Type": "application/json"}} for part in parts]
        return await http.post(f"{root}/$batch", json={"requests": typed})
    lines = ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
    head = f"--b\r\nContent-Type: application/http\r\n\r\nPOST {table} HTTP/1.1\r\n" + "\r\n".join(lines)
    content = "".join(f"{head}\r\n\r\n{json.dumps(body)}\r\n" for body in bodies) + "--b--\r\n"
    kind = {"Content-Type": "multipart/mixed;boundary=b", "Prefer": "odata.continue-on-error"}
    return await http.post(f"{root}/$batch", content=content, headers=kind)


def _parts(answer: httpx.Response) -> list[str]:
    """The bodies of the parts' answers, as text."""
    if "json" in answer.headers["Content-Type"]:
        bodies = [one["body"] for one in answer.json()["responses"]]
        return [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    pieces = answer.text.split("--batchresponse")[1:-1]
    return [piece.split("\r\n\r\n", 2)[2].rstrip() for piece in pieces]


@contextlib.contextmanager
def _served(which: alone.Which) -> Iterator[tuple[httpx.Client, str, dict[str, str]]]:
    """An empty simulator behind a real socket: a signed-in client, the path of its firms, and a firm."""
    now, scope = lambda: datetime.now(UTC), "https://api.businesscentral.dynamics.com"
    made = business_central.create_app(BcSettings(), {}, now)
    made = made if which == "bc" else dataverse.create_app(DataverseSettings(), {}, now)
    path, body = (_BC, {"displayName": "A"}) if which == "bc" else (_SALES, {"name": "A"})
    with served(made) as url, httpx.Client(base_url=url) as http:
        form = {**dataverse_support.CREDENTIALS, "scope": f"{scope if which == 'bc' else url}/.default"}
        token = http.post(dataverse_support.TOKEN_URL, data=form).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield http, path, body


def _arm_now(http: httpx.Client, **fault: Any) -> None:
    http.post("/_sandbox/faults", json=fault).raise_for_status()


def _counts(http: httpx.Client) -> dict[str, int]:
    front = http.get("/").json()
    found: dict[str, int] = front.get("rows") or front["sets"]
    return found


def _request(http: httpx.Client, path: str, body: dict[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    made = http.build_request("POST", path, json=body)
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in made.headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + made.read()


async def _rows(http: httpx.AsyncClient, path: str) -> int:
    return len((await http.get(path)).json()["value"])


@SIDES
@pytest.mark.parametrize("status", [502, 504])
@pytest.mark.parametrize("after", [False, True])
async def test_d_123_a_gateway_error_before_or_after_the_write(
    side: Callable[[], Any], status: int, after: bool
) -> None:
    async with side() as (http, path, body):
        await _arm(http, status=status, kind="html", method="POST", after_commit=after)
        answer = await http.post(path, json=body)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
        assert await _rows(http, path) == int(after)


@SIDES
@pytest.mark.parametrize(("kind", "after", "rows"), [("drop", False, 0), ("drop", True, 1), ("truncate", False, 1)])
async def test_d_123_a_connection_that_dies_before_or_after_the_write(
    side: Callable[[], Any], kind: str, after: bool, rows: int
) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind=kind, method="POST", after_commit=after)
        with pytest.raises(ConnectionResetError):
            await http.post(path, json=body, headers={"Prefer": "return=representation"})
        assert await _rows(http, path) == rows


@WHICH
@pytest.mark.parametrize("after", [False, True])
def test_d_123_a_tcp_reset_before_the_head(which: alone.Which, after: bool) -> None:
    with _served(which) as (http, path, body):
        _arm_now(http, kind="drop", method="POST", after_commit=after)
        with socket.create_connection((http.base_url.host, http.base_url.port or 0), 10) as raw:
            raw.sendall(_request(http, path, body))
            with pytest.raises(ConnectionResetError):
                raw.recv(1)
        assert len(http.get(path).json()["value"]) == int(after)


@WHICH
def test_d_123_an_answer_that_breaks_off_at_the_clients_end(which: alone.Which) -> None:
    with _served(which) as (http, path, body):
        _arm_now(http, kind="truncate", method="POST")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            http.post(path, json=body, headers={"Prefer": "return=representation"})
        assert len(http.get(path).json()["value"]) == 1


@SIDES
async def test_d_123_a_complete_answer_whose_json_is_cut_off(side: Callable[[], Any]) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind="half", method="POST")
        answer = await http.post(path, json=body, headers={"Prefer": "return=representation"})
        assert answer.status_code == 201
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        assert answer.content.startswith(b"{")
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        assert await _rows(http, path) == 1


@SIDES
async def test_d_123_a_write_that_is_committed_after_the_connection_was_dropped(side: Callable[[], Any]) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind="late", method="POST", seconds=90)
        with pytest.raises(ConnectionResetError):
            await http.post(path, json=body)
        await http.post("/_sandbox/clock", json={"offset_seconds": 89})
        assert await _rows(http, path) == 0
        await http.post("/_sandbox/clock", json={"offset_seconds": 91})
        assert [entry["status"] in {201, 204} for entry in await _writes(http)] == [True]
        assert await _rows(http, path) == 1


@WHICH
def test_d_123_a_late_commit_needs_no_request_to_happen(which: alone.Which) -> None:
    with _served(which) as (http, path, body):
        _arm_now(http, kind="late", method="POST", seconds=0.05)
        with pytest.raises(httpx.ReadError):
            http.post(path, json=body)
        counted = "customers" if which == "bc" else "accounts"
        wait_until(lambda: _counts(http)[counted] == 1, 10, "the late commit")


@SIDES
@pytest.mark.parametrize("kind", ["html", "half", "repeat"])
async def test_d_123_the_answer_of_one_part_of_a_batch(side: Callable[[], Any], kind: str) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind=kind, status=502, method="POST", path=path.rsplit("/", 1)[1])
        answer = await _batch(http, path, [body, body], REPRESENTATION)
        assert answer.status_code == 200
        first, second = _parts(answer)
        assert second.startswith("{")
        json.loads(second)
        with pytest.raises(json.JSONDecodeError):
            json.loads(first)
        assert first.startswith("<html>" if kind == "html" else "{")
        assert await _rows(http, path) == (1 if kind == "html" else 2)


@SIDES
@pytest.mark.parametrize(("after", "rows"), [(False, 1), (True, 2)])
async def test_d_123_a_connection_that_dies_within_a_batch(side: Callable[[], Any], after: bool, rows: int) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind="drop", method="POST", path=path.rsplit("/", 1)[1], after_commit=after, skip=1)
        with pytest.raises(ConnectionResetError):
            await _batch(http, path, [body, body, body])
        assert await _rows(http, path) == rows


@SIDES
async def test_d_123_what_is_of_a_whole_exchange_fits_no_part(side: Callable[[], Any]) -> None:
    async with side() as (http, path, body):
        for kind in ("truncate", "slow", "late"):
            await _arm(http, kind=kind, method="POST", path=path.rsplit("/", 1)[1])
        assert (await _batch(http, path, [body])).status_code == 200
        assert len((await http.get("/_sandbox/faults")).json()["armed"]) == 3


@SIDES
async def test_d_123_an_answer_twice(side: Callable[[], Any]) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind="repeat", method="POST")
        answer = await http.post(path, json=body, headers={"Prefer": "return=representation"})
        half = len(answer.content) // 2
        assert answer.status_code == 201
        assert answer.content[:half] == answer.content[half:]
        assert await _rows(http, path) == 1


@SIDES
async def test_d_123_an_answer_whose_end_comes_late(side: Callable[[], Any]) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind="slow", method="POST", seconds=0.01)
        answer = await http.post(path, json=body, headers={"Prefer": "return=representation"})
        assert body.items() <= answer.json().items()
        await _arm(http, kind="slow", method="GET", seconds=60)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(http.get(path), 0.05)
        assert await _rows(http, path) == 1


@SIDES
async def test_d_123_a_token_rejected_in_mid_run(side: Callable[[], Any]) -> None:
    async with side() as (http, path, _):
        await _arm(http, status=401, count=1)
        assert (await http.get(path)).status_code == 401
        assert (await http.get(path)).status_code == 200
        await http.delete("/_sandbox/tokens")
        assert (await http.get(path)).status_code == 401


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_d_123_clocks_that_differ_by_five_minutes(minutes: int) -> None:
    async with business_central_support.tenant() as bc, dataverse_support.org() as sales:
        await sales.http.post("/_sandbox/clock", json={"offset_seconds": 60 * minutes})
        ours = await bc.create("customers", displayName="A")
        theirs = await sales.create("accounts", name="A")
        assert ours["lastModifiedDateTime"].startswith("2026-01-05T12:00:00")
        assert theirs["modifiedon"] == ("2026-01-05T11:55:00Z" if minutes < 0 else "2026-01-05T12:05:00Z")


@SIDES
async def test_d_123_every_answer_takes_its_time(side: Callable[[], Any]) -> None:
    async with side() as (http, path, body):
        assert (await http.post("/_sandbox/latency", json={"seconds": 60})).json() == {"seconds": 60}
        for verb in ("GET", "POST"):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(http.request(verb, path, json=body), 0.05)
        assert (await http.post("/_sandbox/latency", json={"seconds": 0})).json() == {"seconds": 0}
        assert await _rows(http, path) == 0


@SIDES
@pytest.mark.parametrize("wrong", [{}, {"seconds": -1}, {"seconds": "1"}, {"seconds": True}, {"minutes": 1}, []])
async def test_d_123_a_latency_that_is_none_is_refused(side: Callable[[], Any], wrong: Any) -> None:
    async with side() as (http, _, _body):
        assert (await http.post("/_sandbox/latency", json=wrong)).status_code == 400
        assert (await http.get("/_sandbox/latency")).json() == {"seconds": 0}


@pytest.mark.parametrize("seconds", [0, 60])
async def test_d_123_latency_is_a_setting_of_both_sides(seconds: float) -> None:
    async with business_central_support.tenant(latency_seconds=seconds) as bc:
        assert (await bc.http.get("/_sandbox/latency")).json() == {"seconds": seconds}
    async with dataverse_support.org(DataverseSettings(latency_seconds=seconds)) as sales:
        assert (await sales.http.get("/_sandbox/latency")).json() == {"seconds": seconds}
