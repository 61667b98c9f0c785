"""What records name, looked up: in the store by one query, and, where a blank is allowed for it, on its own side."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from consumers.decide import Decision, Deletion, named
from consumers.outside import Source, outside
from consumers.ports import Memory
from schemas.change import Change
from schemas.coupling import Lookups, Reference
from schemas.mapping import Mappings, TableMapping
from schemas.outcome import Settled
from schemas.side import Side

T = TypeVar("T")
D = TypeVar("D", bound=Decision | Deletion)


class LookUps:
    def __init__(self, mappings: Mappings, memory: Memory, sources: Mapping[Side, Source]) -> None:
        self._mappings, self._memory, self._sources = mappings, memory, sources

    async def known(self, mapping: TableMapping, changes: Sequence[Change]) -> Lookups:
        """Everything that these changes of one side refer to and that is coupled, in one query."""
        wanted = named(mapping, changes)
        return await self._memory.lookups(wanted) if wanted else {}

    async def of(self, mapping: TableMapping, wanted: Collection[Reference]) -> Lookups:
        """Whatever these records of the mapping name, coupled or outside. ApiError if a side does not answer."""
        found = dict(await self._memory.lookups(wanted)) if wanted else {}
        for side in Side:
            missing = {one for one in wanted if one not in found and one.side is side}
            found |= await outside(self._mappings, mapping, missing, self._sources[side])
        return found

    async def decided(
        self, mapping: TableMapping, side: Side, lookups: Lookups, items: Sequence[T], decide: Callable[[T, Lookups], D]
    ) -> tuple[list[D], Lookups]:
        """What becomes of these records of `side`, and the look-ups it was decided by.

        What waits for a record outside the filter of its own mapping is decided again without it. ApiError if the side
        does not answer.
        """
        decisions = [decide(item, lookups) for item in items]
        asked: set[Reference] = set()
        while missing := {one for one in map(_waits_for, decisions) if one} - lookups.keys() - asked:
            asked |= missing
            lookups = {**lookups, **await outside(self._mappings, mapping, missing, self._sources[side])}
            decisions = [
                decide(item, lookups) if _waits_for(one) in missing else one
                for item, one in zip(items, decisions, strict=True)
            ]
        return decisions, lookups


def _waits_for(decision: Decision | Deletion) -> Reference | None:
    return decision.waits_for if isinstance(decision, Settled) else None
