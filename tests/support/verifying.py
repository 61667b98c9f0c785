"""Drift planted on a stage, and what `verify` finds of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from consumers.survey.ports import Position
from consumers.survey.verify import LEFT
from schemas.change import Change
from schemas.command_outcome import CommandOutcome
from schemas.job import RunState
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind
from tests.support.house import CUSTOMERS, customer
from tests.support.stage import Stage

NAMES = ("Adatum", "Contoso", "Fabrikam", "Litware", "Trey")


async def overlook(stage: Stage) -> None:
    """Nobody captures what has happened so far: a daemon that was down too long, its positions moved by hand."""
    stage.clock.tick(3600)
    # Business Central's watermark is read again from ten minutes before its newest record.
    customer(stage, "Later", blocked="All")
    parts = stage.parts
    for side, table in parts.mappings.captured():
        position = await parts.sides.source(side, table).start()
        topic = parts.topics.table(side, table)
        await stage.store.positions.begin(f"live:{side.value}:{table}", position, parts.log_ids[topic])
    await stage.restart()


async def pairs(stage: Stage, *names: str) -> dict[str, str]:
    """Customers and accounts, coupled and equal: the id of each, the same on both sides."""
    await stage.live()
    found = {name: customer(stage, name, city="Ulm") for name in names}
    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    return found


async def verify(stage: Stage, *names: str, **fields: Any) -> dict[str, int]:
    """What was found in CUSTOMER, without what was not."""
    told = await stage.command("verify", mappings=list(names) or ["CUSTOMER"], **fields)
    assert told.state is RunState.DONE, told.error
    await all_listed(stage, told)
    return found(told)


async def all_listed(stage: Stage, told: CommandOutcome) -> None:
    """Of whatever a job has counted there is a list, each record once; what still differs is a sum of others."""
    for job in told.jobs:
        for key, number in job["found"].items():
            way, _, kind = key.rpartition(".")
            if kind == LEFT:
                continue
            direction = Direction(way) if way else None
            listed = await stage.store.findings.of_job(job["id"], kind, 0, number + 1, direction=direction)
            assert len(listed) == number == await stage.store.findings.count(job["id"], kind, direction), key
            records = {(str(one.kind), one.direction, one.bc_id, one.sales_id) for _, _, one in listed}
            assert len(records) == number or kind == Kind.DUPLICATE, key
            assert all(one.label for _, _, one in listed), key


def found(told: CommandOutcome, mapping: str = "CUSTOMER") -> dict[str, int]:
    (job,) = (job for job in told.jobs if job["mapping"] == mapping)
    return {kind: count for kind, count in job["found"].items() if count}


async def findings(stage: Stage, run: str) -> list[Finding]:
    return [one for _, _, one in await stage.store.findings.of_run(run)]


def after_reading(stage: Stage, last: Side, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """What happens once a comparison has read this side: of Business Central, before it reads Sales."""
    kept = stage.store.surveys
    plain = kept.stage

    async def staged(job: int, side: Side, changes: Sequence[Change], position: Position) -> None:
        await plain(job, side, changes, position)
        if side is last:
            await meanwhile()

    kept.stage = staged  # type: ignore[method-assign]


def city(stage: Stage, key: str) -> tuple[Any, Any]:
    bc, sales = stage.bc.get(f"customers({key})"), stage.sales.get(f"accounts({key})")
    return bc["city"], sales["address1_city"]
