"""Records that are deleted before it was recorded that they got a partner (promise 2).

A kill came between. The deletion stands for all that the record ever was, so nobody asks for the partner again: it is
looked for here, and coupled, so that the deletion takes the way it would have taken.
"""

from collections.abc import Collection, Mapping, Sequence

from consumers.create import Creation
from consumers.opened import is_open
from consumers.ports import NO_TOPIC, Memory, Target
from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import Coupling, Half
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Side

Couplings = Mapping[tuple[str, str], Coupling]


class Unrecorded:
    def __init__(self, memory: Memory, targets: Mapping[Side, Target]) -> None:
        self._memory = memory
        self._creations = {side: Creation(target, memory, side) for side, target in targets.items()}

    async def couplings(
        self, mapping: TableMapping, newest: Mapping[str, Change], passed: Sequence[Change], found: Couplings
    ) -> Couplings:
        """With those of the deleted records among `newest`, stored when this returns. ApiError while the side is away.

        What is left in Sales no intent tells of: it is looked for if a deletion has `passed` a change of its record,
        which then was not recorded, or if the record waited for its partner to be restored.
        """
        changed = {one.key for one in passed if one.after is not None}
        gone = [one for one in newest.values() if one.op is Op.DELETE and self._may_be(mapping, one, changed, found)]
        left = await self._left(mapping, gone) if gone else {}
        if not left:
            return found
        side, ends = gone[0].side, list[Settled]()
        for key, partner in left.items():
            coupling = Coupling.of(mapping.name, side, Half(key), partner)
            told = rows.deletion(mapping.table(side), key, 0)
            known = (mapping.name, key) in found
            ends.append(Settled(told, mapping.name, Outcome.IGNORED, coupling, uncouple=known))
        await self._memory.record(ends, NO_TOPIC)
        return {**found, **{(mapping.name, one.change.key): one.coupling for one in ends if one.coupling}}

    @staticmethod
    def _may_be(mapping: TableMapping, gone: Change, changed: Collection[str], found: Couplings) -> bool:
        """May a partner be left that no coupling has?"""
        known = found.get((mapping.name, gone.key))
        return gone.side is Side.SALES or (is_open(known) and (known is not None or gone.key in changed))

    async def _left(self, mapping: TableMapping, gone: Sequence[Change]) -> Mapping[str, Half]:
        try:
            return await self._creations[gone[0].side.other].left(mapping, gone)
        except ApiError as error:
            if error.transient:
                raise
            return {}
