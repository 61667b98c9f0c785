"""Coupling by hand: two records that a person names become one (business-central-sync 5.1, 5.2).

What differs afterwards is carried on the ordinary road: the losing record's values count as agreed, of the winning one
nothing is, so that its change carries everything across, by the rules and conflicts of any other change.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from consumers.named import UNKNOWN, Named, Records, is_id, some_of
from consumers.ports import NO_TOPIC, Memory, Row
from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import Coupling, Half
from schemas.errors import Refused
from schemas.mapping import Mappings, TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.use import Use

# So many may be named by something else than their ids.
_MOST_NAMES = 100

# Puts records on the topic of their table; returns when Kafka has acknowledged them.
Publish = Callable[[Sequence[Change]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A BC record and a Sales record that are to be one, as they are now."""

    mapping: TableMapping
    bc: Row
    sales: Row

    def row(self, side: Side) -> Row:
        return self.bc if side is Side.BC else self.sales

    def key(self, side: Side) -> str:
        return rows.record_id(self.mapping.table(side), self.row(side))

    def half(self, side: Side) -> Half:
        return rows.half(self.mapping, side, self.row(side))


class Pairing:
    """Every method is safe to repeat (promise 8). Refused says why two records cannot be one."""

    def __init__(
        self,
        mappings: Mappings,
        memory: Memory,
        records: Mapping[Side, Records],
        publish: Publish,
        now_ms: Callable[[], int],
    ) -> None:
        self._mappings = mappings
        self._memory = memory
        self._named = Named(records)
        self._publish = publish
        self._now_ms = now_ms

    async def couple(self, name: str, named: Mapping[Side, str], use: Use | None) -> None:
        """Couples the two, and has the chosen side's values carried over the other's.

        Without a choice: Business Central's, or Sales' where the mapping only travels that way; and a pair that is
        coupled already is left as it is (business-central-sync 5.2).
        """
        mapping = self._mappings[name]
        check_use(mapping, use)
        async with self._memory.turn(name):
            found = {side: await self._named.one(mapping, side, named[side]) for side in Side}
            pair = Pair(mapping, found[Side.BC], found[Side.SALES])
            standing, dead = await self._standing(pair)
            use = use or _default(mapping, standing)
            if standing is None or use is not Use.NOTHING or dead or _unfinished(standing):
                await self._join([pair], use, dead)

    async def ids(self, names: Sequence[str], records: Sequence[str]) -> list[str]:
        """Of both sides, what these ids, numbers, codes or texts name in the mappings. Refused if one names nothing."""
        return [one for named in await self._ids(names, records) for one in named]

    async def check_coupled(self, name: str, ids: Sequence[str]) -> None:
        """Refused if none of these is coupled in the mapping."""
        wanted = [one.lower() for one in ids]
        if not await self._couplings([name], wanted):
            raise Refused(
                "record-not-coupled",
                f"Of the records that are named none is coupled in {name}: {some_of(ids)}.",
                f"`coupled couplings {name} --search TEXT` lists what is coupled, with both ids.",
            )

    async def carry(self, names: Sequence[str], records: Sequence[str], winner: Side) -> None:
        """Carries one side's values of coupled records over the other's, skipped or not (business-central-sync 5.5)."""
        wanted = await self._ids(names, records)
        couplings = await self._couplings(names, [one for named in wanted for one in named])
        known = {one.half(side).id for one in couplings for side in Side}
        for record, named in zip(records, wanted, strict=True):
            _check_one(record, named, couplings)
            if known.isdisjoint(named):
                raise Refused(
                    "record-not-coupled",
                    f"The record {record} is not coupled, so no side's values can be carried over the other's.",
                    "`coupled sync NAME --record ID` carries an uncoupled record.",
                )
        by_mapping = {name: [one for one in couplings if one.mapping == name] for name in names}
        for name, mine in by_mapping.items():
            if mine:
                check_use(self._mappings[name], Use(winner.value))
        for name, mine in by_mapping.items():
            if mine:
                await self._carry(self._mappings[name], mine, winner)

    async def _ids(self, names: Sequence[str], records: Sequence[str]) -> list[list[str]]:
        if len(names) * sum(not is_id(one) for one in records) > _MOST_NAMES:
            raise Refused(
                "too-many-names",
                f"More than {_MOST_NAMES} records are named by a number, code or text, counted for each mapping.",
                "Each is looked for on both sides while other commands wait: name so many by their ids.",
            )
        return [[one.lower()] if is_id(one) else await self._bearing(names, one) for one in records]

    async def _bearing(self, names: Sequence[str], record: str) -> list[str]:
        found = [one for name in names for one in (await self._named.either(self._mappings[name], record)).values()]
        if not found:
            raise Refused(
                UNKNOWN,
                f"Neither side has a record {record!r} of {', '.join(names)}.",
                "Name it by either side's id, or by its number or code.",
            )
        return found

    async def _couplings(self, names: Sequence[str], ids: Sequence[str]) -> list[Coupling]:
        """Each once."""
        keys = list(dict.fromkeys(ids))
        coupled = [await self._memory.couplings(names, side, keys) for side in Side]
        return list({(one.mapping, one.bc.id): one for found in coupled for one in found.values()}.values())

    async def _carry(self, mapping: TableMapping, couplings: Sequence[Coupling], winner: Side) -> None:
        async with self._memory.turn(mapping.name):
            found = {
                side: await self._named.all(mapping, side, [one.half(side).id for one in couplings]) for side in Side
            }
            pairs = [Pair(mapping, found[Side.BC][one.bc.id], found[Side.SALES][one.sales.id]) for one in couplings]
            await self._join(pairs, Use(winner.value), [])

    async def _standing(self, pair: Pair) -> tuple[Coupling | None, list[Settled]]:
        """The pair's own coupling, and the ends of dead ones that stand in its way. Refused if one is alive."""
        name, dead = pair.mapping.name, []
        for side in Side:
            found = (await self._memory.couplings([name], side, [pair.key(side)])).get((name, pair.key(side)))
            if found is None:
                continue
            if found.half(side.other).id == pair.key(side.other):
                return found, []
            partner = found.half(side.other).id
            if await self._named.there(pair.mapping, side.other, [partner]):
                raise Refused(
                    "already-coupled",
                    f"{side.label} record {pair.key(side)} is already coupled: {found.bc.id} with {found.sales.id}.",
                    f"Uncouple that pair first: `coupled uncouple {name} {partner}`.",
                )
            dead.append(_dead(pair.mapping, side.other, partner, self._now_ms()))
        return None, dead

    async def _join(self, pairs: Sequence[Pair], use: Use, dead: Sequence[Settled]) -> None:
        """Stores the couplings first: repeated after a crash, what was not published then is published now."""
        now = self._now_ms()
        changes = {side: [_change(pair, side, now) for pair in pairs] for side in Side}
        couplings = [await self._coupling(pair, use) for pair in pairs]
        settled, publish = list(dead), publishing(pairs[0].mapping, use)
        for side in Side:
            told = side in publish
            settled += [
                Settled(change, pair.mapping.name, Outcome.COUPLED, coupling, partner=pair.key(side.other), told=told)
                for change, pair, coupling in zip(changes[side], pairs, couplings, strict=True)
            ]
        recorded = await self._memory.record(settled, NO_TOPIC)
        if refused := next((one.problem for one in recorded if one.outcome is Outcome.FAILED and one.problem), None):
            raise Refused(refused.code, refused.message, refused.hint)
        for side in publish:
            await self._publish(changes[side])

    async def _coupling(self, pair: Pair, use: Use) -> Coupling:
        bc, sales = pair.half(Side.BC), pair.half(Side.SALES)
        if pair.mapping.sales.references:
            told = await self._named.references(pair.mapping, Side.SALES, sales.id)
            sales = replace(sales, references={**sales.references, **told})
        return opened(pair.mapping, Coupling(pair.mapping.name, bc, sales), use)


def _check_one(record: str, named: Sequence[str], couplings: Sequence[Coupling]) -> None:
    """A number that both sides know of different pairs would have values written over that nobody meant."""
    hit = [one for one in couplings if one.bc.id in named or one.sales.id in named]
    if len(hit) > 1 and not is_id(record):
        told = "; ".join(f"{one.mapping} {one.bc.id} with {one.sales.id}" for one in hit[:3])
        raise Refused(
            "record-ambiguous",
            f"{record!r} names more than one pair: {told}.",
            "Name the record by its id.",
        )


def opened(mapping: TableMapping, agreed: Coupling, use: Use) -> Coupling:
    """The coupling of two records that agree on nothing of the winning side, and on what the losing one would take.

    Fields that only travel from the losing side are left open too, so that its change carries them.
    """
    if use is Use.NOTHING:
        return agreed
    winner = use.side
    loser = agreed.half(winner.other)
    taken = {name for rule in mapping.rules(Direction.from_side(winner)) for name in rule.fields(winner.other)}
    base = {name: value for name, value in loser.base.items() if name in taken}
    # Its values are still to travel: it is read before anything is written over them.
    emptied = agreed.with_half(winner, replace(agreed.half(winner), version="", base={}))
    return emptied.with_half(winner.other, replace(loser, base=base))


def check_use(mapping: TableMapping, use: Use | None) -> None:
    """A side wins only where the mapping travels that way (business-central-sync 3.2)."""
    if use in (None, Use.NOTHING) or mapping.direction.covers(Direction.from_side(use.side)):
        return
    raise Refused(
        "direction-closed",
        f"{mapping.name} carries nothing from {use.side.label}.",
        f"Use the values of {use.side.other.label}, or nothing.",
    )


def _default(mapping: TableMapping, standing: Coupling | None) -> Use:
    if standing is None:
        return Use.SALES if mapping.direction is Direction.TO_BC else Use.BC
    open_side = next((side for side in Side if not standing.half(side).base), None)
    return Use(open_side.value) if open_side else Use.NOTHING


def _unfinished(standing: Coupling) -> bool:
    return not (standing.bc.base and standing.sales.base)


def publishing(mapping: TableMapping, use: Use) -> Sequence[Side]:
    """The winner's record, then the loser's if some of its fields travel its way only."""
    if use is Use.NOTHING:
        return ()
    loser = use.side.other
    way = Direction.from_side(loser)
    lines = mapping.rules(way) if mapping.direction.covers(way) else ()
    one_way = any(rule.direction is way and not mapping.both_ways(rule) for rule in lines)
    return (use.side, loser) if one_way else (use.side,)


def _change(pair: Pair, side: Side, now_ms: int) -> Change:
    work = (None, pair.mapping.name)
    return replace(rows.change(pair.mapping.table(side), pair.row(side), Op.READ, now_ms, work), retry=True)


def _dead(mapping: TableMapping, side: Side, key: str, now_ms: int) -> Settled:
    """The record `key` is gone, and with it its coupling."""
    gone = rows.deletion(mapping.table(side), key, now_ms)
    return Settled(gone, mapping.name, Outcome.UNCOUPLED, uncouple=True)
