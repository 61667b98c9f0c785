"""The receiver of Business Central's notifications: whatever comes, it never answers 4xx (wire-protocols C3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from daemon.web import Access
from daemon.web import webhooks as receiver
from tests.contract.web.conftest import World

PATH = "/webhooks/bc"


class Taken:
    """Remembers what it was given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.bodies: list[bytes] = []
        self.error = error

    async def __call__(self, body: bytes) -> None:
        if self.error:
            raise self.error
        self.bodies.append(body)


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def receiving(taken: Taken) -> World:
    """With a login, which Business Central does not have."""
    return World(notified=taken, access=Access("0.0.0.0", lambda: "let-me-in"))


@pytest.mark.parametrize("verb", ["POST", "GET"])
async def test_the_handshake_needs_no_login_and_answers_the_token_itself(receiving: World, verb: str) -> None:
    token = "a+b/c=<script>ü"
    async with receiving.browser() as browser:
        answer = await browser.request(verb, PATH, params={"validationToken": token})
    assert (answer.status_code, answer.text) == (200, token)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_handshake_is_answered_by_a_worker_without_webhooks_too(world: World) -> None:
    async with world.browser() as browser:
        answer = await browser.post(PATH, params={"validationToken": "token"}, headers={"Host": "hook.contoso.com"})
        assert answer.text == "token"
        assert (await browser.post(PATH, content=b"{}")).status_code == 200


async def test_a_notification_is_taken_before_it_is_answered(receiving: World, taken: Taken) -> None:
    async with receiving.browser() as browser:
        answer = await browser.post(f"{PATH}/", content=b'{"value": []}', headers={"Host": "hook.contoso.com"})
    assert (answer.status_code, answer.content, taken.bodies) == (202, b"", [b'{"value": []}'])


@pytest.mark.parametrize("kind", ["application/json", "text/xml", "multipart/form-data", "nonsense", ""])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"value": 7}', b"a=b&c=d"])
async def test_garbage_is_taken(receiving: World, kind: str, body: bytes) -> None:
    async with receiving.browser() as browser:
        headers = {"Content-Type": kind, "Origin": "https://elsewhere.example"}
        assert (await browser.post(PATH, content=body, headers=headers)).status_code == 202


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
async def test_every_verb_is_taken(receiving: World, taken: Taken, verb: str) -> None:
    async with receiving.browser() as browser:
        assert (await browser.request(verb, PATH)).status_code == 200
    assert taken.bodies == []


async def test_a_body_that_is_too_large_is_taken_and_let_go(
    receiving: World, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "LARGEST", 100)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"7" * 10

    with capture_logs() as logs:
        async with receiving.browser() as browser:
            assert (await browser.post(PATH, content=pieces())).status_code == 202
    assert taken.bodies == []
    assert [line["event"] for line in logs] == ["webhook_too_large"]


async def test_while_the_store_is_away_it_is_to_be_sent_again_and_no_log_repeats_it() -> None:
    world = World(notified=Taken(RuntimeError("could not store {'clientState': 'very-secret'}")))
    with capture_logs() as logs:
        async with world.browser() as browser:
            answer = await browser.post(PATH, content=b'{"value": [{"clientState": "very-secret"}]}')
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "very-secret" not in str(logs)


async def test_a_flood_is_to_come_again_later(taken: Taken) -> None:
    world = World(notified=taken)
    async with world.browser() as browser:
        answers = [(await browser.post(PATH, content=b"{}")).status_code for _ in range(150)]
        assert (await browser.post(PATH, params={"validationToken": "token"})).text == "token"
    assert set(answers) == {202, 503}
    assert len(taken.bodies) == answers.count(202) < 130


async def test_bodies_that_never_end_are_few_and_let_go(
    receiving: World, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is held in memory while it comes."""
    never, coming = asyncio.Event(), asyncio.Semaphore(0)

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        coming.release()
        await never.wait()

    async with receiving.browser() as browser:
        kept = [asyncio.create_task(browser.post(PATH, content=endless())) for _ in range(receiver.AT_ONCE)]
        for _ in kept:
            await coming.acquire()
        assert (await browser.post(PATH, content=b"{}")).status_code == 503
        never.set()
        assert {(await one).status_code for one in kept} == {202}
        assert (await browser.post(PATH, content=b"{}")).status_code == 202
        never.clear()
        with monkeypatch.context() as hurried:
            hurried.setattr(receiver, "SECONDS", 0.01)
            assert (await browser.post(PATH, content=endless())).status_code == 503
        assert (await browser.post(PATH, content=b"{}")).status_code == 202
    assert taken.bodies == [b"{"] * receiver.AT_ONCE + [b"{}"] * 2
