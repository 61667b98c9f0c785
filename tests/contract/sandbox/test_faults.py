"""Faults and clocks of both simulators (wire-protocols D5 123)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox import business_central_support, dataverse_support

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


SIDES = pytest.mark.parametrize("side", [_bc, _sales])


async def _arm(http: httpx.AsyncClient, **fault: Any) -> None:
    (await http.post("/_sandbox/faults", json=fault)).raise_for_status()


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
@pytest.mark.parametrize("kind", ["drop", "truncate"])
async def test_d_123_a_connection_that_dies_after_the_write(side: Callable[[], Any], kind: str) -> None:
    async with side() as (http, path, body):
        await _arm(http, kind=kind, method="POST", after_commit=True)
        with pytest.raises(ConnectionResetError):
            await http.post(path, json=body, headers={"Prefer": "return=representation"})
        assert await _rows(http, path) == 1


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
