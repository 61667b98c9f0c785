"""Match-based coupling, the findings: unique pairs of uncoupled records, the ambiguous, and those without a partner
(business-central-sync 5.3).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from consumers.matching import Ambiguity, Keys, Matched, Pair, match
from consumers.sizes import batched
from consumers.survey.context import Context
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind

# So many records are named and told at once.
_PAGE = 200
Free = Mapping[Side, Mapping[str, Keys]]


async def find(context: Context, foretold: bool = False) -> None:
    """Tells every uncoupled record once: after a kill, from the start again, since nothing is done about any before.

    `foretold`: what of Business Central has no match is told as what would be created in Sales.
    """
    if await context.findings.sealed(context.job):
        return
    await context.findings.clear(context.job)
    free = {side: await context.uncoupled(side) for side in Side}
    found = match(free[Side.BC], free[Side.SALES])
    await tell_pairs(context, found.pairs, Kind.MATCHED)
    await tell_ambiguous(context, found.ambiguous, Kind.AMBIGUOUS)
    counts = {Kind.MATCHED: len(found.pairs), Kind.AMBIGUOUS: len(found.ambiguous), Kind.UNMATCHED: 0}
    for way in context.mapping.direction.one_ways:
        left = _left(free, found, way.source)
        kind = Kind.INSERT if foretold and way is Direction.TO_SALES else Kind.UNMATCHED
        counts[kind] = counts.get(kind, 0) + len(left)
        for ids in batched(left, _PAGE):
            labels = await context.labels(way.source, ids)
            await context.add([one_sided(kind, way, key, labels[key]) for key in ids])
    await context.findings.seal(context.job, {kind.value: count for kind, count in counts.items()})


def _left(free: Free, found: Matched, side: Side) -> list[str]:
    """Who has neither a partner nor a candidate for one."""
    told = {one.bc if side is Side.BC else one.sales for one in found.pairs}
    told |= {key for one in found.ambiguous for key in (one.bc if side is Side.BC else one.sales)}
    return sorted(set(free[side]) - told)


async def tell_pairs(context: Context, pairs: Sequence[Pair], kind: Kind) -> None:
    for page in batched(pairs, _PAGE):
        mine = await context.labels(Side.BC, [one.bc for one in page])
        theirs = await context.labels(Side.SALES, [one.sales for one in page])
        found = [
            Finding(kind, Direction.BOTH, one.bc, one.sales, mine[one.bc], _detail(context, one, theirs[one.sales]))
            for one in page
        ]
        await context.add(found)


async def tell_ambiguous(context: Context, ambiguous: Sequence[Ambiguity], kind: Kind) -> None:
    """Each with all its candidates."""
    for one in ambiguous:
        mine, theirs = await context.labels(Side.BC, one.bc), await context.labels(Side.SALES, one.sales)
        detail = {"by": fields(context, one.group), "bc": mine, "sales": theirs}
        label = " = ".join((" / ".join(mine.values()), " / ".join(theirs.values())))
        await context.add([Finding(kind, Direction.BOTH, one.bc[0], one.sales[0], label, detail)])


async def tell_alike(context: Context, side: Side, sets: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    """Records of one side that look like one thing, in the direction that they travel."""
    way, place = Direction.from_side(side), int(side is Side.SALES)
    for group, ids in sets:
        labels = await context.labels(side, ids)
        by = [pair[place] for pair in context.mapping.match_on[group]]
        detail = {"by": by, side.value: labels}
        await context.add([one_sided(Kind.DUPLICATE, way, ids[0], " / ".join(labels.values()), detail)])


def one_sided(
    kind: Kind,
    way: Direction,
    key: str,
    label: str,
    detail: Mapping[str, Any] | None = None,
    partner: str | None = None,
) -> Finding:
    """Of the record `key` on the side that `way` starts from."""
    bc, sales = (key, partner) if way.source is Side.BC else (partner, key)
    return Finding(kind, way, bc, sales, label, detail or {})


def fields(context: Context, group: int) -> list[str]:
    return [f"{bc} = {sales}" for bc, sales, _ in context.mapping.match_on[group]]


def _detail(context: Context, pair: Pair, partner: str) -> dict[str, Any]:
    return {"partner": partner, "by": fields(context, pair.group), "group": pair.group}
