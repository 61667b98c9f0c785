"""Deletions carried out: both records are looked at, then the partner is deleted, or the deleted one created again."""

from collections.abc import Mapping, Sequence

from consumers.decide import Decision, Delete, Deletion, restore
from consumers.deletions import Restore, follow, refused, shared
from consumers.lookups import LookUps
from consumers.owed import owing
from consumers.ports import Memory, Publish, Records
from consumers.push import Push
from schemas import rows
from schemas.coupling import Lookups
from schemas.errors import ApiError
from schemas.mapping import Mappings, TableMapping
from schemas.outcome import Settled
from schemas.side import Side


class Survivors:
    """Deletions are rare, so two reads for all of a batch are cheap, and what they tell is never guessed."""

    def __init__(
        self,
        mappings: Mappings,
        memory: Memory,
        pushes: Mapping[Side, Push],
        lookups: LookUps,
        publish: Publish,
        records: Mapping[Side, Records],
    ) -> None:
        self._mappings, self._memory, self._pushes, self._lookups = mappings, memory, pushes, lookups
        self._publish, self._records = publish, records

    async def carry_out(self, mapping: TableMapping, deletions: Sequence[Deletion]) -> list[Settled]:
        """One outcome per deletion, all of one mapping and one side. A side that is away: ApiError, nothing written."""
        if not deletions:
            return []
        side = deletions[0].change.side
        partners = [one.coupling.half(side.other).id for one in deletions]
        try:
            there = await self._records[side].read(mapping, [one.change.key for one in deletions])
            left = await self._records[side.other].read(mapping, partners)
        except ApiError as error:
            if error.transient:
                raise
            return refused(deletions, error)
        steps = [
            follow(one, one.change.key in there, left.get(partner))
            for one, partner in zip(deletions, partners, strict=True)
        ]
        ends = await self._unshared(mapping, side.other, [step for step in steps if not isinstance(step, Restore)])
        settled = await self._pushes[side.other].carry_out(mapping, ends, {})
        await self._tell(mapping, side.other, settled)
        return settled + await self._restored(mapping, side, [step for step in steps if isinstance(step, Restore)])

    async def _tell(self, mapping: TableMapping, side: Side, settled: Sequence[Settled]) -> None:
        """BC tells of no deletion (wire-protocols A4.4), and so not of ours: a change of the record that is on its
        topic already would make a partner anew. Before the batch is recorded, so that a kill repeats it (promise 1)."""
        gone = [one for one in settled if one.gone]
        if side is Side.BC and gone:
            table = mapping.table(side)
            await self._publish([rows.deletion(table, str(one.gone), one.change.captured_ms) for one in gone])

    async def _unshared(
        self, mapping: TableMapping, there: Side, steps: Sequence[Settled | Delete]
    ) -> list[Settled | Delete]:
        """A partner that another mapping has coupled too is the partner of a record that still exists: it stays."""
        deletes = [step.partner.id for step in steps if isinstance(step, Delete)]
        table = mapping.table(there).name
        others = [one.name for one in self._mappings.all if one is not mapping and one.table(there).name == table]
        if not deletes or not others:
            return list(steps)
        held = {key: name for name, key in await self._memory.couplings(others, there, deletes)}
        return [
            shared(step, held[step.partner.id]) if isinstance(step, Delete) and step.partner.id in held else step
            for step in steps
        ]

    async def _restored(self, mapping: TableMapping, side: Side, wanted: Sequence[Restore]) -> list[Settled]:
        if not wanted:
            return []

        def create(one: Restore, lookups: Lookups) -> Decision:
            return restore(one.change, mapping, one.coupling, lookups)

        known = await self._lookups.known(mapping, [one.change for one in wanted])
        creates, lookups = await self._lookups.decided(mapping, side.other, known, wanted, create)
        carried = await self._pushes[side].carry_out(mapping, creates, lookups)
        return [owing(one, mapping, lookups) for one in carried]
