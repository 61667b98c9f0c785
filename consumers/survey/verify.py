"""Both sides compared record by record through the couplings; nothing is written (DESIGN 6, `coupled verify`)."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from consumers.deletions import what_ends_it
from consumers.lookups import LookUps
from consumers.matching import Keys, alike, match
from consumers.recovering import recalled
from consumers.survey.context import Context
from consumers.survey.drift import Drift, Halves, drifts, looked_up
from consumers.survey.labels import label
from consumers.survey.match import tell_alike, tell_ambiguous, tell_pairs
from consumers.survey.ports import Row
from schemas import rows
from schemas.coupling import Coupling, Lookups
from schemas.mapping import OnDelete
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind

# What a repair may do something about.
DIFFERING = (Kind.DRIFT, Kind.HALF, Kind.ORPHAN, Kind.GONE)
LEFT = "left"
_FOUND = (Kind.EQUAL, Kind.DRIFT, Kind.CONFLICT, Kind.HALF, Kind.ORPHAN, Kind.GONE, Kind.DUPLICATE, Kind.OUTSIDE)
_COUNTED = (*_FOUND, LEFT)


@dataclass(frozen=True, slots=True)
class Pair:
    """A coupling with both records as they are; a record that is gone is not in `seen`."""

    coupling: Coupling
    seen: Mapping[Side, Row] = field(default_factory=dict)

    def now(self, context: Context) -> Halves:
        return {side: rows.half(context.mapping, side, row) for side, row in self.seen.items()}

    @property
    def gone(self) -> tuple[Side, ...]:
        return tuple(side for side in Side if side not in self.seen)

    @property
    def half(self) -> bool:
        """Coupled, and never carried: one side has agreed to nothing."""
        return not (self.coupling.bc.base and self.coupling.sales.base)


async def find(context: Context, couplings: AsyncIterator[Sequence[Coupling]], repairs: bool) -> None:
    """Tells every coupling that is not equal, once: after a kill from the start again, since nothing is done before."""
    if await context.findings.sealed(context.job):
        return
    await context.findings.clear(context.job)
    counts: Counter[str] = Counter(dict.fromkeys(map(str, _COUNTED), 0))
    async for page in couplings:
        await _compare(context, page, counts)
    await _begun(context, counts)
    await _duplicates(context, counts)
    counts[LEFT] = _left(context, counts, repairs)
    await context.findings.seal(context.job, counts)


async def compared(context: Context, pairs: Sequence[Pair]) -> list[list[Drift]]:
    """What differs in each pair, of which both records exist."""
    now = [pair.now(context) for pair in pairs]
    lookups = await _lookups(context, now)
    mapping, hints = context.mapping, context.hints
    return [drifts(mapping, pair.coupling, held, lookups, hints) for pair, held in zip(pairs, now, strict=True)]


def in_filter(context: Context, pair: Pair) -> bool:
    return all(context.mapping.table(side).filter.matches(row) for side, row in pair.seen.items())


async def _compare(context: Context, couplings: Sequence[Coupling], counts: Counter[str]) -> None:
    pairs = [await _fresh(context, pair) for pair in await _recalled(context, await _staged(context, couplings))]
    whole, findings = list[Pair](), list[Finding]()
    for pair in pairs:
        if pair.gone:
            findings.append(gone(context, pair))
        elif in_filter(context, pair):
            whole.append(pair)
        else:
            findings.append(_plain(context, pair, Kind.OUTSIDE))
    for pair, told in zip(whole, await compared(context, whole), strict=True):
        differs = told or pair.half
        findings.append(differing(context, pair, told) if differs else _plain(context, pair, Kind.EQUAL))
    counts.update(str(one.kind) for one in findings)
    await context.add(findings)


async def _staged(context: Context, couplings: Sequence[Coupling]) -> list[Pair]:
    """Those of the sweep; the others read by id, since a record that has left the filter is not gone."""
    seen: dict[Side, dict[str, Row]] = {}
    for side in Side:
        ids = [one.half(side).id for one in couplings]
        seen[side] = dict(await context.staging.rows(context.job, side, ids))
        if missing := [key for key in ids if key not in seen[side]]:
            seen[side] |= await context.readers[side].read(context.mapping, missing)
    return _paired(couplings, seen)


async def read_pairs(context: Context, couplings: Sequence[Coupling]) -> list[Pair]:
    """Both records of each as they are now, in one request of a side or few."""
    seen: dict[Side, Mapping[str, Row]] = {}
    for side in Side:
        ids = [one.half(side).id for one in couplings]
        seen[side] = await context.readers[side].read(context.mapping, ids) if ids else {}
    return _paired(couplings, seen)


def _paired(couplings: Sequence[Coupling], seen: Mapping[Side, Mapping[str, Row]]) -> list[Pair]:
    return [
        Pair(one, {side: seen[side][one.half(side).id] for side in Side if one.half(side).id in seen[side]})
        for one in couplings
    ]


async def _recalled(context: Context, pairs: Sequence[Pair]) -> list[Pair]:
    """What was begun may be with its partner by now, carried out after that was read, and is ours (promise 3)."""
    ids = [pair.coupling.bc.id for pair in pairs]
    pending = await context.memory.changes_begun(context.mapping.name, ids)
    found: list[Pair] = []
    for pair in pairs:
        begun = pending.get(pair.coupling.bc.id, ())
        now = await _anew(context, pair) if begun else pair
        found.append(replace(now, coupling=recalled(context.mapping, now.coupling, begun, now.seen)))
    return found


async def _fresh(context: Context, pair: Pair) -> Pair:
    """What was carried after its side was read is read again."""
    passed = [side for side, now in pair.now(context).items() if pair.coupling.half(side).sequence > now.sequence]
    return await _anew(context, pair) if passed else pair


async def _anew(context: Context, pair: Pair) -> Pair:
    seen: dict[Side, Row] = {}
    for side in pair.seen:
        key = pair.coupling.half(side).id
        there = await context.readers[side].read(context.mapping, [key])
        if key in there:
            seen[side] = there[key]
    return Pair(pair.coupling, seen)


async def _lookups(context: Context, now: Iterable[Halves]) -> Lookups:
    wanted = {reference for held in now for reference in looked_up(context.mapping, held)}
    return await LookUps(context.mappings, context.memory, context.readers).of(context.mapping, wanted)


def gone(context: Context, pair: Pair) -> Finding:
    coupling = pair.coupling
    called = next((label(context.mapping, side, row) for side, row in pair.seen.items()), None)
    texts = (value for half in (coupling.bc, coupling.sales) for value in half.base.values() if isinstance(value, str))
    kind = Kind.GONE if len(pair.gone) > 1 else Kind.ORPHAN
    detail = {
        "gone": [side.value for side in pair.gone],
        "next": what_ends_it(context.mapping, coupling, kind is Kind.GONE),
    }
    return _finding(kind, coupling, called or next(texts, coupling.bc.id), detail)


def differing(context: Context, pair: Pair, told: Sequence[Drift], kind: Kind | None = None) -> Finding:
    """Without a kind it says what there is to do about it."""
    if kind is None:
        kind = Kind.CONFLICT if any(one.winner is None for one in told) else Kind.HALF if pair.half else Kind.DRIFT
    detail = {"fields": [_told(pair, pair.now(context), one) for one in told]}
    return _finding(kind, pair.coupling, label(context.mapping, Side.BC, pair.seen[Side.BC]), detail)


def _plain(context: Context, pair: Pair, kind: Kind) -> Finding:
    return _finding(kind, pair.coupling, label(context.mapping, Side.BC, pair.seen[Side.BC]), {})


def _told(pair: Pair, now: Halves, drift: Drift) -> dict[str, Any]:
    """A field with both values, what both last agreed on, and whose value a repair takes."""
    told: dict[str, Any] = {"field": drift.rule.name, "use": drift.winner.value if drift.winner else None, "agreed": {}}
    for side in Side:
        names = drift.rule.fields(side)
        told[side.value] = {name: now[side].base.get(name) for name in names}
        told["agreed"][side.value] = {n: v for n, v in pair.coupling.half(side).base.items() if n in names}
    return told | ({"problem": drift.problem.as_dict()} if drift.problem else {})


def _finding(kind: Kind, coupling: Coupling, called: str, detail: Mapping[str, Any]) -> Finding:
    return Finding(kind, Direction.BOTH, coupling.bc.id, coupling.sales.id, called, detail)


async def _begun(context: Context, counts: Counter[str]) -> None:
    """Creations in Business Central begun and not recorded: their records are coupled with nobody yet (promise 2)."""
    begun = {one.sales_id: one for one in await context.memory.open_intents(context.mapping.name)}
    coupled = await context.memory.couplings([context.mapping.name], Side.SALES, begun)
    free = [key for key in begun if (context.mapping.name, key) not in coupled]
    labels = await context.labels(Side.SALES, free)
    found = [
        Finding(Kind.HALF, Direction.TO_BC, None, key, labels[key], {"begun": dict(begun[key].fields)}) for key in free
    ]
    counts[Kind.HALF] += len(found)
    await context.add(found)


async def _duplicates(context: Context, counts: Counter[str]) -> None:
    """Told only: uncoupled records of both sides that match, which `coupled match` couples, and records of one side
    that match each other, coupled ones among them, of which a person removes one.
    """
    if not context.mapping.match_on:
        return
    free: dict[Side, dict[str, Keys]] = {}
    for side in Side:
        known, coupled = await context.known(side)
        free[side] = {key: one for key, one in known.items() if key not in coupled}
        twice = alike(known, coupled)
        await tell_alike(context, side, twice)
        counts[Kind.DUPLICATE] += len(twice)
    found = match(free[Side.BC], free[Side.SALES])
    await tell_pairs(context, found.pairs, Kind.DUPLICATE)
    await tell_ambiguous(context, found.ambiguous, Kind.DUPLICATE)
    counts[Kind.DUPLICATE] += len(found.pairs) + len(found.ambiguous)


def _left(context: Context, counts: Mapping[str, int], repairs: bool) -> int:
    """What still differs afterwards, but for what a repair fails to carry: that is told as failed."""
    left = [Kind.CONFLICT] if repairs else [Kind.CONFLICT, *DIFFERING]
    if repairs and context.mapping.on_delete is OnDelete.IGNORE:
        left.append(Kind.ORPHAN)
    return sum(counts[kind] for kind in left)
