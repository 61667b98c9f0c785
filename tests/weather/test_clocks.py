"""Clocks that are wrong by up to an hour: each side's time is compared with its own only (D123)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from schemas.job import Keep
from schemas.side import Side
from tests.support.equality import differences, numbers
from tests.support.in_process import Systems
from tests.support.main_job import coupled_customers, do_it, two_systems
from tests.support.records import Records
from tests.support.stage import Stage

HOUR = 3600
# How many records of each kind there are, whatever the clocks say.
_EXPECTED: dict[str, int] = {}


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


@pytest.fixture
async def untracked(tmp_path: Path) -> AsyncIterator[Stage]:
    """Sales goes by time of change too."""
    sales = DataverseSettings(change_tracking=frozenset())
    async with two_systems(tmp_path, Systems(sales=sales)) as made:
        _EXPECTED.update(numbers(Records(made)))
        await made.full_sync(answer=Keep.KEEP)
        made.clock.tick(60)
        await made.live()
        yield made


def _edit(stage: Stage, word: str) -> None:
    """On both sides, each of another pair."""
    (customer, _), (_, account) = coupled_customers(stage)[:2]
    stage.bc.edit(customer, city=f"{word} of BC")
    stage.sales.edit(account, telephone1=f"+61 {word}")


@pytest.mark.parametrize("quiet", [0, 300, 1800])
async def test_a_clock_that_steps_back_hides_no_edit(quiet: int, untracked: Stage) -> None:
    stage = untracked
    _edit(stage, "Before")
    await stage.live()
    stage.clock.tick(quiet)
    await stage.live()
    stage.clock.tick(5)
    _wrong_by(stage, -HOUR, -HOUR)
    for minutes in range(0, 90, 10):
        _edit(stage, f"After {minutes}")
        await stage.live()
        assert differences(Records(stage), _EXPECTED) == [], minutes
        stage.clock.tick(600)


@pytest.mark.parametrize("minutes", [30, 90])
async def test_a_clock_that_steps_back_while_the_daemon_is_down_hides_no_edit(minutes: int, untracked: Stage) -> None:
    """After 90 minutes the clock is past where it stood, and shows nothing of it."""
    stage = untracked
    _edit(stage, "Before")
    await stage.live()
    stage.clock.tick(1200)
    _wrong_by(stage, -HOUR, -HOUR)
    _edit(stage, "After")
    stage.clock.tick(60 * minutes)
    await stage.restart()
    await stage.live()
    assert differences(Records(stage), _EXPECTED) == []


async def test_a_clock_that_was_ahead_and_is_put_right_hides_no_edit(untracked: Stage) -> None:
    stage = untracked
    _wrong_by(stage, HOUR, HOUR)
    _edit(stage, "Ahead")
    await stage.live()
    stage.clock.tick(60)
    _wrong_by(stage, 0, 0)
    _edit(stage, "Right")
    await stage.live()
    assert differences(Records(stage), _EXPECTED) == []


async def test_a_clock_that_steps_back_is_told_once(untracked: Stage) -> None:
    stage = untracked
    _wrong_by(stage, 0, -HOUR)
    with capture_logs() as logs:
        for _ in range(3):
            await stage.live()
            stage.clock.tick(60)
    told = [(one["side"], one["table"]) for one in logs if one["event"] == "clock_stepped_back"]
    assert told
    assert len(set(told)) == len(told)
    assert {side for side, _ in told} == {"sales"}


async def test_a_modified_only_synchronisation_finds_what_was_edited_after_a_step_back(untracked: Stage) -> None:
    """What a mapping missed while it was paused is found by its modified-only run."""
    stage = untracked
    _edit(stage, "Before")
    await stage.live()
    await stage.sync()
    await stage.command("pause", mappings=["CUSTOMER"])
    _wrong_by(stage, -HOUR, -HOUR)
    _edit(stage, "After")
    stage.clock.tick(60)
    await stage.command("resume", mappings=["CUSTOMER"])
    await stage.sync("CUSTOMER")
    assert differences(Records(stage), _EXPECTED) == []


async def test_an_edit_is_carried_though_a_clock_was_wrong_while_only_another_looked(untracked: Stage) -> None:
    """Forward and back between two looks of live capture, which sees no step; a full synchronisation read meanwhile."""
    stage = untracked
    customer, _ = coupled_customers(stage)[0]
    _wrong_by(stage, HOUR, 0)
    stage.bc.edit(customer, city="Before")
    await stage.full_sync("CUSTOMER")
    _wrong_by(stage, 0, 0)
    stage.bc.edit(customer, city="After")
    await stage.live()
    assert differences(Records(stage), _EXPECTED) == []


@pytest.mark.parametrize("by", ["live", "sync"])
async def test_an_edit_after_a_step_back_is_carried_though_another_has_read_its_record_at_a_later_time(
    by: str, untracked: Stage
) -> None:
    """The last that live capture, or `sync`, has read itself is long ago: it knows of no later time."""
    stage = untracked
    customer, _ = coupled_customers(stage)[0]
    await stage.sync("CUSTOMER")
    stage.clock.tick(3 * HOUR)
    stage.bc.edit(customer, city="Before")
    await (stage.full_sync("CUSTOMER") if by == "live" else stage.live())
    _wrong_by(stage, -HOUR, 0)
    stage.bc.edit(customer, city="After")
    await (stage.live() if by == "live" else stage.sync("CUSTOMER"))
    assert differences(Records(stage), _EXPECTED) == []


async def test_an_edit_after_a_step_back_is_carried_though_a_later_time_is_in_the_same_batch(untracked: Stage) -> None:
    """A full synchronisation has read it, and live capture knows of no later time."""
    stage = untracked
    customer, _ = coupled_customers(stage)[0]
    stage.clock.tick(3 * HOUR)
    stage.bc.edit(customer, city="Before")
    edits = iter(["After"])

    async def step() -> None:
        for city in edits:
            _wrong_by(stage, -HOUR, 0)
            stage.bc.edit(customer, city=city)
            await stage.capture([Side.BC])

    stage.meanwhile = step
    await stage.full_sync("CUSTOMER")
    await stage.live()
    assert next(edits, None) is None
    assert differences(Records(stage), _EXPECTED) == []


@pytest.mark.parametrize("ended", ["carried", "failed"])
@pytest.mark.parametrize("waits", [60, 2 * HOUR])
async def test_a_run_carries_what_was_edited_in_a_pause_after_a_clock_that_was_ahead_is_put_right(
    ended: str, waits: int, untracked: Stage
) -> None:
    """Neither the run's own mark nor this process need know that the clock was ahead: what was carried tells."""
    stage = untracked
    customer, _ = coupled_customers(stage)[0]
    await stage.sync("CUSTOMER")
    _wrong_by(stage, HOUR, 0)
    stage.bc.edit(customer, city="Ahead")
    if ended == "failed":
        stage.sales.arm(status=400, method="PATCH", path="/accounts(")
    await stage.live()
    assert len(await stage.errors()) == (ended == "failed")
    stage.clock.tick(60)
    _wrong_by(stage, 0, 0)
    await stage.live()
    await stage.restart()
    await stage.command("pause", mappings=["CUSTOMER"])
    stage.bc.edit(customer, city="Right")
    await stage.live()
    stage.clock.tick(waits)
    await stage.command("resume", mappings=["CUSTOMER"])
    await stage.full_sync("CUSTOMER")
    assert (differences(Records(stage), _EXPECTED), await stage.errors()) == ([], [])


async def test_a_step_back_between_two_pages_hides_no_edit(tmp_path: Path) -> None:
    async with two_systems(tmp_path, Systems(BcSettings(page_limit=1))) as stage:
        expected = numbers(Records(stage))
        await stage.full_sync(answer=Keep.KEEP)
        await stage.live()
        stage.clock.tick(3 * HOUR)
        first, *_ = customers = [customer for customer, _ in coupled_customers(stage)]
        for customer in customers:
            stage.bc.edit(customer, city="Before")
        pages: list[httpx.Request] = []

        def step(request: httpx.Request) -> None:
            if "customers" in request.url.path and "skiptoken" in str(request.url).lower():
                pages.append(request)
                _wrong_by(stage, -HOUR, 0)

        stage.lines[Side.BC].ahead = step
        await stage.live()
        assert pages
        stage.bc.edit(first, city="After")
        await stage.live()
        assert differences(Records(stage), expected) == []


@pytest.mark.parametrize("how", ["retry", "sync", "named"])
async def test_an_edit_that_failed_after_a_step_back_is_carried_when_it_is_tried_again(
    how: str, untracked: Stage
) -> None:
    stage = untracked
    customer, _ = coupled_customers(stage)[0]
    stage.bc.edit(customer, city="Before")
    await stage.live()
    _wrong_by(stage, -HOUR, 0)
    stage.sales.arm(status=400, method="PATCH", path="/accounts(")
    stage.bc.edit(customer, city="After")
    await stage.live()
    assert len(await stage.errors()) == 1
    if how == "retry":
        await stage.command("retry", mappings=["CUSTOMER"])
        stage.clock.tick(60)
        await stage.live()
    else:
        named = {"records": [customer.partition("(")[2][:-1]]} if how == "named" else {}
        await stage.command("sync", mappings=["CUSTOMER"], **named)
    assert (differences(Records(stage), _EXPECTED), await stage.errors()) == ([], [])
