"""Uncoupling: two records are no longer one; both sides keep their data (business-central-sync 5.4)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from consumers.ports import NO_TOPIC, Memory
from consumers.translate import references
from schemas.change import Change, Op
from schemas.coupling import Coupling, Reference
from schemas.job import Job, Run
from schemas.mapping import Mappings, TableMapping
from schemas.naming import called
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind


class Failing(Protocol):
    """Who fails for which cause."""

    def hit(
        self, mapping: str, causes: Iterable[str], until: datetime | None
    ) -> AsyncIterator[Sequence[tuple[str | None, str | None]]]:
        """Both ids of each record, as far as they are known, page by page."""


class Findings(Protocol):
    """What a job has done, record by record, for the way back."""

    async def known(self, job: int, bc_ids: Iterable[str]) -> Collection[str]: ...

    async def add(self, job: int, mapping: str, findings: Sequence[Finding]) -> None: ...

    async def count(self, job: int, kind: str | None, direction: Direction | None) -> int: ...

    async def seal(self, job: int, found: Mapping[str, int]) -> None: ...


class Standing(Protocol):
    """All couplings of a mapping."""

    def pages(self, mapping: str, until: datetime | None = None) -> AsyncIterator[Sequence[Coupling]]:
        """Page by page; those made after `until` are left out."""


@dataclass(frozen=True, slots=True)
class Uncoupling:
    """One mapping's job of an uncoupling (`producers.runner.Work`).

    What is uncoupled is counted in the same transaction, and what is left is found again, so a kill costs nothing
    (promise 6). Each pair is listed before it ends: who wants it back finds both ids there.
    """

    mappings: Mappings
    memory: Memory
    standing: Standing
    failing: Failing
    findings: Findings
    run_: Run
    job: Job
    now_ms: Callable[[], int]

    async def run(self, progress: Callable[[int], Awaitable[None]]) -> None:
        mapping, begun = self.mappings[self.job.mapping], False
        async for couplings in self._chosen(mapping):
            if couplings:
                # Of what a kill came between, only a first page can be listed and not yet ended.
                await self._list(couplings, again=not begun)
                await self._end(mapping, couplings)
                begun = True
            await progress(len(couplings))

    async def applied(self) -> bool:
        return True

    async def finished(self) -> None:
        if ended := await self.findings.count(self.job.id, None, None):
            await self.findings.seal(self.job.id, {Kind.UNCOUPLE.value: ended})

    async def _chosen(self, mapping: TableMapping) -> AsyncIterator[Sequence[Coupling]]:
        """The couplings the command means, and of other mappings those that refer to them."""
        if mapping.name == self.run_.options["mapping"]:
            async for couplings in self._named(mapping):
                yield couplings
            return
        ends: set[Reference] = set()
        for name in mapping.uncouple_with:
            if name in self.run_.mappings:
                async for couplings in self._chosen(self.mappings[name]):
                    ends |= {reference for one in couplings for reference in _borne(one)}
        async for couplings in self.standing.pages(mapping.name, self.run_.created):
            yield [one for one in couplings if ends & _refers(mapping, one)]

    async def _named(self, mapping: TableMapping) -> AsyncIterator[Sequence[Coupling]]:
        ids = self.run_.options.get("records")
        if causes := self.run_.options.get("causes"):
            async for page in self.failing.hit(mapping.name, causes, self.run_.created):
                yield await coupled(self.memory, mapping.name, page)
            return
        if ids is None:
            async for couplings in self.standing.pages(mapping.name, self.run_.created):
                yield couplings
            return
        found = [await self.memory.couplings([mapping.name], side, ids) for side in Side]
        yield list({one.bc.id: one for part in found for one in part.values()}.values())

    async def _list(self, couplings: Sequence[Coupling], *, again: bool) -> None:
        listed = await self.findings.known(self.job.id, [one.bc.id for one in couplings]) if again else ()
        found = [_finding(one) for one in couplings if one.bc.id not in listed]
        await self.findings.add(self.job.id, self.job.mapping, found)

    async def _end(self, mapping: TableMapping, couplings: Sequence[Coupling]) -> None:
        """Counted once, under the BC record; said of both, so that neither's failures stay open."""
        now = self.now_ms()
        settled = [
            Settled(
                _change(mapping, side, one, now, self.job.id if side is Side.BC else None),
                mapping.name,
                Outcome.UNCOUPLED,
                uncouple=True,
                partner=one.half(side.other).id,
            )
            for one in couplings
            for side in Side
        ]
        async with self.memory.turn(mapping.name):
            await self.memory.record(settled, NO_TOPIC)


async def coupled(memory: Memory, mapping: str, ids: Sequence[tuple[str | None, str | None]]) -> list[Coupling]:
    """The couplings of these records, each once."""
    found: dict[str, Coupling] = {}
    for side, place in ((Side.BC, 0), (Side.SALES, 1)):
        keys = list(dict.fromkeys(key for one in ids if (key := one[place])))
        found |= {one.bc.id: one for one in (await memory.couplings([mapping], side, keys)).values()}
    return list(found.values())


def _finding(coupling: Coupling) -> Finding:
    name = called({**coupling.sales.base, **coupling.bc.base}) or coupling.bc.id
    return Finding(Kind.UNCOUPLE, Direction.BOTH, coupling.bc.id, coupling.sales.id, name)


def _change(mapping: TableMapping, side: Side, coupling: Coupling, now_ms: int, job: int | None) -> Change:
    half, table = coupling.half(side), mapping.table(side)
    return Change(
        Op.READ, side, table.name, half.id, None, half.version, half.sequence, now_ms, now_ms, job, mapping.name
    )


def _borne(coupling: Coupling) -> Iterable[Reference]:
    for side in Side:
        half = coupling.half(side)
        for name, value in {"id": half.id, **half.references}.items():
            yield Reference(coupling.mapping, side, name, value)


def _refers(mapping: TableMapping, coupling: Coupling) -> set[Reference]:
    """Whom the coupled records name, on either side, as both sides last agreed."""
    rules = [rule for rule in mapping.fields if rule.lookup]
    return {
        reference
        for side in Side
        for reference in references(rules, Direction.from_side(side), coupling.half(side).base)
    }
