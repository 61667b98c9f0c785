"""Signing in and the governor (promises 9 and 10; wire-protocols A6, B6, D1)."""

import asyncio
from typing import Any

import httpx
import pytest

from daemon.governor import Hooks, retry_after
from daemon.sessions import SideSettings, session
from schemas.errors import ApiError, ConfigurationError, Unreachable
from schemas.side import Side
from tests.contract.clients.client_support import HOST, Script, Ticker, bc, json, sales, scripted, settings, state

OK = {"value": []}


async def test_one_token_serves_many_requests_and_is_renewed_before_it_ends() -> None:
    ticker, script = Ticker(), Script(*[json(200, OK)] * 12)
    async with scripted(Side.BC, script, ticker) as client:
        await asyncio.gather(*(client.get("x") for _ in range(10)))
        assert script.tokens == 1
        ticker.seconds += 3599 - 121
        await client.get("x")
        assert script.tokens == 1
        ticker.seconds += 2
        await client.get("x")
    assert script.tokens == 2
    assert script.asked[-1].headers["Authorization"] == "Bearer token-2"


async def test_401_is_tried_once_more_with_a_fresh_token_and_only_once() -> None:
    script = Script(httpx.Response(401), json(200, OK), httpx.Response(401), httpx.Response(401))
    async with scripted(Side.BC, script) as client:
        assert (await client.get("x")).status_code == 200
        assert (await client.patch("x", json={})).status_code == 401
    assert script.tokens == 3


async def test_many_401_at_once_ask_for_one_token() -> None:
    waiting = asyncio.Event()
    seen: list[str] = []
    script = Script()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("token"):
            return await script(request)
        seen.append(request.headers["Authorization"])
        if len(seen) == 4:
            waiting.set()
        await waiting.wait()
        return json(200 if seen[-1] == "Bearer token-2" and len(seen) > 4 else 401, OK)

    async with scripted(Side.BC, answer) as client:
        answers = await asyncio.gather(*(client.get("x") for _ in range(4)))
    assert [one.status_code for one in answers] == [200] * 4
    assert script.tokens == 2


@pytest.mark.parametrize("side", list(Side))
async def test_d_002_a_wrong_secret_is_refused_with_a_hint_and_is_never_shown(side: Side) -> None:
    simulated = bc() if side is Side.BC else sales()
    wrong = settings(side, "guessed-wrong")
    assert "guessed-wrong" not in repr(wrong)
    transport = httpx.ASGITransport(simulated.app)  # type: ignore[attr-defined]
    async with session(side, wrong, transport=transport) as client:
        with pytest.raises(Unreachable) as refused:
            await client.get("anything")
    text = str(refused.value)
    assert refused.value.problem.code == "sign-in-refused"
    assert "AADSTS7000215" in text
    assert "not its id" in text
    assert "guessed-wrong" not in text


async def test_a_secret_echoed_by_the_token_endpoint_is_struck_out() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return json(401, {"error": "invalid_client", "error_description": "AADSTS1: got sandbox-secret"})

    async with scripted(Side.SALES, answer) as client:
        with pytest.raises(Unreachable, match="got …") as refused:
            await client.get("x")
    assert "sandbox-secret" not in str(refused.value)


async def test_a_sick_token_endpoint_is_tried_again_and_then_worth_another_try() -> None:
    async with scripted(Side.SALES, lambda request: httpx.Response(503, text="<html>busy</html>")) as client:
        with pytest.raises(ApiError) as failed:
            await client.get("x")
    assert (failed.value.status, failed.value.transient) == (503, True)


async def test_d_006_an_expired_token_is_replaced_by_itself() -> None:
    client = sales()
    async with client:
        assert (await client.get("api/data/v9.2/WhoAmI")).status_code == 200
        state(client).identity.revoke_all()
        assert (await client.get("api/data/v9.2/WhoAmI")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_429_holds_the_whole_side_and_repeats_reads_and_writes(method: str) -> None:
    held: list[float] = []
    ticker = Ticker()
    script = Script(json(429, {}, Retry_After="17"), json(200, OK), json(200, OK))
    hooks = Hooks(throttled=lambda side, seconds: held.append(seconds))
    async with scripted(Side.SALES, script, ticker, hooks) as client:
        assert (await client.request(method, "x")).status_code == 200
        await client.get("y")
    assert held == [17.0]
    assert ticker.slept == [17.0]


async def test_while_a_side_is_held_nobody_sends() -> None:
    ticker = Ticker()
    sent: list[float] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("token"):
            return json(200, {"access_token": "t", "expires_in": 3599})
        sent.append(ticker.seconds)
        return json(429, {}, Retry_After="30") if len(sent) == 1 else json(200, OK)

    async with scripted(Side.BC, answer, ticker) as client:
        await client.get("first")
        await asyncio.gather(*(client.get("others") for _ in range(8)))
    assert sent[0] == 0.0
    assert min(sent[1:]) >= 30.0


async def test_429_without_retry_after_backs_off_longer_each_time_and_ends() -> None:
    ticker = Ticker()
    async with scripted(Side.BC, Script(*[json(429, {})] * 4), ticker) as client:
        assert (await client.post("x")).status_code == 429
    assert ticker.slept == [1.0, 2.0, 4.0]


async def test_reads_are_repeated_after_5xx_and_lost_connections() -> None:
    script = Script(httpx.Response(502), httpx.ReadError("reset"), json(200, OK))
    async with scripted(Side.SALES, script) as client:
        assert (await client.get("x")).status_code == 200


async def test_writes_are_not_repeated_their_outcome_is_unknown() -> None:
    script = Script(httpx.Response(502), httpx.ReadError("reset"), json(503, {}, Retry_After="5"))
    ticker = Ticker()
    async with scripted(Side.SALES, script, ticker) as client:
        assert (await client.patch("x")).status_code == 502
        with pytest.raises(ApiError) as lost:
            await client.patch("x")
        assert (await client.post("$batch")).status_code == 503
    assert (lost.value.status, lost.value.problem.code, lost.value.transient) == (0, "no-answer", True)
    assert ticker.slept == []


async def test_a_body_cut_short_is_no_answer() -> None:
    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            yield b'{"value": ['
            raise httpx.RemoteProtocolError("peer closed connection")

    async with scripted(Side.SALES, Script(httpx.Response(200, stream=Cut()), json(200, OK))) as client:
        assert (await client.get("x")).json() == OK


async def test_no_more_requests_at_once_than_the_side_takes() -> None:
    running = most = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(50):
            await asyncio.sleep(0)
        running -= 1
        return json(200, {"access_token": "t", "expires_in": 3599, "value": []})

    async with scripted(Side.BC, answer) as client:
        await asyncio.gather(*(client.get("x") for _ in range(40)))
    assert most == 4


async def test_metrics_hear_of_every_answer() -> None:
    heard: list[tuple[str, str, int]] = []
    hooks = Hooks(observe=lambda side, operation, status, seconds: heard.append((side, operation, status)))
    script = Script(json(200, OK), httpx.ConnectError("refused"), json(204, {}))
    async with scripted(Side.BC, script, hooks=hooks) as client:
        await client.get("x")
        with pytest.raises(ApiError):
            await client.post("x")
        await client.post("api/v2.0/$batch")
    assert heard == [("bc", "token", 200), ("bc", "read", 200), ("bc", "write", 0), ("bc", "batch", 204)]


@pytest.mark.parametrize("name", ["url", "token_url"])
def test_plain_http_is_for_loopback_only(name: str) -> None:
    addresses = {"url": "https://contoso.crm.dynamics.com", "token_url": ""}
    addresses[name] = "http://contoso.example"
    with pytest.raises(ConfigurationError, match="unencrypted"):
        session(Side.SALES, SideSettings(tenant="t", client_id="c", client_secret="s", **addresses))
    session(Side.SALES, settings(Side.SALES))


def test_default_addresses_are_entras() -> None:
    chosen = SideSettings("https://contoso.crm.dynamics.com/", "contoso", "c", "s")
    found = chosen.credentials(Side.SALES)
    assert found.token_url == "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
    assert found.scope == "https://contoso.crm.dynamics.com/.default"
    assert chosen.credentials(Side.BC).scope == "https://api.businesscentral.dynamics.com/.default"


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("Mon, 05 Jan 2026 12:00:30 GMT", 30.0), ("", None), ("soon", None), ("-3", 0.0)]
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(text, 1767614400.0) == seconds


def test_the_base_url_keeps_its_path() -> None:
    assert str(session(Side.BC, settings(Side.BC)).base_url) == f"{HOST}/v2.0/sandbox/"
