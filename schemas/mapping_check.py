"""A mappings file against what both sides serve, pure: every mistake with its place and what to do (DESIGN 4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas import business_central, dataverse
from schemas.advice import advice
from schemas.field_check import Around, check_field
from schemas.filter_check import check_filter
from schemas.finding import Finding, Level, Place, wrong
from schemas.mapping import ChildReference, Table, TableMapping, Template
from schemas.mapping_file import MappingsFile
from schemas.mapping_parts import MappingPart
from schemas.metadata import EntityType, Kind, Property, Served, Service
from schemas.nearest import did_you_mean
from schemas.side import Direction, Side
from schemas.value_check import check_constant

_COMPUTED = {
    "exchangeRate": Property("exchangeRate", Kind.NUMBER, creatable=False, updatable=False),
    "currencyPrecision": Property("currencyPrecision", Kind.INTEGER, creatable=False, updatable=False),
    "currencySymbol": Property("currencySymbol", Kind.TEXT, creatable=False, updatable=False),
}


def judge(file: MappingsFile, served: Served | None = None) -> tuple[Finding, ...]:
    """All there is to say of a file, in its order: its own mistakes, or else what may not be meant by it, and what both
    sides do not serve, if that is known.
    """
    told = [*(file.mistakes or map(file.placed, advice(file.parts))), *(check(file, served) if served else ())]
    return tuple(sorted(told, key=lambda finding: (file.line(finding.place), finding.level)))


def check(file: MappingsFile, served: Served) -> tuple[Finding, ...]:
    """What both sides do not serve, in the order of the file."""
    found: list[Finding] = []
    for index, (part, mapping) in enumerate(zip(file.parts.mappings, file.mappings.all, strict=True)):
        found += _Checked(file, served, part, mapping, ("mappings", index)).findings()
    return tuple(sorted(map(file.placed, found), key=lambda finding: (file.line(finding.place), finding.level)))


@dataclass(frozen=True, slots=True)
class _Checked:
    """One mapping of the file."""

    file: MappingsFile
    served: Served
    part: MappingPart
    mapping: TableMapping
    place: Place

    def findings(self) -> Iterator[Finding]:
        entities: dict[Side, EntityType] = {}
        for side in Side:
            entity, findings = self._entity(side)
            yield from findings
            if entity:
                entities[side] = entity
                yield from self._side(side, entity)
        yield from self._fields(entities)
        for number, template in enumerate(self.mapping.templates):
            yield from self._template(template, (*self.place, "templates", number), entities)
        for group, pairs in enumerate(self.part.match_on):
            for number, pair in enumerate(pairs):
                place: Place = (*self.place, "match_on", group, number)
                for side, name in ((Side.BC, pair.bc), (Side.SALES, pair.sales)):
                    if side in entities and name not in entities[side].properties:
                        yield _unknown((*place, side.value), self._table(side).name, name, entities[side].plain)

    def _table(self, side: Side) -> Table:
        return self.mapping.table(side)

    def _entity(self, side: Side) -> tuple[EntityType | None, list[Finding]]:
        if side in self.served.unknown:
            return None, []
        table = self._table(side)
        service = self.served.service(side, table.api)
        if service is None:
            message = f"Business Central serves no API {table.api!r}."
            hint = "Publish its custom API page (docs/setup.md), correct `api`, or leave the mapping out."
            return None, [Finding(Level.ERROR, (*self.place, side.value, "api"), message, hint)]
        entity = service.sets.get(table.name)
        if entity is None:
            message = f"{side.label} has no entity set {table.name!r}."
            hint = did_you_mean(table.name, service.sets)
            return None, [Finding(Level.ERROR, (*self.place, side.value, "table"), message, hint)]
        if side is Side.BC and table.name == "currencies" and not table.api:
            entity = replace(entity, properties={**entity.properties, **_COMPUTED})
        captured = self.mapping.direction.covers(Direction.from_side(side))
        if side is Side.SALES and captured and table.name in service.untracked:
            message = f"Change tracking is off for {table.name}: capture reads more, and its deletions come late."
            hint = "Switch on `Track changes` in the table's properties."
            return entity, [Finding(Level.WARNING, (*self.place, side.value, "table"), message, hint)]
        return entity, []

    def _side(self, side: Side, entity: EntityType) -> Iterator[Finding]:
        table, place = self._table(side), (*self.place, side.value)
        modified = business_central.MODIFIED if side is Side.BC else dataverse.MODIFIED
        for setting, name in (("id", table.id), ("key", table.key), ("table", modified)):
            if name and name not in entity.properties:
                needed = _unknown((*place, setting), table.name, name, entity.plain)
                advice = f"Give `{setting}`." if setting != "table" else "Without it changes cannot be found."
                yield Finding(needed.level, needed.place, needed.message, f"{needed.hint} {advice}".strip())
        yield from check_filter(table.filter.text, (*place, "filter"), table.name, entity)
        for reference in table.references:
            here: Place = (*place, "references", reference.name)
            yield from self._part(reference, here, entity) if side is Side.BC else self._child(reference, here)

    def _part(self, reference: ChildReference, place: Place, entity: EntityType) -> Iterator[Finding]:
        """A part of a BC page. The daemon goes on without one that is not served."""
        link = entity.navigations.get(reference.child)
        if link is None:
            message = f"{self.mapping.bc.name} has no part {reference.child!r}: its records are known by their key."
            hint = did_you_mean(reference.child, entity.navigations)
            yield Finding(Level.WARNING, (*place, "child"), message, hint)
            return
        service = self.served.service(Side.BC, self.mapping.bc.api)
        child = service.types.get(link.target) if service else None
        if child:
            yield from _named(child, reference.child, (*place, "field"), reference.field)
            yield from check_filter(reference.where.text, (*place, "where"), reference.child, child)
        bearers = self.served.service(Side.BC, reference.of.api) if reference.of else None
        if reference.of and bearers:
            yield from self._bearers(reference.of, place, bearers)

    @staticmethod
    def _bearers(table: Table, place: Place, service: Service) -> Iterator[Finding]:
        """The table whose records a reference names by their key."""
        entity = service.sets.get(table.name)
        if entity is None:
            message = f"Business Central has no entity set {table.name!r}."
            yield Finding(Level.ERROR, (*place, "of"), message, did_you_mean(table.name, service.sets))
            return
        yield from _named(entity, table.name, (*place, "of"), table.key)
        yield from check_filter(table.filter.text, (*place, "never"), table.name, entity)

    def _child(self, reference: ChildReference, place: Place) -> Iterator[Finding]:
        """A set of Sales whose rows point back."""
        child = self.served.sales.sets.get(reference.child)
        if child is None:
            message = f"Sales has no entity set {reference.child!r}."
            yield Finding(
                Level.ERROR, (*place, "child"), message, did_you_mean(reference.child, self.served.sales.sets)
            )
            return
        yield from _named(child, reference.child, (*place, "field"), reference.field)
        if reference.parent not in child.lookups:
            message = f"{reference.child} has no lookup column {reference.parent!r}."
            yield Finding(Level.ERROR, (*place, "parent"), message, did_you_mean(reference.parent, child.lookups))
        yield from check_filter(reference.where.text, (*place, "where"), reference.child, child)

    def _template(self, template: Template, place: Place, entities: dict[Side, EntityType]) -> Iterator[Finding]:
        """Its filter reads the source's row; its values are set in the new record."""
        there, here = template.side, template.side.other
        if here in entities:
            yield from check_filter(template.filter.text, (*place, "filter"), self._table(here).name, entities[here])
        if there not in entities:
            return
        table = self._table(there).name
        for name, value in ((name, value) for name, value in template.values.items() if "@" not in name):
            known, at = entities[there].properties.get(name), (*place, "values", name)
            if known is None:
                yield _unknown(at, table, name, entities[there].plain)
            elif not known.creatable:
                yield wrong(at, f"{there.label} does not let {name} of {table} be set.", "Take it out.")
            else:
                yield from check_constant(value, known, table, at)

    def _fields(self, entities: dict[Side, EntityType]) -> Iterator[Finding]:
        around = Around(entities, self.file.mappings, self.served.sales)
        for (number, _), rule in zip(self.part.enabled(), self.mapping.fields, strict=True):
            yield from check_field(rule, self.mapping, (*self.place, "fields", number), around)


def _named(entity: EntityType, table: str, place: Place, name: str) -> Iterator[Finding]:
    if name not in entity.properties:
        yield _unknown(place, table, name, entity.plain)


def _unknown(place: Place, table: str, name: str, known: Sequence[str]) -> Finding:
    return Finding(Level.ERROR, place, f"{table} has no field {name!r}.", did_you_mean(name, known))
