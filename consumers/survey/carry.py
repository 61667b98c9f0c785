"""One side's values, carried over the other's for all records of a cause (business-central-sync 5.5).

They are chosen and listed first, with the values that will be gone: what is carried is known for good then, though the
failures that told it end on the way (promise 6), and who wants a value back finds it in the list.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from consumers.pairing import opened
from consumers.ports import NO_TOPIC
from consumers.survey.context import Context
from consumers.survey.drift import Drift
from consumers.survey.match import one_sided
from consumers.survey.verify import Pair, compared, differing, gone, read_pairs
from consumers.uncouple import coupled
from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import Coupling
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind
from schemas.use import Use

CARRIED = Kind.DRIFT
_ALONE = "It is not coupled, so no side's values can be carried over the other's."
# Both ids of a record that fails, as far as they are known.
Ids = tuple[str | None, str | None]


async def choose(context: Context, failing: AsyncIterator[Sequence[Ids]], winner: Side) -> None:
    """Lists every record once: what differs, by whose values it will be settled, or why it stays as it is."""
    if await context.findings.sealed(context.job):
        return
    await context.findings.clear(context.job)
    counts: Counter[str] = Counter({CARRIED.value: 0})
    seen: set[str] = set()
    async for page in failing:
        found = [one for one in await _told(context, page, winner) if _name(one) not in seen]
        seen |= {_name(one) for one in found}
        counts.update(str(one.kind) for one in found)
        await context.add(found)
    await context.findings.seal(context.job, counts)


async def joined(context: Context, bc_ids: Sequence[str], winner: Side) -> list[Change]:
    """The winner's records, to be published; the couplings are ready for them, and nothing fails until they arrive.

    Safe to repeat: both sides are read anew, and what is no pair any more is left alone.
    """
    name = context.mapping.name
    async with context.memory.turn(name):
        known = await context.memory.couplings([name], Side.BC, bc_ids)
        pairs = [one for one in await read_pairs(context, list(known.values())) if not one.gone]
        couplings = await _couplings(context, pairs, Use(winner.value))
        settled = [
            Settled(_read(context, side, pair), name, Outcome.COUPLED, one, partner=one.half(side.other).id)
            for pair, one in zip(pairs, couplings, strict=True)
            for side in Side
        ]
        await context.memory.record(settled, NO_TOPIC)
    return [replace(context.change(winner, pair.seen[winner]), retry=True) for pair in pairs]


async def beside(context: Context, bc_ids: Sequence[str], side: Side) -> list[Change]:
    """The other side's records, for the fields that only travel from there."""
    known = await context.memory.couplings([context.mapping.name], Side.BC, bc_ids)
    pairs = await read_pairs(context, list(known.values()))
    return [replace(context.change(side, one.seen[side]), retry=True) for one in pairs if side in one.seen]


async def _told(context: Context, ids: Sequence[Ids], winner: Side) -> list[Finding]:
    couplings = await coupled(context.memory, context.mapping.name, ids)
    known = {one.half(side).id for one in couplings for side in Side}
    alone = [one for one in ids if not known & {*one}]
    pairs = await read_pairs(context, couplings)
    whole = [pair for pair in pairs if not pair.gone]
    told = [
        differing(context, pair, [_won(context, one, winner) for one in drifts], CARRIED)
        for pair, drifts in zip(whole, await compared(context, whole), strict=True)
    ]
    return [*told, *(gone(context, pair) for pair in pairs if pair.gone), *(_alone(one) for one in alone)]


def _won(context: Context, drift: Drift, winner: Side) -> Drift:
    """A field that only travels the other way is the other side's all the same."""
    travels = drift.rule in context.mapping.rules(Direction.from_side(winner))
    return replace(drift, winner=winner if travels else winner.other)


def _alone(ids: Ids) -> Finding:
    side = Side.BC if ids[0] else Side.SALES
    key = ids[0] or ids[1] or ""
    return one_sided(Kind.SKIP, Direction.from_side(side), key, key, {"message": _ALONE})


def _name(one: Finding) -> str:
    return one.bc_id or one.sales_id or ""


async def _couplings(context: Context, pairs: Sequence[Pair], use: Use) -> list[Coupling]:
    mapping, table = context.mapping, context.mapping.sales
    ids = [pair.coupling.sales.id for pair in pairs]
    told = await context.readers[Side.SALES].references(table, ids) if table.references and ids else {}
    made = []
    for pair in pairs:
        bc, sales = (rows.half(mapping, side, pair.seen[side]) for side in (Side.BC, Side.SALES))
        sales = replace(sales, references={**sales.references, **told.get(sales.id, {})})
        made.append(opened(mapping, Coupling(mapping.name, bc, sales), use))
    return made


def _read(context: Context, side: Side, pair: Pair) -> Change:
    """Of no job: what is counted is what becomes of the change that is carried."""
    table, work = context.mapping.table(side), (None, context.mapping.name)
    return rows.change(table, pair.seen[side], Op.READ, context.now_ms(), work)
