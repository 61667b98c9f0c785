"""The main job, as every weather must leave it: full synchronisation of everything, then edits and new records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.sandbox.seed import seed
from schemas.job import Keep, RunState
from schemas.side import Side
from tests.support.equality import differences, numbers
from tests.support.in_process import Systems
from tests.support.records import Record, Records
from tests.support.stage import Stage

_DATA = seed(customers=3, seed=1)


@asynccontextmanager
async def two_systems(folder: Path, systems: Systems | None = None) -> AsyncIterator[Stage]:
    """Two systems that have lived apart, and a daemon that has begun to look."""
    async with Stage(folder, _DATA.bc, _DATA.sales, systems=systems) as stage:
        await stage.live()
        yield stage


async def do_it(stage: Stage, trouble: Callable[[], None] = lambda: None) -> None:
    """The whole job, with `trouble` made before each of its parts. After each, both sides must be equal."""
    expected = numbers(Records(stage))
    trouble()
    told = await stage.command("full-sync", answer=Keep.KEEP)
    assert (told.state, told.error) == (RunState.DONE, None)
    await _at_rest(stage, expected)
    await edits(stage)
    trouble()
    await _at_rest(stage, {**expected, "customers": expected["customers"] + 2})


async def _at_rest(stage: Stage, expected: dict[str, int]) -> None:
    """The trouble passes, and what failed meanwhile is carried again."""
    await stage.live()
    stage.bc.disarm()
    stage.sales.disarm()
    for line in stage.lines.values():
        line.too_slow.clear()
    for _ in range(4):
        stage.clock.tick(3600)
        await stage.live()
    wrong = differences(Records(stage), expected), await stage.errors()
    assert wrong == ([], []), wrong


async def edits(stage: Stage) -> None:
    """On either side a record is edited, both of one pair, the partner of one on its way, and one is new."""
    (customer, account), (other, its_account) = coupled_customers(stage)[:2]
    stage.sales.edit(its_account, telephone1="+61 9")
    await stage.capture({Side.SALES})
    stage.bc.edit(other, city="Hobart")
    stage.bc.edit(customer, city="Perth", addressLine2="")
    stage.sales.edit(account, telephone1="+61 8")
    stage.bc.create("customers", displayName="Newcomer of BC", email="bc@example.com")
    stage.sales.create("accounts", name="Newcomer of Sales", customertypecode=3, emailaddress1="sales@example.com")


def coupled_customers(stage: Stage) -> list[tuple[str, str]]:
    """The paths of both records of each pair."""
    records = Records(stage)
    accounts: dict[str, Record] = {row["name"]: row for row in records.accounts}
    return [
        (f"customers({row['id']})", f"accounts({accounts[row['displayName']]['accountid']})")
        for row in records.bc_customers
        if row["displayName"] in accounts
    ]
