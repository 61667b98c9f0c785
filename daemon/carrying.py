"""The job that carries one side's values over the other's for all records of a cause: listed first, then carried."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from consumers.pairing import publishing
from consumers.survey.carry import CARRIED, beside, choose, joined
from consumers.survey.context import Context
from daemon.sides import Sides
from daemon.store.engine import Store
from daemon.surveying import Positions, context_of
from producers.ports import Page, Position
from producers.sweep import JobSweep
from schemas.job import Job, Run
from schemas.side import Side
from schemas.use import Use

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Carried:
    """What is to be carried from one side, as a sweep: a page of the list, and its records."""

    context: Context
    side: Side
    winner: Side
    position: JobSweep

    async def read(self, position: Position | None) -> Page:
        context, after = self.context, int(position["next"]) if position else 0
        page = await context.findings.page(context.job, [CARRIED], after, _AT_ONCE)
        ids = [one.bc_id for _, one in page if one.bc_id]
        read = joined if self.side is self.winner else beside
        changes = await read(context, ids, self.side) if ids else []
        last = page[-1][0] if page else after
        return Page(tuple(changes), {"next": last}, more=len(page) == _AT_ONCE)


@dataclass(frozen=True, slots=True)
class Carrying:
    """The work of the job (`producers.runner.Work`)."""

    context: Context
    store: Store
    run_: Run
    winner: Side
    parts: Sequence[Carried]

    async def run(self, progress: Callable[[int], Awaitable[None]]) -> None:
        causes, name = self.run_.options["causes"], self.context.mapping.name
        failing = self.store.retries.hit(name, causes, self.run_.created)
        await choose(self.context, failing, self.winner)
        for part in self.parts:
            await part.position.run(part, progress)

    async def applied(self) -> bool:
        return all([await part.position.applied() for part in self.parts])

    async def finished(self) -> None:
        for part in self.parts:
            await self.store.positions.forget(part.position.name)


def carrying(sides: Sides, store: Store, positions: Positions, run: Run, job: Job) -> Carrying:
    context, winner = context_of(sides, store, job), Side(run.options["use"])
    from_each = publishing(context.mapping, Use(winner.value))
    parts = [Carried(context, side, winner, positions(job, side, f"carry-{side}")) for side in from_each]
    return Carrying(context, store, run, winner, parts)
