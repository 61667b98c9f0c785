"""Match-based coupling, the deed: the pairs found are coupled as they are now, without a write to either side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from consumers.matching import keys
from consumers.ports import NO_TOPIC
from consumers.survey.context import Context
from consumers.survey.ports import Row
from schemas import rows
from schemas.coupling import Coupling, Half
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind

_AT_ONCE = 100
# What a survey records comes off no topic, so it acknowledges nothing.
Found = Mapping[Side, Mapping[str, Row]]
References = Mapping[Side, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Couple:
    """`use` says whose values win where a pair differs; None: each side keeps its own until the next change."""

    context: Context
    use: Side | None = None

    @property
    def winner(self) -> Side | None:
        """`use`, if the mapping carries that side's values at all."""
        if self.use is None or not self.context.mapping.direction.covers(Direction.from_side(self.use)):
            return None
        return self.use

    async def run(self) -> None:
        """All pairs found that no earlier try has coupled."""
        context, last = self.context, 0
        while page := await context.findings.page(context.job, [Kind.MATCHED], last, _AT_ONCE):
            last = page[-1][0]
            await self._couple([one for _, one in page])

    async def _couple(self, pairs: Sequence[Finding]) -> None:
        """Both are read in the mapping's turn: what changes later comes by as a change of a coupled record."""
        context = self.context
        async with context.memory.turn(context.mapping.name):
            free = await self._free(pairs)
            found = {side: await self._read(side, [_id(one, side) for one in free]) for side in Side}
            alike = [one for one in free if self._still_alike(one, found)]
            if alike:
                references = {side: await self._references(side, [_id(one, side) for one in alike]) for side in Side}
                settled = [self._settled(one, found, references) for one in alike]
                await context.memory.record(settled, NO_TOPIC)

    async def _free(self, pairs: Sequence[Finding]) -> list[Finding]:
        name, taken = self.context.mapping.name, set[str]()
        for side in Side:
            coupled = await self.context.memory.couplings([name], side, [_id(one, side) for one in pairs])
            taken |= {f"{side} {key}" for _, key in coupled}
        return [one for one in pairs if not any(f"{side} {_id(one, side)}" in taken for side in Side)]

    async def _read(self, side: Side, ids: Sequence[str]) -> Mapping[str, Row]:
        return await self.context.readers[side].read(self.context.mapping, ids) if ids else {}

    async def _references(self, side: Side, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        table = self.context.mapping.table(side)
        return await self.context.readers[side].references(table, ids) if table.references else {}

    def _still_alike(self, pair: Finding, found: Found) -> bool:
        """There still, in the filter, and equal in the fields they were matched by."""
        mapping, group = self.context.mapping, pair.detail["group"]
        seen = []
        for side in Side:
            row = found[side].get(_id(pair, side))
            if row is None or not mapping.table(side).filter.matches(row):
                return False
            seen.append(keys(mapping, side, row)[group])
        return seen[0] is not None and seen[0] == seen[1]

    def _settled(self, pair: Finding, found: Found, references: References) -> Settled:
        context, halves = self.context, dict[Side, Half]()
        for side in Side:
            half = rows.half(context.mapping, side, found[side][_id(pair, side)])
            named = {**half.references, **references[side].get(half.id, {})}
            # Without a base, every value of the winner is new to the other side.
            halves[side] = replace(half, references=named, base={} if side is self.winner else half.base)
        coupling = Coupling(context.mapping.name, halves[Side.BC], halves[Side.SALES])
        source = self.winner or context.mapping.direction.one_ways[0].source
        change = context.change(source, found[source][halves[source].id])
        return Settled(change, context.mapping.name, Outcome.COUPLED, coupling, partner=halves[source.other].id)


def _id(pair: Finding, side: Side) -> str:
    return str(pair.bc_id if side is Side.BC else pair.sales_id)
