"""What verify found apart, brought together on the ordinary road: nothing is written past it (DESIGN 2).

The couplings are opened where the records differ, and the records whose values are right go on their topics. Everything
is looked at anew, so it may be repeated at any moment, and what has healed meanwhile is left alone (promise 6).
"""

from collections.abc import Sequence
from dataclasses import replace

from consumers.opened import kept, unagreed
from consumers.ports import NO_TOPIC
from consumers.recovering import Recovery
from consumers.survey.context import Context
from consumers.survey.drift import reopened, sources
from consumers.survey.verify import Pair, compared, in_filter, read_pairs
from schemas import rows
from schemas.change import Change
from schemas.coupling import Coupling
from schemas.mapping import OnDelete
from schemas.side import Direction, Side
from schemas.survey import Finding


async def repair(context: Context, side: Side, found: Sequence[Finding]) -> list[Change]:
    """The records of this side that are to be published, of the job; the couplings are ready for them."""
    name = context.mapping.name
    async with context.memory.turn(name):
        known = await context.memory.couplings([name], Side.BC, [one.bc_id for one in found if one.bc_id])
        known = await Recovery(context.memory, context.readers).couplings(context.mapping, known)
        pairs = await read_pairs(context, list(known.values()))
        changes = [change for pair in pairs for change in await _deleted(context, side, pair)]
        changes += await _differing(context, side, [one for one in pairs if not one.gone and in_filter(context, one)])
    return changes + (await _begun(context, found) if side is Side.SALES else [])


async def _differing(context: Context, side: Side, pairs: Sequence[Pair]) -> list[Change]:
    """A conflict is left to a person, as is what is skipped: it is published, and so counted, as skipped."""
    opened, changes = [], []
    skipped = await context.memory.skipped(context.mapping.name, Side.BC, [pair.coupling.bc.id for pair in pairs])
    for pair, told in zip(pairs, await compared(context, pairs), strict=True):
        if any(one.winner is None for one in told) or not (told or pair.half):
            continue
        if pair.coupling.bc.id not in skipped:
            opened.append(reopened(pair.coupling, pair.now(context), told))
        if side in sources(context.mapping, told):
            changes.append(context.change(side, pair.seen[side]))
    await _record(context, opened)
    return changes


async def _deleted(context: Context, side: Side, pair: Pair) -> list[Change]:
    """The deletion, told anew, if its side's changes travel; else the survivor, which finds its partner gone."""
    mapping, ways = context.mapping, context.mapping.direction.one_ways
    told = [one for one in pair.gone if Direction.from_side(one) in ways]
    if not pair.gone or (len(pair.gone) == 1 and mapping.on_delete is OnDelete.IGNORE):
        return []
    if told:
        return [_deletion(context, side, pair.coupling)] if side is told[0] else []
    await _record(context, [unagreed(pair.coupling)])
    return [context.change(side, pair.seen[side])] if side in pair.seen else []


def _deletion(context: Context, side: Side, coupling: Coupling) -> Change:
    gone = rows.deletion(context.mapping.table(side), coupling.half(side).id, context.now_ms())
    return replace(gone, job=context.job, mapping=context.mapping.name)


async def _begun(context: Context, found: Sequence[Finding]) -> list[Change]:
    """Records whose creation was begun: it is completed, whatever "only coupled" says."""
    ids = [one.sales_id for one in found if one.sales_id and not one.bc_id]
    there = await context.readers[Side.SALES].read(context.mapping, ids) if ids else {}
    return [replace(context.change(Side.SALES, row), retry=True) for row in there.values()]


async def _record(context: Context, couplings: Sequence[Coupling]) -> None:
    if couplings:
        await context.memory.record(kept(couplings), NO_TOPIC)
