"""`Idempotency-Key`: who does not know whether a command has arrived sends it again."""

import pytest

from daemon.web.problems import ProblemDocument
from schemas.command import FullSync, Sync

PATH = "/api/commands"
SYNC = {"command": "sync", "mappings": ["CUSTOMER"]}


async def test_the_key_is_the_commands_id(world, browser):
    for key in ("k-1", '"k-1"'):
        answer = await browser.post(PATH, json=SYNC, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()) == (202, {"id": "k-1"})
    wanted = Sync(id="k-1", command="sync", mappings=["CUSTOMER"], requested_by="api")
    assert world.submitted == [wanted, wanted]  # the command log knows the second by its id


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_key_of_another_command_is_refused(world, browser, restarted):
    first = Sync(id="k-1", command="sync", mappings=["CUSTOMER"], requested_by="api")
    if restarted:
        world.reader.logged["k-1"] = first.model_dump(mode="json")
    else:
        assert (await browser.post(PATH, json=SYNC, headers={"Idempotency-Key": "k-1"})).status_code == 202
    sent = len(world.submitted)
    answer = await browser.post(PATH, json={"command": "full-sync"}, headers={"Idempotency-Key": "k-1"})
    assert (answer.status_code, ProblemDocument.model_validate(answer.json()).code) == (409, "key-taken")
    assert len(world.submitted) == sent
    other = await browser.post(PATH, json={"command": "full-sync"}, headers={"Idempotency-Key": "k-2"})
    assert other.status_code == 202
    assert isinstance(world.submitted[-1], FullSync)


async def test_a_repeat_after_a_restart_is_taken(world, browser):
    world.reader.logged["k-1"] = {**SYNC, "id": "k-1", "requested_by": "api"}
    assert (await browser.post(PATH, json=SYNC, headers={"Idempotency-Key": "k-1"})).status_code == 202


@pytest.mark.parametrize(
    ("key", "body"),
    [("k" * 101, SYNC), ("two words", SYNC), ('""', SYNC), ("k-1", {**SYNC, "id": "k-2"}), (None, SYNC)],
)
async def test_a_key_that_cannot_be_one(world, browser, key, body):
    answer = await browser.post(PATH, json=body, headers={"Idempotency-Key": key} if key else {})
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")
    assert world.submitted == []


async def test_an_id_may_hold_a_slash(world, browser):
    assert (await browser.get(f"{PATH}/nightly/1")).json()["code"] == "http-404"
    described = (await browser.get("/api/openapi.json")).json()
    assert "/api/commands/{number}" in described["paths"]
    assert described["components"]["schemas"]["Sync"]["required"] == ["command"]
    names = [each["name"].lower() for each in described["paths"][PATH]["post"]["parameters"]]
    assert names == ["idempotency-key"]
