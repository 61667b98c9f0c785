"""Uncoupling: two records are no longer one; both sides keep their data (business-central-sync 5.4)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from consumers.ports import Applied, Memory
from consumers.translate import references
from schemas.change import Change, Op
from schemas.coupling import Coupling, Reference
from schemas.job import Job, Run
from schemas.mapping import Mappings, TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

_NOWHERE = Applied("", "")


class Standing(Protocol):
    """All couplings of a mapping."""

    def pages(self, mapping: str, until: datetime | None = None) -> AsyncIterator[Sequence[Coupling]]:
        """Page by page; those made after `until` are left out."""


@dataclass(frozen=True, slots=True)
class Uncoupling:
    """One mapping's job of an uncoupling (`producers.runner.Work`).

    What is uncoupled is counted in the same transaction, and what is left is found again, so a kill costs nothing
    (promise 6).
    """

    mappings: Mappings
    memory: Memory
    standing: Standing
    run_: Run
    job: Job
    now_ms: Callable[[], int]

    async def run(self, progress: Callable[[int], Awaitable[None]]) -> None:
        mapping = self.mappings[self.job.mapping]
        async for couplings in self._chosen(mapping):
            if couplings:
                await self._end(mapping, couplings)
            await progress(len(couplings))

    async def applied(self) -> bool:
        return True

    async def finished(self) -> None:
        """Nothing is kept of it."""

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
        if ids is None:
            async for couplings in self.standing.pages(mapping.name, self.run_.created):
                yield couplings
            return
        found = [await self.memory.couplings([mapping.name], side, ids) for side in Side]
        yield list({one.bc.id: one for part in found for one in part.values()}.values())

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
            await self.memory.record(settled, _NOWHERE)


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
