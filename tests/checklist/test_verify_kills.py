"""`verify --repair` through kills."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from daemon.store.database import Database
from schemas.job import RunState
from tests.support.stage import Killed, Stage
from tests.support.verifying import NAMES, city, overlook, pairs, verify


async def test_a_kill_before_any_transaction_costs_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = await pairs(stage, *NAMES)
    for number, name in enumerate(NAMES):
        stage.bc.edit(f"customers({keys[name]})", city=f"City {number}")
    await overlook(stage)
    kills = await _killed_before_each_transaction(stage, monkeypatch)
    assert kills > 5
    last = stage.outcomes("v")[-1]
    assert last.state is RunState.DONE
    (job,) = last.jobs
    assert (job["found"]["drift"], job["read"], job["modified"]) == (5, 10, 5)
    for number, name in enumerate(NAMES):
        assert city(stage, keys[name]) == (f"City {number}", f"City {number}")
    await stage.live()
    assert await verify(stage) == {"equal": 5}


async def _killed_before_each_transaction(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> int:
    """The process comes one transaction further each time, until it comes through; how often it was killed."""
    plain, left, kills = Database.write, 0, 0

    def killing(database: Database) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return plain(database)

    stage.log.put(
        stage.topics.control,
        None,
        orjson.dumps({"id": "v", "command": "verify", "mappings": ["CUSTOMER"], "repair": True}),
    )
    while True:
        left = kills + 1
        monkeypatch.setattr(Database, "write", killing)
        try:
            await stage.work()
        except Killed:
            kills += 1
        else:
            return kills
        finally:
            monkeypatch.setattr(Database, "write", plain)
        for topic in (*stage.parts.log_ids, stage.topics.control):
            stage.log.rewind(topic)  # nothing was acknowledged
        await stage.restart()
