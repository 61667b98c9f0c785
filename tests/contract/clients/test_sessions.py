"""Signing in and the governor (promises 9 and 10; wire-protocols A6, B6, D1)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from consumers.dataverse import DataverseTarget
from daemon.governor import Hooks
from daemon.oauth import Credentials
from daemon.pace import retry_after
from daemon.sessions import SideSettings, limits_of, session
from daemon.settings import Auth, BusinessCentral, Sales
from daemon.sides import side_settings
from schemas.errors import ApiError, ConfigurationError, Unreachable
from schemas.side import Side
from schemas.write import Write
from tests.contract.clients.client_support import (
    CUSTOMER,
    GUID,
    HOST,
    Script,
    Ticker,
    bc,
    json,
    sales,
    scripted,
    settings,
    state,
)

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


@pytest.mark.parametrize("token", ["se\ncret", "se cret", "sécret", "secret\x7f", ""])
async def test_promise_10_a_token_that_no_header_can_carry_is_not_shown(token: str) -> None:
    async with scripted(Side.BC, lambda request: json(200, {"access_token": token})) as client:
        with pytest.raises(ApiError, match="no access token that can be used") as refused:
            await client.get("x")
    assert refused.value.transient
    assert "cret" not in str(refused.value)


async def test_promise_10_a_token_answer_cut_short_is_not_shown() -> None:
    async with scripted(Side.BC, lambda request: httpx.Response(200, text='{"access_token": "eyJ0')) as client:
        with pytest.raises(ApiError) as refused:
            await client.get("x")
    assert "eyJ0" not in str(refused.value)


async def test_promise_10_a_header_that_httpx_refuses_is_not_quoted() -> None:
    illegal = httpx.LocalProtocolError("Illegal header value b'Bearer eyJ0'")
    async with scripted(Side.BC, Script(illegal)) as client:
        with pytest.raises(ApiError, match="LocalProtocolError") as refused:
            await client.post("x")
    assert "eyJ0" not in str(refused.value)
    assert refused.value.__cause__ is None


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


@pytest.mark.parametrize("named", [{}, {"Retry_After": "Mon, 05 Jan 2026 11:00:00 GMT"}, {"Retry_After": "soon"}])
async def test_429_that_names_no_time_is_repeated_for_longer_than_the_window_of_300_s(named: dict[str, str]) -> None:
    ticker, held = Ticker(), list[float]()
    hooks = Hooks(throttled=lambda side, seconds: held.append(seconds))
    async with scripted(Side.BC, Script(*[json(429, {}, **named)] * 20), ticker, hooks) as client:
        assert (await client.post("x")).status_code == 429
    assert ticker.slept == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 5]
    assert sum(ticker.slept) > 300
    assert held[:-1] == ticker.slept, "the whole side waits; its last refusal is for whoever comes next"


async def test_bcs_window_passes_and_the_write_arrives() -> None:
    ticker = Ticker()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("token"):
            return json(200, {"access_token": "t", "expires_in": 3599})
        return json(201 if ticker.seconds >= 300 else 429, {})

    async with scripted(Side.BC, answer, ticker) as client:
        assert (await client.post("x")).status_code == 201


async def test_503_without_retry_after_holds_the_whole_side_too() -> None:
    ticker = Ticker()
    async with scripted(Side.BC, Script(json(503, {}), json(503, {}), json(200, OK)), ticker) as client:
        assert (await client.patch("x")).status_code == 503
        assert (await client.get("y")).status_code == 200
    assert ticker.slept == [1.0, 2.0]


async def test_refusals_of_requests_under_way_together_count_once_and_a_success_ends_the_count() -> None:
    ticker = Ticker()
    together = asyncio.Barrier(4)
    refusing = 4

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal refusing
        if request.url.path.endswith("token"):
            return json(200, {"access_token": "t", "expires_in": 3599})
        if refusing:
            refusing -= 1
            await together.wait()
            return json(429, {})
        return json(200, OK)

    async with scripted(Side.BC, answer, ticker) as client:
        answers = await asyncio.gather(*(client.get("x") for _ in range(4)))
        assert {one.status_code for one in answers} == {200}
        assert set(ticker.slept) == {1.0}
        refusing, together = 1, asyncio.Barrier(1)
        await client.get("x")
    assert ticker.slept[-1] == 1.0


async def test_bc_is_paced_so_that_its_window_is_never_full_and_parts_of_batches_count() -> None:
    ticker, sent = Ticker(), list[tuple[float, int]]()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("token"):
            return json(200, {"access_token": "t", "expires_in": 35990})
        sent.append((ticker.seconds, int(request.extensions.get("parts", 1))))
        return json(200, OK)

    transport = httpx.MockTransport(answer)
    async with session(Side.BC, settings(Side.BC), transport=transport, clocks=ticker.time) as client:
        for _ in range(600):
            await client.get("x")
        assert sent[-1][0] < 0.1, "a burst of 600 is free"
        for _ in range(70):
            await client.post("api/v2.0/$batch", extensions={"parts": 100})
    windows = [sum(parts for at, parts in sent if start <= at < start + 300) for start, _ in sent]
    assert 5500 < max(windows) <= 6000


async def test_sales_is_slowed_only_while_it_says_that_few_requests_remain() -> None:
    ticker, left = Ticker(), [5000, 299, 250, 300, 299]
    script = Script(*[json(200, OK, x_ms_ratelimit_burst_remaining_xrm_requests=str(n)) for n in left], json(200, OK))
    transport = httpx.MockTransport(script)
    async with session(Side.SALES, settings(Side.SALES), transport=transport, clocks=ticker.time) as client:
        for _ in range(4):
            await client.get("x")
        assert ticker.slept == pytest.approx([0.05])
        await client.get("x")
        await client.post("api/data/v9.2/$batch", extensions={"parts": 10})
    assert ticker.slept == pytest.approx([0.05, 0.5])


async def test_bc_may_take_longer_over_a_write_than_over_a_read() -> None:
    script = Script(json(200, OK), json(200, {}), json(200, {}))
    transport = httpx.MockTransport(script)
    async with session(Side.BC, settings(Side.BC), transport=transport, clocks=Ticker().time) as client:
        await client.get("x")
        await client.post("x")
        await client.post("api/v2.0/$batch")
    given = [request.extensions["timeout"] for request in script.asked]
    assert [one["read"] for one in given] == [120, 660, 660]
    assert {one["connect"] for one in given} == {10}


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


class Drops(httpx.AsyncByteStream):
    """A body that never ends, and never pauses for as long as a read may."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b" "


async def test_an_answer_that_comes_drop_by_drop_is_not_waited_for() -> None:
    script = Script(*[httpx.Response(200, stream=Drops()) for _ in range(2)], json(200, OK))
    async with scripted(Side.BC, script, timeout_seconds=0.05, whole_seconds=0.05, attempts=2) as client:
        with pytest.raises(ApiError) as told:
            await client.get("x")
        assert told.value.status == 0
        assert (await client.get("x")).status_code == 200  # and it keeps no slot


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


class Crowd:
    """Answers after a while, or refuses beyond its limit; `most` is how many requests have run at once."""

    def __init__(self, ticker: Ticker | None = None, limit: int = 999, **headers: str) -> None:
        self.ticker, self.limit, self.headers = ticker or Ticker(), limit, headers
        self.running = self.most = self.refused = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("token"):
            return json(200, {"access_token": "t", "expires_in": 3599})
        self.running += 1
        self.most = max(self.most, self.running)
        refused = self.running > self.limit
        for _ in range(20):
            await asyncio.sleep(0)
        self.ticker.seconds += 0.01
        self.running -= 1
        if refused:
            self.refused += 1
            return json(429, {"error": {"code": "0x80072326", "message": "concurrent requests"}}, Retry_After="1")
        return json(200, OK, **self.headers)

    async def ask(self, client: httpx.AsyncClient, count: int) -> int:
        """How many ran at once."""
        self.most = 0
        answers = await asyncio.gather(*(client.get("x") for _ in range(count)))
        assert {one.status_code for one in answers} == {200}
        return self.most


@pytest.mark.parametrize(("hint", "at_once"), [("2", 2), ("7", 7), ("99", 8), ("0", 1)])
async def test_as_many_at_once_as_the_side_recommends_up_to_its_limit(hint: str, at_once: int) -> None:
    crowd = Crowd(x_ms_dop_hint=hint)
    async with scripted(Side.SALES, crowd, most=8) as client:
        await client.get("x")
        assert await crowd.ask(client, 20) == at_once


async def test_without_a_recommendation_ever_more_at_once_up_to_the_limit() -> None:
    crowd = Crowd()
    async with scripted(Side.SALES, crowd, most=8) as client:
        assert 4 <= await crowd.ask(client, 8) < 8
        await crowd.ask(client, 60)
        assert await crowd.ask(client, 60) == 8


@pytest.mark.parametrize("headers", [{}, {"x_ms_dop_hint": "40"}], ids=["no hint", "hint"])
async def test_b6_too_many_at_once_halves_their_number_and_it_grows_by_one_from_there(headers: dict[str, str]) -> None:
    crowd = Crowd(limit=20, **headers)
    async with scripted(Side.SALES, crowd, crowd.ticker, concurrency=16, most=48) as client:
        await crowd.ask(client, 400)
        assert 0 < crowd.refused < 80
        crowd.refused = 0
        assert await crowd.ask(client, 100) <= 21


async def test_b6_a_part_of_a_batch_that_says_so_counts_too() -> None:
    crowd = Crowd()
    async with scripted(Side.SALES, crowd, crowd.ticker, concurrency=16, most=48) as client:
        response = await client.get("x")
        crowd.ticker.seconds += 1
        (await client.get("x")).extensions["refused"](429, httpx.Headers({"Retry-After": "1"}))
        assert response.is_success
        assert await crowd.ask(client, 8) == 8
        assert await crowd.ask(client, 30) < 16


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("side", list(Side))
def test_workers_that_share_a_user_share_its_limits(side: Side, workers: int) -> None:
    whole, part = limits_of(1)[side], limits_of(workers)[side]
    assert whole == limits_of(1)[side]
    assert part.concurrency * workers <= max(whole.concurrency, workers)
    assert part.most * workers <= whole.most
    assert whole.rate is not None
    assert part.rate is not None
    assert part.rate.per_second * workers == pytest.approx(whole.rate.per_second)
    assert part.rate.burst * workers <= max(whole.rate.burst, workers)
    assert part.rate.below == whole.rate.below


async def test_business_central_never_gets_more_than_five_at_once() -> None:
    crowd = Crowd(x_ms_dop_hint="40")
    transport = httpx.MockTransport(crowd)
    async with session(Side.BC, settings(Side.BC), transport=transport, clocks=crowd.ticker.time) as client:
        await client.get("x")
        assert await crowd.ask(client, 200) == 5


async def test_sales_gets_as_many_batches_at_once_as_it_recommends() -> None:
    crowd = Crowd(x_ms_dop_hint="32")
    transport = httpx.MockTransport(crowd)
    async with session(Side.SALES, settings(Side.SALES), transport=transport, clocks=crowd.ticker.time) as client:
        target = DataverseTarget(client, batch_size=10)
        await client.get("x")
        await target.write([Write(CUSTOMER, GUID.format(n), {"name": "x"}) for n in range(1000)])
    assert crowd.most == 32


async def test_metrics_hear_of_every_answer() -> None:
    heard: list[tuple[str, str, int]] = []
    counted: list[int] = []
    hooks = Hooks(
        observe=lambda side, operation, status, seconds: heard.append((side, operation, status)),
        counted=lambda side, parts: counted.append(parts),
    )
    script = Script(json(200, OK), httpx.ConnectError("refused"), json(204, {}))
    async with scripted(Side.BC, script, hooks=hooks) as client:
        await client.get("x")
        with pytest.raises(ApiError):
            await client.post("x")
        await client.post("api/v2.0/$batch", extensions={"parts": 20})
    assert counted == [1, 1, 20], "a token is another service's"
    assert heard == [("bc", "token", 200), ("bc", "read", 200), ("bc", "write", 0), ("bc", "batch", 204)]


@pytest.mark.parametrize("name", ["url", "token_url"])
def test_plain_http_is_for_loopback_only(name: str) -> None:
    addresses = {"url": "https://contoso.crm.dynamics.com", "token_url": "https://login.example/token"}
    addresses[name] = "http://contoso.example"
    with pytest.raises(ConfigurationError, match="unencrypted"):
        session(Side.SALES, SideSettings(addresses["url"], Credentials(addresses["token_url"], "c", "s", "x")))
    session(Side.SALES, settings(Side.SALES))


def test_default_addresses_are_entras() -> None:
    auth = Auth(tenant="contoso", client_id="c", client_secret=SecretStr("s"))
    found = side_settings(Sales(url="https://contoso.crm.dynamics.com/", auth=auth)).credentials
    assert found.token_url == "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
    assert found.scope == "https://contoso.crm.dynamics.com/.default"
    there = side_settings(BusinessCentral(url="https://bc.example/v2.0/x", company="c", auth=auth)).credentials
    assert there.scope == "https://api.businesscentral.dynamics.com/.default"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", None),
        ("-3", None),
        ("Mon, 05 Jan 2026 12:00:30 GMT", 30.0),
        ("Mon, 05 Jan 2026 11:59:30 GMT", None),
        ("", None),
        ("soon", None),
    ],
)
def test_retry_after_is_a_number_or_a_date_that_lies_ahead(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, 1767614400.0) == seconds


def test_a_date_to_wait_for_counts_from_the_answers_own() -> None:
    headers = {"Retry-After": "Mon, 05 Jan 2026 12:05:30 GMT", "Date": "Mon, 05 Jan 2026 12:05:00 GMT"}
    assert retry_after(headers, 1767614400.0) == 30.0


def test_the_base_url_keeps_its_path() -> None:
    assert str(session(Side.BC, settings(Side.BC)).base_url) == f"{HOST}/v2.0/sandbox/"
