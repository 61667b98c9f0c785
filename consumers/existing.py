"""Records that are there when one is to be created: our own from an earlier try, or somebody else's (promise 2)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from consumers import problems
from consumers.decide import Create, Decision, Modify, adopt
from consumers.matching import keys
from consumers.own_work import agreed, bears, coupled, is_own
from consumers.ports import Memory, Row, Target
from schemas import rows
from schemas.canonical import is_code
from schemas.coupling import Lookups
from schemas.errors import Problem
from schemas.field_mapping import FieldRule
from schemas.mapping import TableMapping
from schemas.outcome import Intent, Outcome, Settled
from schemas.side import Side


class Existing:
    """What follows when a side answers to a creation that the record, or its number, exists (A3, D31, B3)."""

    def __init__(self, target: Target, memory: Memory, side: Side) -> None:
        self._target, self._memory, self._side = target, memory, side

    async def taken(self, item: Create) -> Create:
        """A number of ours that no earlier try can have used is another's: we take the next. All else is looked for. If
        this was the first try, nothing of it is there, and no later one may take what is for it."""
        rule = self._rule(item)
        if rule and not item.tried:
            return await self._next_number(item, rule)
        if not item.tried:
            await self._memory.withdraw(item.mapping.name, self._side, item.change.key)
        return replace(item, look=True, taken=True)

    async def resolved(self, item: Create, lookups: Lookups) -> Decision:
        """Nothing carries what an earlier try of ours has sent. The record that has the number is the partner all the
        same if it is free, the mapping's `match_on` makes it one with ours, and an earlier try may have made it or the
        mapping couples what exists. Otherwise we take another number, or the record fails.
        """
        table = item.mapping.table(self._side)
        number = item.fields.get(table.key) if table.key else None
        found = [] if number is None else await self._target.find(item.mapping, table.key, [number])
        free = await uncoupled(self._memory, item.mapping, self._side, found)
        for row in free.values():
            may_be_ours = item.tried and self._side is Side.BC  # one in Sales has the id
            if (may_be_ours or item.mapping.couple_existing) and _agree(item, row):
                return adopted(item, row, lookups)
        if rule := self._rule(item):
            return await self._next_number(item, rule)
        problem = self._taken_by(item, number, next(iter(found), None), is_free=bool(free))
        return Settled(item.change, item.mapping.name, Outcome.FAILED, problem=problem)

    def _taken_by(self, item: Create, number: Any, row: Row | None, *, is_free: bool) -> Problem:
        table = item.mapping.table(self._side)
        if number is None or row is None:
            return problems.number_taken(self._side, table.id, item.change.key)
        theirs = rows.record_id(table, row)
        pair = (theirs, item.change.key) if self._side is Side.BC else (item.change.key, theirs)
        command = f"coupled couple {item.mapping.name} {' '.join(pair)}" if is_free else ""
        return problems.number_taken(
            self._side, table.key, number, f"{_called(item.mapping, self._side, row)}{theirs}", command
        )

    def _rule(self, item: Create) -> FieldRule | None:
        return generated(item.mapping, [item]) if self._side is Side.BC else None

    async def _next_number(self, item: Create, rule: FieldRule) -> Create:
        fresh = numbered(item, rule, await self._memory.numbers(item.mapping.name, 1))
        await self._memory.intend([Intent(item.mapping.name, item.change.key, fresh.fields)])
        return replace(fresh, look=False, taken=False, tried=False, sent=None)


def adopted(item: Create, row: Row, lookups: Lookups) -> Settled | Modify:
    """The existing record becomes the partner. If a try of ours has left it, it holds what was sent, or what people
    have made of that; else it takes over what differs, but for what we set by a template on it."""
    side = item.change.side.other
    now = rows.half(item.mapping, side, row)
    if is_own(item, now):
        return coupled(item, now, agreed(item.mapping, side, now, item.traces), Outcome.COUPLED)
    step, seen = adopt(item.change, item.mapping, row, lookups), now.base
    if isinstance(step, Settled) or not (step.partner.id == item.change.key or bears(seen, item.traces)):
        return step
    left = {n: v for n, v in step.fields.items() if n not in item.fields or seen.get(n) != item.fields[n]}
    if left:
        return replace(step, fields=left)
    return Settled(item.change, item.mapping.name, step.outcome, step.coupling, partner=step.partner.id)


async def uncoupled(memory: Memory, mapping: TableMapping, side: Side, found: Iterable[Row]) -> dict[str, Row]:
    """Those of the rows that have no partner, by id."""
    by_id = {rows.record_id(mapping.table(side), row): row for row in found}
    coupled = await memory.couplings([mapping.name], side, by_id)
    return {key: row for key, row in by_id.items() if (mapping.name, key) not in coupled}


def generated(mapping: TableMapping, creates: Sequence[Create]) -> FieldRule | None:
    """The rule by which we number their partners, if there is one."""
    rules = mapping.rules(creates[0].change.direction) if creates else ()
    return next((rule for rule in rules if rule.generate), None)


def numbered(item: Create, rule: FieldRule, number: int) -> Create:
    return replace(item, fields={**item.fields, rule.bc[0]: rule.generate.format(number)})


def _agree(item: Create, row: Row) -> bool:
    mine = keys(item.mapping, item.change.side, item.change.after or {})
    theirs = keys(item.mapping, item.change.side.other, row)
    return any(one is not None and one == other for one, other in zip(mine, theirs, strict=True))


def _called(mapping: TableMapping, side: Side, row: Row) -> str:
    """Its first text that is no code, which is its name in most tables."""
    texts = ((name, rows.value(mapping, side, row, name)) for name in mapping.mapped(side))
    return next((f"{text!r}, " for name, text in texts if isinstance(text, str) and text and not is_code(name)), "")
