"""What the daemon costs both sides in requests, counted by the simulators; the table of docs/api-cost.md.

python -m tests.support.api_cost      # measures, and writes the table
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from daemon.rounds import Rounds
from daemon.webhooks import webhooks_of
from schemas.side import Side as Name
from tests.support import house
from tests.support.simulators import Request, Side
from tests.support.stage import Stage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api-cost.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->"
RECORDS, POLL, SELDOM, HOUR = 1000, 5, 300, 3600
# Records of a batch: of both sides, and of new ones in Business Central whose number it chooses itself.
BATCH, BLIND = 100, 20
_CUSTOMER = "00000000-0000-0000-0001-{:012d}"
_ACCOUNT = "00000000-0000-0000-0002-{:012d}"


@dataclass(frozen=True, slots=True)
class Cost:
    """One line: what happened, what was counted, how many there were, and how many there may be."""

    what: str
    counted: str
    found: int
    most: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests by entity set; a batch is one, of the table of its parts."""

    reads: Counter[str]
    writes: Counter[str]
    parts: int

    @property
    def total(self) -> int:
        return self.reads.total() + self.writes.total()


def counted(side: Side, since: int) -> Counted:
    reads: Counter[str] = Counter()
    writes: Counter[str] = Counter()
    inside: list[Request] = []
    parts = 0
    for entry in side.log(since):
        if entry.part:  # the parts of a batch are noted before it
            inside.append(entry)
            continue
        batch = inside if entry.path.endswith("$batch") else [entry]
        (writes if batch[0].write else reads)[_table(batch[0])] += 1
        parts += sum(one.write for one in batch)
        inside = []
    return Counted(reads, writes, parts)


def _table(entry: Request) -> str:
    return entry.path.partition("?")[0].removesuffix("/$count").rsplit("/", 1)[-1].partition("(")[0]


def _seeds() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Units, customers and items born in Business Central, accounts born in Sales."""
    numbers = range(RECORDS)
    units = [*house.BC["unitsOfMeasure"], *({"code": f"U{n:05d}", "displayName": f"Unit {n}"} for n in numbers)]
    customers = [{"id": _CUSTOMER.format(n), "number": f"C{n:05d}", "displayName": f"Customer {n}"} for n in numbers]
    items = [{"number": f"I{n:05d}", "displayName": f"Item {n}", "baseUnitOfMeasureCode": "PCS"} for n in numbers]
    accounts = [{"accountid": _ACCOUNT.format(n), "name": f"Account {n}", "customertypecode": 3} for n in numbers]
    bc = {**house.BC, "unitsOfMeasure": units, "customers": customers, "items": items}
    return bc, {**house.SALES, "accounts": accounts}


async def measure() -> list[Cost]:
    with tempfile.TemporaryDirectory() as folder:
        async with Stage(Path(folder), *_seeds()) as stage:
            await stage.live()
            found = [*await _full(stage), *await _again(stage)]
            found += await _one(stage)
            found += await _many(stage)
            return [*found, *await _idle(stage)]


async def _during(stage: Stage, work: Callable[[], Any]) -> tuple[Counted, Counted]:
    """What the work costs (Business Central, Sales)."""
    marks = stage.bc.mark(), stage.sales.mark()
    await work()
    return counted(stage.bc, marks[0]), counted(stage.sales, marks[1])


async def _full(stage: Stage) -> list[Cost]:
    what, most = f"Full synchronisation, {RECORDS:,} new records per table and side", RECORDS // 500 + 20
    bc, sales = await _during(stage, stage.full_sync)
    await stage.live()
    dearest = max([*bc.reads.items(), *sales.reads.items()], key=lambda one: one[1])
    return [
        Cost(what, f"reads of the table with most of them, `{dearest[0]}`", dearest[1], most),
        Cost(what, "write requests, `accounts`", sales.writes["accounts"], _writes(BATCH)),
        Cost(
            what,
            "write requests, `products`, each made and then activated",
            sales.writes["products"],
            2 * _writes(BATCH),
        ),
        Cost(what, "write requests, `customers`", bc.writes["customers"], _writes(BLIND)),
    ]


def _writes(size: int) -> int:
    """As many as batches of that size, and a twentieth more."""
    return int(ceil(RECORDS / size) * 1.05)


async def _again(stage: Stage) -> list[Cost]:
    what, most = f"The same again, nothing changed, {2 * RECORDS:,} pairs", 2 * RECORDS // 500 + 20
    bc, sales = await _during(stage, stage.full_sync)
    await stage.live()
    dearest = max([*bc.reads.items(), *sales.reads.items()], key=lambda one: one[1])
    writes = bc.writes.total() + sales.writes.total()
    return [
        Cost(what, f"reads of the table with most of them, `{dearest[0]}`", dearest[1], most),
        Cost(what, "write requests", writes, 0),
    ]


async def _one(stage: Stage) -> list[Cost]:
    """Polls are told by what they ask for, as in the tests of live changes."""
    found: list[Cost] = []
    for side, path, field, other in (
        (stage.bc, f"customers({_CUSTOMER.format(1)})", "city", stage.sales),
        (stage.sales, f"accounts({_CUSTOMER.format(1)})", "telephone1", stage.bc),
    ):
        side.edit(path, **{field: "1"})
        since = other.mark()
        await stage.live()
        what = f"One changed record, {'Business Central' if side is stage.bc else 'Sales'} to the other side"
        reads = [entry for entry in other.reads(since) if "$deltatoken" not in entry.path]
        found.append(Cost(what, "reads there, without polls", len(reads), 0))
        found.append(Cost(what, "write parts there", counted(other, since).parts, 1))
    return found


async def _many(stage: Stage) -> list[Cost]:
    found: list[Cost] = []
    for side, path, field in (
        (stage.bc, f"customers({_CUSTOMER})", "city"),
        (stage.sales, f"accounts({_CUSTOMER})", "telephone1"),
    ):
        for number in range(RECORDS):
            side.edit(path.format(number), **{field: "2"})
        bc, sales = await _during(stage, stage.live)
        what = f"{RECORDS:,} changed records, {'Business Central' if side is stage.bc else 'Sales'} to the other side"
        tables = ("customers", "accounts")
        requests = sum(one.reads[table] + one.writes[table] for one in (bc, sales) for table in tables)
        found.append(Cost(what, "requests to both tables, capture and the look at our own echo included", requests, 15))
    return found


async def _idle(stage: Stage) -> list[Cost]:
    """An hour of polling, of care for the subscriptions and of looking for deletions, as the daemon does it."""
    rounds = Rounds(POLL, SELDOM, stage.clock.monotonic)
    webhooks = webhooks_of(stage.parts, rounds, "http://127.0.0.1:8086/webhooks/bc")
    await webhooks.care()
    for _, _, capture in stage.captures:
        await capture.once()

    async def hour() -> None:
        due: dict[tuple[Name, str], float] = {}
        began = stage.clock.monotonic()
        await stage.look_for_deletions()
        for second in range(0, HOUR, POLL):
            stage.clock.tick(max(0.0, began + second - stage.clock.monotonic()))
            if second % 60 == 0:
                await webhooks.care()
            for side, table, capture in stage.captures:
                if second >= due.get((side, table), 0.0):
                    await capture.once()
                    due[side, table] = second + rounds.seconds((side, table))

    bc, sales = await _during(stage, hour)
    what = f"An idle hour, polling every {POLL} s, webhooks on"
    polls = HOUR // POLL
    tables = len(stage.captures)
    dearest = max([*bc.reads.items(), *sales.reads.items()], key=lambda one: one[1])
    # Beside the polls one look for deletions, and a token an hour.
    return [
        Cost(what, f"requests to the table with most of them, `{dearest[0]}`", dearest[1], polls + 1),
        Cost(what, f"requests in all, {tables} tables", bc.total + sales.total, polls * tables),
    ]


def table(costs: list[Cost]) -> str:
    rows = [f"| {one.what} | {one.counted} | {one.found:,} | {one.most:,} |" for one in costs]
    return "\n".join(["| What | Counted | Measured | At most |", "| --- | --- | ---: | ---: |", *rows]) + "\n"


def page(text: str, costs: list[Cost]) -> str:
    """The page with this table in it."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table(costs) + END + rest.partition(END)[2]


def main() -> None:
    costs = asyncio.run(measure())
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), costs), encoding="utf-8")


if __name__ == "__main__":
    main()
