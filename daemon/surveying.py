"""The jobs that read both sides of a mapping and compare: match, the dry run of a full synchronisation, and verify."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from consumers.survey import match
from consumers.survey.context import Context
from consumers.survey.coupling import Couple
from consumers.survey.ports import Sweep
from consumers.survey.preview import preview
from consumers.survey.staging import read_both
from daemon.sides import Sides
from daemon.store.engine import Store
from producers.chosen import ChosenSweep
from producers.sweep import JobSweep
from schemas import mapping_diff
from schemas.errors import ApiError
from schemas.job import Job, Run, RunKind
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind

Progress = Callable[[int], Awaitable[None]]
# Makes the sweep position of a job's part that is published on the topic of a side.
Positions = Callable[[Job, Side, str], JobSweep]
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """Both sides of the mapping of a survey's job; `job.read` counts the records, out of `job.total`."""

    sides: Sides
    store: Store
    job: Job

    async def run(self, progress: Progress) -> None:
        """To its end; resumable at every page (promise 6)."""
        if self.job.total is None:
            await self._expect()
        sweeps: dict[Side, Sweep] = {side: self.sides.sweep(self._from(side), None) for side in Side}
        await read_both(self.job.id, sweeps, self.store.surveys, progress)

    async def finished(self) -> None:
        await self.store.surveys.forget(self.job.id)

    async def _expect(self) -> None:
        """For the progress bar only: a side that cannot count is no reason to fail."""
        try:
            totals = [await self.sides.count(self._from(side), None) for side in Side]
        except ApiError:
            return
        known = [total for total in totals if total is not None]
        if len(known) == len(totals) and self.job.started:
            await self.store.jobs.start_job(self.job.id, self.job.started, sum(known))

    def _from(self, side: Side) -> Job:
        return replace(self.job, direction=Direction.from_side(side))


@dataclass(frozen=True, slots=True)
class Published:
    """Some of a survey's records, on the topic of their side: those its findings of a kind name."""

    context: Context
    kind: Kind
    side: Side
    position: JobSweep

    async def run(self, progress: Progress) -> None:
        context = self.context
        sweep = ChosenSweep(
            self._choice,
            context.readers[self.side],
            context.mapping,
            (context.job, self.side),
            context.now_ms,
            create=self.kind is Kind.UNMATCHED,
        )
        await self.position.run(sweep, progress)

    async def _choice(self, after: int) -> tuple[list[str], int | None]:
        page = await self.context.findings.page(self.context.job, [self.kind], after, _AT_ONCE)
        found = [one for _, one in page]
        if self.kind is Kind.MATCHED:
            found = await self._coupled(found)
        ids = [key for one in found if (key := one.bc_id if self.side is Side.BC else one.sales_id)]
        return ids, page[-1][0] if page else None

    async def _coupled(self, pairs: Sequence[Finding]) -> list[Finding]:
        """Not those that have changed since they were found, and were left alone."""
        ids = [one.bc_id for one in pairs if one.bc_id]
        name = self.context.mapping.name
        couplings = await self.context.memory.couplings([name], Side.BC, ids)
        partners = {key: coupling.sales.id for (_, key), coupling in couplings.items()}
        return [one for one in pairs if one.bc_id and partners.get(one.bc_id) == one.sales_id]


class Part(Protocol):
    """What a survey publishes on the topic of a side."""

    @property
    def position(self) -> JobSweep: ...

    async def run(self, progress: Progress) -> None: ...


@dataclass(frozen=True, slots=True)
class Surveying:
    """A survey as the work of a job (`producers.runner.Work`): reads, then compares, then does what is to be done.

    `compare` does nothing once its findings are sealed. `pays`: what of a changed mapping it makes up for.
    """

    context: Context
    reading: Reading
    compare: Callable[[], Awaitable[None]]
    published: Sequence[Part] = ()
    pays: mapping_diff.Sweep | None = None

    async def run(self, progress: Progress) -> None:
        if not await self.context.findings.sealed(self.context.job):
            await self.reading.run(progress)
        await self.compare()
        for part in self.published:
            await part.run(progress)

    async def applied(self) -> bool:
        return all([await part.position.applied() for part in self.published])

    async def finished(self) -> None:
        await self.reading.finished()
        if self.pays:
            await self.reading.store.definitions.swept(self.context.job, self.pays)
        for part in self.published:
            await self.reading.store.positions.forget(part.position.name)


def context_of(sides: Sides, store: Store, job: Job) -> Context:
    readers = {side: sides.records(side) for side in Side}
    kept = (store.memory, store.surveys, store.findings)
    return Context(job.id, sides.mappings[job.mapping], sides.mappings, *kept, readers, sides.now_ms)


async def surveying(sides: Sides, store: Store, positions: Positions, run: Run, job: Job) -> Surveying:
    """The work of a job of a match or a dry run."""
    context = context_of(sides, store, job)
    reading = Reading(sides, store, job)
    if run.kind is RunKind.MATCH:
        return _matching(context, reading, positions, run, job)
    earlier = {one.mapping: one.id for one in await store.jobs.jobs_of(run.id) if one.id < job.id}
    return Surveying(context, reading, lambda: preview(context, earlier))


def _matching(context: Context, reading: Reading, positions: Positions, run: Run, job: Job) -> Surveying:
    if run.options["dry_run"]:
        return Surveying(context, reading, lambda: match.find(context, foretold=bool(run.options["create"])))
    couple = Couple(context, Side(run.options["use"]) if run.options["use"] else None)

    async def compare() -> None:
        await match.find(context)
        await couple.run()

    published: list[Part] = []
    if couple.winner:
        position = positions(job, couple.winner, "use")
        published.append(Published(context, Kind.MATCHED, couple.winner, position))
    if run.options["create"] and context.mapping.direction.covers(Direction.TO_SALES):
        published.append(Published(context, Kind.UNMATCHED, Side.BC, positions(job, Side.BC, "create")))
    return Surveying(context, reading, compare, published)
