"""What a full synchronisation would do with some records of one side: the real rules, and no write (DESIGN 5)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from consumers import problems
from consumers.decide import Create, Decision, Deletion, Modify, adopt, decide, named
from consumers.deletions import found_gone
from consumers.outside import outside
from consumers.resolve import resolve
from consumers.survey.context import Context
from consumers.survey.ports import Row
from schemas import rows
from schemas.chain import FieldLookup
from schemas.change import Change
from schemas.coupling import Coupling, Lookups, Reference
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.survey import Kind

_KINDS = {
    Outcome.UNCHANGED: Kind.UNCHANGED,
    Outcome.COUPLED: Kind.COUPLE,
    Outcome.MODIFIED: Kind.MODIFY,
    Outcome.UNCOUPLED: Kind.UNCOUPLE,
    Outcome.SKIPPED: Kind.SKIP,
    Outcome.FAILED: Kind.FAIL,
    Outcome.CONFLICT: Kind.CONFLICT,
}
# What nobody knows before it is made.
NEW = "(new)"


@dataclass(frozen=True, slots=True)
class Item:
    """A record as it would be swept. `partner` is the row it is coupled with, or would be if it is not (`coupling`)."""

    change: Change
    coupling: Coupling | None = None
    partner: Row | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What would become of an item (`kind` None: nothing that counts), its coupling and its partner by then."""

    item: Item
    kind: Kind | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    coupling: Coupling | None = None
    partner: Row | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`expected` are the answers of look-ups that this run would make possible, by mappings before this one."""

    context: Context
    expected: Mapping[Reference, Mapping[str, str]]
    flags: Flags
    skipped: Mapping[Side, frozenset[str]]

    async def steps(self, items: Sequence[Item]) -> list[Step]:
        """One for each item; all are of one side."""
        if not items:
            return []
        mapping = self.context.mapping
        lookups = await self._lookups([one.change for one in items])
        decisions = [self._decided(one, lookups) for one in items]
        there = items[0].change.side.other
        both = list(zip(items, decisions, strict=True))
        unread = [d.partner.id for one, d in both if isinstance(d, Modify) and one.partner is None]
        read = await self.context.readers[there].read(mapping, unread) if unread else {}
        return [self._step(one, d, read, lookups) for one, d in both]

    def _decided(self, item: Item, lookups: Lookups) -> Decision | Deletion:
        change, mapping = item.change, self.context.mapping
        if change.key in self.skipped[change.side]:
            return Settled(change, mapping.name, Outcome.SKIPPED)
        try:
            decision = decide(change, mapping, item.coupling, lookups, self.flags)
            if isinstance(decision, Create) and item.partner is not None:
                return adopt(change, mapping, item.partner, lookups)
        except Exception as error:  # as in the real run, one bad record does not stop the others (promise 7)
            return Settled(change, mapping.name, Outcome.FAILED, problem=problems.crash(error))
        return decision

    async def _lookups(self, changes: Sequence[Change]) -> Lookups:
        wanted = named(self.context.mapping, changes)
        found = dict(await self.context.memory.lookups(wanted)) if wanted else {}
        missing = wanted - found.keys()
        found |= {one: self._answer(one) for one in missing if replace(one, field="") in self.expected}
        rest = missing - found.keys()
        reader = self.context.readers[changes[0].side]
        return {**found, **await outside(self.context.mappings, self.context.mapping, rest, reader)}

    def _answer(self, reference: Reference) -> Mapping[str, str]:
        names = looked_up(self.context.mapping)[reference.mapping]
        return dict.fromkeys(names, NEW) | dict(self.expected[replace(reference, field="")])

    def _step(self, item: Item, decision: Decision | Deletion, read: Mapping[str, Row], lookups: Lookups) -> Step:
        row = item.partner
        if isinstance(decision, Modify):
            row = row if row is not None else read.get(decision.partner.id)
            if row is None:
                decision = found_gone(decision, lookups)
            elif decision.partner.version != row.get("@odata.etag"):
                decision = resolve(decision, row)
        if isinstance(decision, Modify) and row is not None:
            return _modified(item, decision, row)
        if isinstance(decision, Create):
            return Step(item, Kind.INSERT, {"fields": dict(decision.fields)})
        if not isinstance(decision, Settled):
            return Step(item, None)
        detail = decision.problem.as_dict() if decision.problem else {}
        return Step(item, _KINDS.get(decision.outcome), detail, decision.coupling or item.coupling, row)


def looked_up(mapping: TableMapping) -> dict[str, set[str]]:
    """The mappings whose records this one's fields look up, and by which of their names."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for rule in mapping.fields:
        if rule.lookup:
            found[rule.lookup.mapping] |= {rule.lookup.by, rule.lookup.to}
        for step in rule.transforms:
            if isinstance(step.argument, FieldLookup):
                found[step.argument.mapping] |= {step.argument.by, step.argument.field}
    return found


def _modified(item: Item, decision: Modify, row: Row) -> Step:
    """The partner would hold what is written, and both would agree on it."""
    mapping, side, partner, fields = decision.mapping, decision.destination, decision.partner, decision.fields
    detail = {"fields": {name: [rows.value(mapping, side, row, name), value] for name, value in fields.items()}}
    now = rows.written(mapping, side, row, fields)
    agreed = {name: rows.value(mapping, side, now, name) for name in fields}
    coupling = decision.coupling.with_half(side, replace(partner, base={**partner.base, **agreed}))
    kind = Kind.COUPLE if decision.outcome is Outcome.COUPLED else Kind.MODIFY
    return Step(item, kind, detail, coupling, now)
