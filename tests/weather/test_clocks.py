"""Clocks that are wrong by up to an hour: each side's time is compared with its own only (D123)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.equality import differences, numbers
from tests.support.main_job import coupled_customers, do_it, two_systems
from tests.support.records import Records
from tests.support.stage import Stage

HOUR = 3600


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with two_systems(tmp_path) as made:
        yield made


def _wrong_by(stage: Stage, bc: int, sales: int) -> None:
    for side, seconds in ((stage.bc, bc), (stage.sales, sales)):
        side.control.post("clock", json={"offset_seconds": seconds}).raise_for_status()


@pytest.mark.parametrize(("bc", "sales"), [(HOUR, 0), (-HOUR, 0), (0, HOUR), (0, -HOUR), (HOUR, -HOUR), (-HOUR, HOUR)])
async def test_a_clock_that_is_wrong_by_an_hour_loses_nothing(bc: int, sales: int, stage: Stage) -> None:
    _wrong_by(stage, bc, sales)
    await stage.restart(new_log=True)
    await do_it(stage)


async def test_a_modified_only_synchronisation_finds_what_was_edited_under_a_wrong_clock(stage: Stage) -> None:
    expected = numbers(Records(stage))
    _wrong_by(stage, -HOUR, -HOUR)
    stage.clock.tick(2 * HOUR)
    await stage.full_sync()
    stage.clock.tick(60)
    await stage.command("pause")
    for number, (customer, account) in enumerate(coupled_customers(stage)):
        stage.bc.edit(customer, city=f"Town {number}")
        stage.sales.edit(account, telephone1=f"+61 {number}")
    await stage.command("resume")
    await stage.sync()
    assert differences(Records(stage), expected) == []
