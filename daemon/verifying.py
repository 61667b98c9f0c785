"""The job of a verify: reads both sides of a mapping, compares through the couplings, repairs if asked to."""

from dataclasses import dataclass, replace

from consumers.survey.context import Context
from consumers.survey.drift import Hints
from consumers.survey.repair import repair
from consumers.survey.verify import DIFFERING, find
from daemon.sides import Sides
from daemon.store.engine import Store
from daemon.surveying import Positions, Progress, Reading, Surveying, context_of
from producers.ports import Page, Position
from producers.sweep import JobSweep
from schemas.job import Job, Run
from schemas.mapping_diff import Sweep, renewed
from schemas.side import Side

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


async def verifying(sides: Sides, store: Store, positions: Positions, run: Run, job: Job) -> Surveying:
    """The work of a job of a verify. Couplings made after the run was asked for are left out: it may not have read
    them. A repair pays what a changed mapping owes one.
    """
    known = (await store.definitions.known()).get(job.mapping)
    hints = Hints(renewed(known.owed) if known else {}, await sides.shown_blanks(job.mapping))
    context = replace(context_of(sides, store, job), hints=hints)
    ways = context.mapping.direction.one_ways if run.options["repair"] else ()
    repairs = [Repairs(context, way.source, positions(job, way.source, f"repair-{way.source}")) for way in ways]
    couplings = store.standing.pages(context.mapping.name, run.created)
    pays = Sweep.REPAIR if repairs else None
    return Surveying(
        context, Reading(sides, store, job), lambda: find(context, couplings, bool(repairs)), repairs, pays
    )
