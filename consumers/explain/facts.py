"""What is known of one record under one mapping: read once from both sides and the store, and frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from consumers.decide import Decision, Deletion, Modify, decide
from consumers.owed import owed_by
from consumers.resolve import resolve
from consumers.survey.drift import Drift, Halves, Hints, drifts, has_moved, was_agreed
from consumers.translate import rules_for
from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import OUTSIDE, Coupling, Lookups, Reference
from schemas.explanation import Event, Trouble
from schemas.field_mapping import FieldRule, When
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.rows import Row
from schemas.side import Direction, Side


@dataclass(frozen=True)
class Facts:
    """`seen` holds the records that exist, `ids` those that are known of. `lookups` answers all that either names;
    `names` has how people call those that are named by their id."""

    mapping: TableMapping
    flags: Flags
    seen: Mapping[Side, Row]
    ids: Mapping[Side, str]
    coupling: Coupling | None = None
    lookups: Lookups = field(default_factory=dict)
    names: Mapping[Reference, str] = field(default_factory=dict)
    failures: Sequence[Trouble] = ()
    history: Sequence[Event] = ()
    hints: Hints = field(default_factory=Hints)
    now_ms: int = 0
    paused_at: datetime | None = None
    coupled_at: datetime | None = None
    synchronised_at: datetime | None = None

    @cached_property
    def now(self) -> Halves:
        """The records that exist, as halves of a coupling."""
        return {side: rows.half(self.mapping, side, row) for side, row in self.seen.items()}

    @property
    def known(self) -> Coupling:
        """The coupling, of a record that has one."""
        if self.coupling is None:
            raise LookupError("the record is not coupled")
        return self.coupling

    @property
    def record(self) -> str:
        """An id by which a command names it."""
        return self.ids.get(Side.BC) or self.ids[Side.SALES]

    @property
    def gone(self) -> tuple[Side, ...]:
        return tuple(side for side in Side if side not in self.seen)

    @property
    def open(self) -> list[Trouble]:
        return [one for one in self.failures if one.open]

    @cached_property
    def drifts(self) -> list[Drift]:
        """The fields that differ, of two coupled records that are there."""
        if self.coupling is None or self.gone:
            return []
        return drifts(self.mapping, self.coupling, self.now, self.lookups, self.hints)

    @property
    def by_id(self) -> set[Reference]:
        """The records that either names by their id, or did when both agreed."""
        return {one for rule in self.mapping.fields for one in self.ids_in(rule)}

    def ids_in(self, rule: FieldRule) -> list[Reference]:
        """The records that a field names by their id, on either side, now and as last agreed on."""
        found: list[Reference] = []
        for side in Side:
            if rule.lookup is None or (rule.lookup.by, rule.lookup.to)[side is Side.SALES] != "id":
                continue
            held = [self.now[side].base] if side in self.now else []
            held += [self.coupling.half(side).base] if self.coupling else []
            values = {base.get(name) for base in held for name in rule.fields(side)} - {None}
            found += [Reference(rule.lookup.mapping, side, "id", str(value)) for value in values]
        return found

    def changed(self, rule: FieldRule) -> tuple[Side, ...]:
        """The sides that hold something else of the field than was agreed on; none, where nothing was."""
        coupling = self.coupling
        if coupling is None or self.gone or not was_agreed(rule, coupling):
            return ()
        return tuple(side for side in Side if has_moved(side, rule, coupling, self.now))

    def in_filter(self, side: Side) -> bool:
        return self.mapping.table(side).filter.matches(self.seen[side])

    def change(self, side: Side) -> Change:
        """The record as it would be carried were it asked for: a pause, and `live: false`, stand beside this."""
        work = (None, self.mapping.name)
        return rows.change(self.mapping.table(side), self.seen[side], Op.UPDATE, self.now_ms, work)

    def decision(self, way: Direction) -> Decision | Deletion:
        """What would become of the source's record, with the partner as it is now."""
        return self._decisions[way]

    @cached_property
    def _decisions(self) -> dict[Direction, Decision | Deletion]:
        return {way: self._decided(way) for way in self.ways}

    @property
    def ways(self) -> tuple[Direction, ...]:
        """The directions of the mapping whose source's record is there."""
        return tuple(way for way in self.mapping.direction.one_ways if way.source in self.seen)

    def _decided(self, way: Direction) -> Decision | Deletion:
        flags = Flags(only_coupled=self.flags.only_coupled, paused=False)
        made = decide(self.change(way.source), self.mapping, self.coupling, self.lookups, flags)
        partner = self.seen.get(way.source.other)
        return resolve(made, partner) if isinstance(made, Modify) and partner is not None else made

    @cached_property
    def blanks(self) -> dict[str, Reference]:
        """By the name of a field that the partner has blank for want of a record: the one that is wanted."""
        if self.coupling is None or self.gone:
            return {}
        found: dict[str, Reference] = {}
        for way in self.ways:
            known = self.now[way.source].base, self.now[way.source.other].base
            for rule in rules_for(self.mapping, way, When.ALWAYS):
                wanted = owed_by(rule, way, known, self.lookups)
                if wanted and self.lookups.get(wanted) is not OUTSIDE:
                    found[rule.name] = wanted
        return found
