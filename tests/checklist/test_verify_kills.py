"""`verify --repair` through kills."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
import pytest

from daemon.explaining import Explainer
from daemon.store.database import Database
from schemas.explanation import Why
from schemas.job import RunState
from schemas.side import Side
from tests.support.stage import Killed, Stage
from tests.support.verifying import NAMES, after_reading, city, overlook, pairs, verify


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


async def _killed_after_writing(stage: Stage, edited: Side, key: str, value: str) -> None:
    """It is with the partner, and no coupling knows of it."""

    async def kill(*_: object) -> None:
        raise Killed

    memory = stage.store.memory
    record = memory.record
    memory.record = kill  # type: ignore[assignment, method-assign]
    _edit(stage, edited, key, value)
    with pytest.raises(Killed):
        await stage.live()
    memory.record = record  # type: ignore[method-assign]
    assert city(stage, key) == (value, value)


def _edit(stage: Stage, side: Side, key: str, value: str) -> None:
    if side is Side.BC:
        stage.bc.edit(f"customers({key})", city=value)
    else:
        stage.sales.edit(f"accounts({key})", address1_city=value)


@pytest.mark.parametrize("policy", ["fail", "merge", "bc_wins", "sales_wins"])
@pytest.mark.parametrize("edited", list(Side))
async def test_what_a_kill_has_left_with_the_partner_is_no_edit_of_anybody(
    stage: Stage, policy: str, edited: Side
) -> None:
    """Edited anew since, it would be a conflict, or the older value would be carried back over the newer one."""
    await stage.configure(CUSTOMER={"on_update_conflict": policy})
    keys = await pairs(stage, "Adatum", "Contoso")
    await _killed_after_writing(stage, edited, keys["Adatum"], "Bonn")
    await stage.restart(new_log=True)
    await overlook(stage)  # nobody carries it again
    assert await verify(stage) == {"equal": 2}
    _edit(stage, edited, keys["Adatum"], "Rome")
    assert await verify(stage) == {"equal": 1, "drift": 1, "left": 1}
    told = await Explainer(stage.parts.sides, stage.store).explain("CUSTOMER", keys["Adatum"])
    assert told.why is Why.ON_ITS_WAY
    assert await verify(stage, repair=True) == {"equal": 1, "drift": 1}
    assert city(stage, keys["Adatum"]) == ("Rome", "Rome")
    await stage.live()
    assert await verify(stage) == {"equal": 2}


@pytest.mark.parametrize("edited", list(Side))
async def test_what_is_begun_while_both_sides_are_read_is_no_drift(stage: Stage, edited: Side) -> None:
    """Business Central is read first, and Sales later."""
    keys = await pairs(stage, "Adatum", "Contoso")
    after_reading(stage, Side.BC, partial(_killed_after_writing, stage, edited, keys["Adatum"], "Bonn"))
    assert await verify(stage) == {"equal": 2}
