"""The dry run of a full synchronisation: what would be inserted, coupled, modified, refused, and what looks like a
duplicate (DESIGN 5, business-central-sync 4.5). Nothing is written to either side, and no outcome recorded.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from consumers.matching import match, take_up
from consumers.sizes import batched
from consumers.survey.context import Context
from consumers.survey.forecast import NEW, Forecast, Item, Step, looked_up
from consumers.survey.labels import label
from consumers.survey.match import Free, one_sided, tell_ambiguous, tell_pairs
from consumers.survey.ports import Row
from consumers.survey.staging import staged
from schemas import rows
from schemas.coupling import Coupling, Reference
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.side import Direction, Side
from schemas.survey import UNCOUPLED, Finding, Kind, counted

_MADE = (Kind.INSERT, Kind.COUPLE)
_AT_ONCE = 500
# By side: who would be coupled with whom that exists already.
Partners = Mapping[Side, Mapping[str, str]]


async def preview(context: Context, earlier: Mapping[str, int]) -> None:
    """`earlier` are the jobs of this run that come before this one, by mapping."""
    if await context.findings.sealed(context.job):
        return
    await context.findings.clear(context.job)
    free: Free = {side: await context.uncoupled(side) for side in Side}
    partners = _existing(context.mapping, free)
    flags = (await context.memory.flags([context.mapping]))[context.mapping.name]
    skipped = {side: await context.memory.skipped(context.mapping.name, side) for side in Side}
    expected = await _expected(context, earlier)
    forecast = Forecast(context, expected, Flags(only_coupled=False, paused=flags.paused), skipped)
    found = Counter(await _Sweeps(context, forecast, partners).run())
    found[Kind.DUPLICATE] = await _duplicates(context, free, partners)
    await context.findings.seal(context.job, {**found, **await _uncoupled(context, free)})


async def _uncoupled(context: Context, free: Free) -> dict[str, int]:
    for side, kind in UNCOUPLED.items():
        for page in batched(list(free[side]), _AT_ONCE):
            labels = await context.labels(side, page)
            await context.add([one_sided(kind, Direction.from_side(side), key, labels[key]) for key in page])
    return {kind.value: len(free[side]) for side, kind in UNCOUPLED.items()}


def _existing(mapping: TableMapping, free: Free) -> Partners:
    """Partners that a record's creation would find and couple: of our own making, or by `couple_existing`."""
    ours = mapping.direction.covers(Direction.TO_SALES)
    pairs = {key: key for key in free[Side.BC] if ours and key in free[Side.SALES]}
    if mapping.couple_existing:
        source = mapping.direction.one_ways[0].source
        mine, theirs = ({k: v for k, v in free[side].items() if k not in pairs} for side in (source, source.other))
        taken = take_up(mine, theirs)
        pairs |= taken if source is Side.BC else {theirs: mine for mine, theirs in taken.items()}
    return {Side.BC: pairs, Side.SALES: {sales: bc for bc, sales in pairs.items()}}


async def _duplicates(context: Context, free: Free, partners: Partners) -> int:
    """Uncoupled records of both sides that agree, and would both get a partner of their own."""
    left = [{k: v for k, v in free[side].items() if k not in partners[side]} for side in (Side.BC, Side.SALES)]
    found = match(*left)
    await tell_pairs(context, found.pairs, Kind.DUPLICATE)
    await tell_ambiguous(context, found.ambiguous, Kind.DUPLICATE)
    return len(found.pairs) + len(found.ambiguous)


@dataclass(frozen=True, slots=True)
class _Sweeps:
    """Both directions, one after the other, as the jobs of the real run."""

    context: Context
    forecast: Forecast
    partners: Partners
    found: Counter[str] = field(default_factory=Counter)

    async def run(self) -> Counter[str]:
        ways = self.context.mapping.direction.one_ways
        for way in ways:
            async for page in staged(self.context.job, way.source, self.context.staging):
                items = await self._items(way, dict(page), again=way is not ways[0])
                steps = await self.forecast.steps(items)
                await self._tell(way, steps)
                if way is ways[0] and len(ways) == 2:
                    await self._tell(ways[1], await self.forecast.steps(self._back(steps)))
        return self.found

    async def _items(self, way: Direction, page: Mapping[str, Row], again: bool) -> list[Item]:
        """`again`: what has a partner that was staged has been looked at with that."""
        context, side = self.context, way.source
        couplings = await context.memory.couplings([context.mapping.name], side, page)
        coupled = {key: coupling for (_, key), coupling in couplings.items()}
        wanted = {key: one.half(side.other).id for key, one in coupled.items()}
        wanted |= {key: self.partners[side][key] for key in page if key in self.partners[side]}
        there = await context.staging.rows(context.job, side.other, list(wanted.values()))
        return [
            Item(context.change(side, row), coupled.get(key), there.get(wanted.get(key, "")))
            for key, row in page.items()
            if not (again and wanted.get(key) in there)
        ]

    def _back(self, steps: Sequence[Step]) -> list[Item]:
        """The partners as they would be swept after that."""
        found = []
        for step in steps:
            if step.coupling is not None and step.partner is not None:
                side = step.item.change.side
                change = self.context.change(side.other, step.partner)
                found.append(Item(change, step.coupling, step.item.change.after))
        return found

    async def _tell(self, way: Direction, steps: Sequence[Step]) -> None:
        told = [step for step in steps if step.kind is not None]
        self.found.update(counted(way, step.kind) for step in told if step.kind)
        await self.context.add([_finding(self.context, way, step) for step in told])


def _finding(context: Context, way: Direction, step: Step) -> Finding:
    mapping, side, change = context.mapping, way.source, step.item.change
    row = change.after or {}
    partner = _partner(step, side)
    detail = dict(step.detail)
    if step.kind in _MADE:
        names = {side.value: rows.half(mapping, side, row).references}
        if step.partner is not None:
            names[side.other.value] = rows.half(mapping, side.other, step.partner).references
        detail["names"] = names
        if step.kind is Kind.INSERT and side is Side.BC:
            partner = change.key  # Sales rows are created under the BC record's id (promise 2)
    return one_sided(step.kind or Kind.UNCHANGED, way, change.key, label(mapping, side, row), detail, partner)


def _partner(step: Step, side: Side) -> str | None:
    coupling: Coupling | None = step.coupling or step.item.coupling
    return coupling.half(side.other).id if coupling else None


async def _expected(context: Context, earlier: Mapping[str, int]) -> dict[Reference, Mapping[str, str]]:
    """What look-ups would find by then: the records that mappings before this one would insert or couple."""
    found: dict[Reference, Mapping[str, str]] = {}
    for name in looked_up(context.mapping).keys() & earlier.keys():
        last = 0
        while page := await context.findings.page(earlier[name], _MADE, last, _AT_ONCE):
            last = page[-1][0]
            for _, one in page:
                found |= _borne(name, one)
    return found


def _borne(name: str, one: Finding) -> dict[Reference, Mapping[str, str]]:
    ids = {Side.BC: one.bc_id, Side.SALES: one.sales_id}
    told = {side: {"id": ids[side] or NEW, **one.detail["names"].get(side.value, {})} for side in Side}
    return {
        Reference(name, side, called, value): told[side.other]
        for side in Side
        for called, value in told[side].items()
        if value != NEW
    }
