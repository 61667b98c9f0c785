"""The main job, as every weather must leave it: full synchronisation, then edits, new records and deletions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.sandbox.seed import seed
from daemon.store.views import Failure
from schemas.job import Keep, RunState
from schemas.mapping import OnDelete
from tests.support.equality import differences, numbers
from tests.support.in_process import Systems
from tests.support.records import Record, Records
from tests.support.stage import Stage
from tests.support.stage_mappings import standard

_DATA = seed(customers=3, seed=1)


@asynccontextmanager
async def two_systems(
    folder: Path, systems: Systems | None = None, make: Callable[..., Stage] = Stage
) -> AsyncIterator[Stage]:
    """Two systems that have lived apart, and a daemon that has begun to look."""
    mappings = standard(CONTACTS={"on_delete": OnDelete.DELETE})
    async with make(folder, _DATA.bc, _DATA.sales, mappings, systems) as stage:
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
    grown, shrunk = {"customers": expected["customers"] + 2}, {"contacts": expected["contacts"] - 2}
    await _at_rest(stage, expected | grown | shrunk)


async def _at_rest(stage: Stage, expected: dict[str, int]) -> None:
    """The trouble passes, and what failed meanwhile is carried again."""
    await stage.live()
    stage.bc.disarm()
    stage.sales.disarm()
    for line in stage.lines.values():
        line.too_slow.clear()
    wrong: tuple[list[str], Sequence[Failure]] = [], []
    for _ in range(4):  # what is tried again for the third time has waited for hours
        stage.clock.tick(3600)
        await stage.look_for_deletions()
        await stage.live()
        wrong = differences(Records(stage), expected), await stage.errors()
        if wrong == ([], []):
            return
    raise AssertionError(wrong)


async def edits(stage: Stage) -> None:
    """On either side a record is edited, both of one pair, the partner of one on its way, one is new, one deleted."""
    (customer, account), (other, its_account) = coupled_customers(stage)[:2]
    stage.sales.edit(its_account, telephone1="+61 9")
    stage.bc.edit(customer, website="www.perth.example")
    await stage.capture()
    stage.bc.edit(other, city="Hobart")
    stage.sales.edit(account, address1_line1="1 Perth Road")
    await stage.work()
    stage.bc.edit(customer, city="Perth", addressLine2="")
    stage.sales.edit(account, telephone1="+61 8")
    stage.bc.create("customers", displayName="Newcomer of BC", email="bc@example.com")
    stage.sales.create("accounts", name="Newcomer of Sales", customertypecode=3, emailaddress1="sales@example.com")
    (gone_in_bc, _), (_, gone_in_sales) = sorted((await stage.couplings("CONTACTS")).items())[:2]
    stage.bc.delete(f"contacts({gone_in_bc})")
    stage.sales.delete(f"contacts({gone_in_sales})")


def coupled_customers(stage: Stage) -> list[tuple[str, str]]:
    """The paths of both records of each pair."""
    records = Records(stage)
    accounts: dict[str, Record] = {row["name"]: row for row in records.accounts}
    return [
        (f"customers({row['id']})", f"accounts({accounts[row['displayName']]['accountid']})")
        for row in records.bc_customers
        if row["displayName"] in accounts
    ]
