"""The job of a verify: reads both sides of a mapping, compares through the couplings, repairs if asked to."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from consumers.survey.context import Context
from consumers.survey.repair import repair
from consumers.survey.verify import DIFFERING, find
from daemon.sides import Sides
from daemon.store.engine import Store
from daemon.store.standing import Standing
from daemon.surveying import Positions, Reading
from producers.ports import Page, Position
from producers.sweep import JobSweep
from schemas.job import Job, Run
from schemas.mapping_diff import Sweep
from schemas.side import Side

Progress = Callable[[int], Awaitable[None]]
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Repairs:
    """What was found apart, as a sweep: a page of findings, and the records of one side that repair them."""

    context: Context
    side: Side
    position: JobSweep

    async def run(self, progress: Progress) -> None:
        await self.position.run(self, progress)

    async def read(self, position: Position | None) -> Page:
        context, after = self.context, int(position["next"]) if position else 0
        page = await context.findings.page(context.job, DIFFERING, after, _AT_ONCE)
        changes = await repair(context, self.side, [one for _, one in page]) if page else []
        last = page[-1][0] if page else after
        return Page(tuple(changes), {"next": last}, more=len(page) == _AT_ONCE)


@dataclass(frozen=True, slots=True)
class Verifying:
    """`producers.runner.Work`. Couplings made after the run was asked for are left out: it may not have read them."""

    context: Context
    reading: Reading
    standing: Standing
    run_: Run
    repairs: Sequence[Repairs]

    async def run(self, progress: Progress) -> None:
        context = self.context
        if not await context.findings.sealed(context.job):
            await self.reading.run(progress)
            couplings = self.standing.pages(context.mapping.name, self.run_.created)
            await find(context, couplings, bool(self.repairs))
        for part in self.repairs:
            await part.run(progress)

    async def applied(self) -> bool:
        return all([await part.position.applied() for part in self.repairs])

    async def finished(self) -> None:
        """A repair pays what a changed mapping owes one."""
        await self.reading.finished()
        if self.repairs:
            await self.reading.store.definitions.swept(self.context.job, Sweep.REPAIR)
        for part in self.repairs:
            await self.reading.store.positions.forget(part.position.name)


def verifying(sides: Sides, store: Store, positions: Positions, run: Run, job: Job) -> Verifying:
    """The work of a job of a verify."""
    readers = {side: sides.records(side) for side in Side}
    kept = (store.memory, store.surveys, store.findings)
    context = Context(job.id, sides.mappings[job.mapping], sides.mappings, *kept, readers, sides.now_ms)
    ways = context.mapping.direction.one_ways if run.options["repair"] else ()
    repairs = [Repairs(context, way.source, positions(job, way.source, f"repair-{way.source}")) for way in ways]
    return Verifying(context, Reading(sides, store, job), store.standing, run, repairs)
