"""Changes of records that are gone, read before they went: they make no partner anew.

A kill, or a sweep that was slow, may put what was read behind the deletion on its topic. Its partner, made anew, would
be deleted in its turn, and its own first change, read meanwhile, would make another record here, and so on. One that
was only uncoupled would be there twice, or be coupled with what is gone.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta

from consumers.ports import Memory, Records
from schemas.change import Change, Op
from schemas.coupling import Coupling
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.side import Side

# How far the clocks of two workers may differ.
_CLOCKS = timedelta(minutes=1)


class Tombstones:
    """One question to the store for records that are not coupled; a side is read for those that were coupled once."""

    def __init__(self, memory: Memory, records: Mapping[Side, Records]) -> None:
        self._memory, self._records = memory, records

    async def dead(
        self, mapping: TableMapping, changes: Collection[Change], found: Mapping[tuple[str, str], Coupling]
    ) -> frozenset[str]:
        """Of changes of one side that may make partners, those without a coupling that were read before their pair
        ended, and that are not there. One that somebody has put back is as any other. ApiError while the side is away.
        """
        new = {one.key: one for one in changes if one.op is not Op.DELETE and (mapping.name, one.key) not in found}
        if not new:
            return frozenset()
        side = next(iter(new.values())).side
        ends = await self._memory.ended(mapping.name, side, new)
        # What was read after its end was there then, and tells of a later deletion by itself.
        ended = frozenset(key for key, at in ends.items() if new[key].captured_ms <= (at + _CLOCKS).timestamp() * 1000)
        if not ended:
            return frozenset()
        try:
            there = await self._records[side].read(mapping, sorted(ended))
        except ApiError as error:
            if error.transient:
                raise
            return frozenset()
        return ended - there.keys()
