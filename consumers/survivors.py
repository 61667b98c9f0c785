"""Deletions carried out: both records are looked at, then the partner is deleted, or the deleted one created again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from consumers.decide import Decision, Deletion, restore
from consumers.deletions import Restore, follow, refused
from consumers.push import Push
from schemas.change import Change
from schemas.coupling import Lookups
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.outcome import Settled
from schemas.side import Side

LookUp = Callable[[TableMapping, Sequence[Change]], Awaitable[Lookups]]


class Survivors:
    """Deletions are rare, so two reads for all of a batch are cheap, and what they tell is never guessed."""

    def __init__(self, pushes: Mapping[Side, Push], look_up: LookUp) -> None:
        self._pushes, self._look_up = pushes, look_up

    async def carry_out(self, mapping: TableMapping, deletions: Sequence[Deletion]) -> list[Settled]:
        """One outcome per deletion, all of one mapping and one side. A side that is away: ApiError, nothing written."""
        if not deletions:
            return []
        side = deletions[0].change.side
        partners = [one.coupling.half(side.other).id for one in deletions]
        try:
            there = await self._pushes[side].target.read(mapping, [one.change.key for one in deletions])
            left = await self._pushes[side.other].target.read(mapping, partners)
        except ApiError as error:
            if error.transient:
                raise
            return refused(deletions, error)
        steps = [
            follow(one, one.change.key in there, left.get(partner))
            for one, partner in zip(deletions, partners, strict=True)
        ]
        ends = [step for step in steps if not isinstance(step, Restore)]
        settled = await self._pushes[side.other].carry_out(mapping, ends, {})
        return settled + await self._restored(mapping, side, [step for step in steps if isinstance(step, Restore)])

    async def _restored(self, mapping: TableMapping, side: Side, wanted: Sequence[Restore]) -> list[Settled]:
        if not wanted:
            return []
        lookups = await self._look_up(mapping, [one.change for one in wanted])
        creates: list[Decision] = [restore(one.change, mapping, one.coupling, lookups) for one in wanted]
        return await self._pushes[side].carry_out(mapping, creates, lookups)
