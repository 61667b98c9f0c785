"""What stands on the topics is not as the daemon put it there: poison, a newer version's words, commands mixed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from schemas.side import Side
from tests.support import house
from tests.support.house import account, customer, names, pair
from tests.support.stage import Stage

POISON = {
    "no JSON": b"{",
    "no UTF-8": b'{"op": "\xff"}',
    "another shape": b'{"op": "u"}',
    "a list of anything": b"[1, null]",
    "nothing": b"",
    "of a newer version": orjson.dumps({"op": "t", "source": {"side": "bc", "table": "customers"}}),
    "deeper than anybody reads": b"[" * 100_000,
}
# Those that might be commands.
OBJECTS = ("another shape", "of a newer version")
FINAL = {"done", "failed", "refused"}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path, house.BC, house.SALES) as made:
        yield made


async def test_poison_on_every_topic_is_put_aside_with_its_reason_and_the_rest_goes_on(stage: Stage) -> None:
    bc, sales = await pair(stage)
    topics = [*stage.parts.log_ids, stage.topics.control]
    for topic in topics:
        for value in POISON.values():
            stage.log.put(topic, b"key", value)
    stage.bc.edit(bc, city="Riga")
    stage.sales.edit(sales, telephone1="7")
    await stage.live()
    assert stage.sales.get(sales)["address1_city"] == "Riga"
    assert stage.bc.get(bc)["phoneNumber"] == "7"
    letters = stage.log.read(stage.topics.dead_letters)
    told = [dict(headers) for _, headers in letters]
    # A command of an unknown kind is answered: it is refused under its place on the topic.
    refused = [one for one in stage.outcomes() if one.error and one.id.startswith(stage.topics.control)]
    expected = dict.fromkeys(topics, len(POISON)) | {stage.topics.control: len(POISON) - len(OBJECTS)}
    assert Counter(one["topic"].decode() for one in told) == expected
    assert len(refused) == len(POISON)
    assert {letter.value for letter, _ in letters} == set(POISON.values())
    assert all(one["reason"] for one in told)


async def test_a_change_of_a_newer_version_is_kept_for_after_the_upgrade(stage: Stage) -> None:
    stage.log.put(stage.topics.table(Side.BC, "customers"), b"key", POISON["of a newer version"])
    await stage.live()
    [(_, headers)] = stage.log.read(stage.topics.dead_letters)
    assert b"upgrade" in dict(headers)["reason"]


@pytest.mark.parametrize("seed", range(5))
async def test_commands_that_come_twice_and_in_any_order_each_end_once(stage: Stage, seed: int) -> None:
    customer(stage)
    account(stage)
    wanted: list[dict[str, Any]] = [
        {"id": "full", "command": "full-sync", "mappings": list(house.CUSTOMERS), "answer": "restore"},
        {"id": "again", "command": "sync", "mappings": ["CUSTOMER"]},
        {"id": "answer", "command": "answer", "run": "full", "answer": "keep"},
        {"id": "pause", "command": "pause", "mappings": ["ITEM-PRODUCT"]},
        {"id": "resume", "command": "resume", "mappings": ["ITEM-PRODUCT"]},
        {"id": "retry", "command": "retry"},
    ]
    sent = wanted * 3
    Random(seed).shuffle(sent)
    for one in sent:
        stage.log.put(stage.topics.control, one["id"].encode(), orjson.dumps(one))
    await stage.work()
    await stage.command("resume")
    await stage.command("full-sync", mappings=list(house.CUSTOMERS), answer="restore")
    ends = Counter(one.id for one in stage.outcomes() if one.state in FINAL)
    assert ends == Counter(ends.keys())
    assert {one["id"] for one in wanted} <= ends.keys()
    assert Counter(job["run"] for job in await stage.jobs())["full"] == 3
    assert names(stage) == (["Adatum", "Fabrikam"], ["Adatum", "Fabrikam"])
