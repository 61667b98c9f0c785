"""One field of a mapping against both sides: does it exist, may it be written, does the value fit?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.canonical import is_code
from schemas.field_mapping import FieldRule, Lookup, When
from schemas.finding import Finding, Level, Place
from schemas.mapping import Mappings, TableMapping
from schemas.metadata import EntityType, Kind, Property, Service
from schemas.nearest import did_you_mean
from schemas.side import Direction, Side
from schemas.value_check import check_constant, check_kind

Entities = Mapping[Side, EntityType]
_RESULTS = {
    "round": Kind.NUMBER,
    "at_least": Kind.NUMBER,
    "unix_time": Kind.INTEGER,
    "date_part": Kind.INTEGER,
    "lookup": Kind.OTHER,
}


@dataclass(frozen=True, slots=True)
class Around:
    """What one field is held against: both tables (one that is not served is missing), the other mappings, Sales."""

    entities: Entities
    mappings: Mappings
    sales: Service


def check_field(rule: FieldRule, mapping: TableMapping, place: Place, around: Around) -> Iterator[Finding]:
    """Findings of one enabled field."""
    field = _Field(rule, mapping, place, around.entities)
    for side in around.entities:
        yield from field.names(side)
    if rule.lookup:
        yield from field.references(around.mappings[rule.lookup.mapping], rule.lookup)
        yield from field.bound(around.sales)
    for way in mapping.direction.one_ways:
        if rule.direction.covers(way):
            yield from field.travels(way)


@dataclass(frozen=True, slots=True)
class _Field:
    rule: FieldRule
    mapping: TableMapping
    place: Place
    entities: Entities

    def _at(self, side: Side, number: int = 0) -> Place:
        several = side is Side.SALES and len(self.rule.sales) > 1
        return (*self.place, side.value, number) if several else (*self.place, side.value)

    def _table(self, side: Side) -> str:
        return self.mapping.table(side).name

    def names(self, side: Side) -> Iterator[Finding]:
        entity = self.entities[side]
        for number, name in enumerate(self.rule.fields(side)):
            if self._property(side, name) is None:
                yield self._missing(side, number, name, entity)

    def _missing(self, side: Side, number: int, name: str, entity: EntityType) -> Finding:
        linked = side is Side.SALES and bool(self.rule.bind)
        known, what = (entity.lookups, "lookup column") if linked else (entity.plain, "field")
        message, hint = f"{self._table(side)} has no {what} {name!r}.", did_you_mean(name, known)
        if linked and name in entity.properties:
            message, hint = f"{name} of {self._table(side)} is no lookup column.", f"Take `lookup` out. {hint}".strip()
        elif side is Side.SALES and name in entity.lookups:
            message = f"{name} of {self._table(side)} is a lookup column: it holds the id of a record."
            hint = "Name the mapping of that record with `lookup`."
        return Finding(Level.ERROR, self._at(side, number), message, hint)

    def _property(self, side: Side, name: str) -> Property | None:
        read_as = f"_{name}_value" if side is Side.SALES and self.rule.bind else name
        return self.entities[side].properties.get(read_as) if side in self.entities else None

    def references(self, target: TableMapping, lookup: Lookup) -> Iterator[Finding]:
        """Do the records of the other mapping bear the names that `by` and `to` say?"""
        for setting, name, side in (("by", lookup.by, Side.BC), ("to", lookup.to, Side.SALES)):
            table = target.table(side)
            known = [one for one in ("id", table.key, *(each.name for each in table.references)) if one]
            if name not in known:
                message = f"Records of {target.name} have no reference {name!r} in {side.label}."
                yield Finding(Level.ERROR, (*self.place, setting), message, did_you_mean(name, known))

    def bound(self, sales: Service) -> Iterator[Finding]:
        """Is the lookup written by a property that exists, belongs to the column and leads to that table?"""
        if not self.rule.bind:  # a constant: Business Central's field holds a code
            return
        column = self.rule.sales[0]
        if self._property(Side.SALES, column) is None:
            return
        name, entity_set = self.rule.bind.split("/")
        links = self.entities[Side.SALES].navigations
        fitting = sorted(one.name for one in links.values() if one.column == f"_{column}_value")
        if name not in (fitting or links):
            message = f"{column} of {self._table(Side.SALES)} is not written by a navigation property {name!r}."
            hint = f"Set `navigation` to {' or '.join(fitting)}." if fitting else ""
            yield Finding(Level.ERROR, (*self.place, "navigation"), message, hint)
            return
        wanted, found = sales.sets.get(entity_set), links[name].target
        if wanted and found not in (wanted.name, *wanted.bases):
            message = f"{name} of {self._table(Side.SALES)} takes records of {found!r}, not of {entity_set}."
            hint = "Name the mapping whose records the column holds with `lookup`, or its reference with `to`."
            yield Finding(Level.ERROR, (*self.place, "lookup"), message, hint)

    def travels(self, way: Direction) -> Iterator[Finding]:
        there = way.source.other
        for number, name in enumerate(self.rule.fields(there)):
            known = self._property(there, name)
            if known is not None:
                yield from self._writable(known, name, self._at(there, number), way)
                if not self.rule.lookup:
                    yield from self._fits(known, self._at(there, number), way)
        if not self.rule.lookup:
            yield from self._long(way)

    def _writable(self, known: Property, name: str, place: Place, way: Direction) -> Iterator[Finding]:
        side, when = way.source.other, self.rule.when
        creates, updates = when is not When.AFTER_INSERT, when is not When.INSERT
        if (known.creatable or not creates) and (known.updatable or not updates):
            return
        message = f"{side.label} does not let {name} of {self._table(side)} be written, but it travels {way.value}."
        hint = f"Give the field `direction: {Direction.from_side(side).value}`, or take it out."
        if known.creatable:
            message = f"{name} of {self._table(side)} can be set only when a record is created."
            hint = f"Give it a line of its own with `direction: {way.value}, on: insert`."
        elif known.updatable:
            message = f"{name} of {self._table(side)} cannot be set when a record is created."
            hint = f"Give it a line of its own with `direction: {way.value}, on: after_insert`."
        yield Finding(Level.ERROR, place, message, hint)

    def _fits(self, known: Property, place: Place, way: Direction) -> Iterator[Finding]:
        table = self._table(way.source.other)
        if self.rule.constant is not None:
            yield from check_constant(self.rule.constant, known, table, (*self.place, "constant"))
        elif kind := self._kind(way):
            yield from check_kind(kind, known, table, place, free=bool(self.rule.chain(way)))

    def _kind(self, way: Direction) -> Kind | None:
        """What the value is when it arrives; None if it is not known."""
        rule, source = self.rule, way.source
        if rule.generate or len(rule.fields(source)) > 1:
            return Kind.TEXT
        known = self._property(source, rule.fields(source)[0])
        kind = known.kind if known else None
        for step in rule.chain(way):
            kind = _RESULTS.get(step.name, Kind.TEXT)
        return kind

    def _long(self, way: Direction) -> Iterator[Finding]:
        """Text that the destination may refuse for its length (business-central-sync 2.2: the shorter one wins).

        Not a code of BC: cut, it would name another record, so that failing is right.
        """
        rule, source, there = self.rule, way.source, way.source.other
        made = rule.generate or rule.constant is not None or rule.chain(way)
        if made or (source is Side.BC and any(is_code(name) for name in rule.bc)):
            return
        takes, gets = self._length(there), self._length(source)
        gets = min((n for n in (gets, rule.max_length) if n is not None), default=None)
        if takes is None or gets is None or gets <= takes:
            return
        names = " and ".join(rule.fields(there))
        message = f"{names} of {self._table(there)} takes {takes} characters, but may get {gets}."
        yield Finding(Level.WARNING, (*self.place, "max_length"), message, f"Set `max_length: {takes}`.")

    def _length(self, side: Side) -> int | None:
        """Of all its columns, with a space between."""
        found = [self._property(side, name) for name in self.rule.fields(side)]
        lengths = [one.max_length for one in found if one is not None and one.max_length is not None]
        return sum(lengths) + len(lengths) - 1 if lengths and len(lengths) == len(found) else None
