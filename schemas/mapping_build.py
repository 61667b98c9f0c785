"""From the parts of a mappings file to `Mappings`: defaults filled in, what refers to another mapping resolved."""

from collections.abc import Mapping
from typing import Any

from schemas import business_central, dataverse
from schemas.canonical import stored
from schemas.chain import FieldLookup, Transform
from schemas.field_mapping import FieldRule, Lookup
from schemas.filters import Filter
from schemas.mapping import ChildReference, Mappings, Table, TableMapping, Template
from schemas.mapping_diff import definition, written
from schemas.mapping_parts import FieldPart, FilePart, MappingPart, ReferencePart, SidePart, TemplatePart
from schemas.side import Direction, Side
from schemas.transforms import LOOKUP

# Columns that take records of several tables: their navigation property names the table too (wire-protocols B2).
_CUSTOMER_COLUMNS = frozenset({"parentcustomerid", "customerid"})


def build(parts: FilePart, source: str) -> Mappings:
    """Of parts in which `schemas/mapping_rules.py` finds no mistake that hinders it."""
    by_name = {part.name: part for part in parts.mappings}
    built = tuple(_mapping(part, by_name) for part in parts.mappings)
    definitions = {part.name: definition(part) for part in parts.mappings}
    return Mappings(built, source, definitions, {part.name: written(part) for part in parts.mappings})


def _mapping(part: MappingPart, by_name: Mapping[str, MappingPart]) -> TableMapping:
    return TableMapping(
        name=part.name,
        bc=_table(Side.BC, part.bc),
        sales=_table(Side.SALES, part.sales),
        direction=part.direction,
        fields=tuple(_field(field, part, by_name) for _, field in part.enabled()),
        depends_on=tuple(part.depends_on),
        uncouple_with=tuple(part.uncouple_with),
        only_coupled=part.only_coupled,
        live=part.live,
        couple_existing=part.couple_existing,
        on_update_conflict=part.on_update_conflict,
        on_delete=part.on_delete,
        match_on=tuple(tuple((m.bc, m.sales, m.ignore_case) for m in group) for group in part.match_on),
        templates=tuple(map(_template, part.templates)),
    )


def _template(part: TemplatePart) -> Template:
    values = {name: stored(part.side, name, value) for name, value in part.values.items()}
    return Template(part.name, part.side, part.priority, Filter.parse(part.filter, part.side.other), values)


def _table(side: Side, part: SidePart) -> Table:
    known: Any = business_central if side is Side.BC else dataverse
    references = tuple(
        ChildReference(name, ref.child, ref.field, Filter.parse(ref.where, side), ref.parent, _bearers(side, ref))
        for name, ref in part.references.items()
    )
    return Table(
        side=side,
        name=part.table,
        id=part.id or known.id_column(part.table),
        key=part.key or known.key_field(part.table),
        filter=Filter.parse(part.filter, side),
        api=part.api.strip("/"),
        references=references,
    )


def _bearers(side: Side, part: ReferencePart) -> Table | None:
    return _table(side, SidePart(table=part.of, filter=part.never)) if part.of else None


def _field(part: FieldPart, mapping: MappingPart, by_name: Mapping[str, MappingPart]) -> FieldRule:
    target = by_name[part.lookup] if part.lookup else None
    return FieldRule(
        bc=part.names(Side.BC),
        sales=part.sales_columns,
        direction=part.direction or mapping.direction,
        lookup=_lookup(part, target) if target else None,
        bind=_bind(part, target) if target and part.sales_columns else "",
        constant=part.constant,
        generate=part.generate,
        when=part.on,
        required=part.required,
        not_null=part.not_null,
        clear_on_failure=part.clear_on_failure,
        blank_outside=part.blank_outside,
        ignore_outside=part.ignore_outside,
        max_length=part.max_length,
        transforms=tuple(_transform(step, by_name) for step in part.transform),
        transform_direction=part.transform_direction or Direction.BOTH,
    )


def _lookup(part: FieldPart, target: MappingPart) -> Lookup:
    only_from = None if target.direction is Direction.BOTH else target.direction.source
    matched = tuple(f"{match.bc} = {match.sales}" for match in target.match_on[0]) if target.match_on else ()
    return Lookup(target.name, part.by or _key(target), part.to, only_from, matched)


def _key(part: MappingPart) -> str:
    return part.bc.key or business_central.key_field(part.bc.table)


def _bind(part: FieldPart, target: MappingPart) -> str:
    """`navigation property/entity set`, as `@odata.bind` wants them."""
    child, column = target.sales.references.get(part.to), part.sales_columns[0]
    entity_set = child.child if child else target.sales.table
    navigation = part.navigation or column
    if column in _CUSTOMER_COLUMNS and not part.navigation:
        navigation += "_" + dataverse.id_column(entity_set).removesuffix("id")
    return f"{navigation}/{entity_set}"


def _transform(step: str | dict[str, Any], by_name: Mapping[str, MappingPart]) -> Transform:
    if isinstance(step, str):
        return Transform(step)
    [(name, argument)] = step.items()
    if name == LOOKUP:
        target = by_name[argument["mapping"]]
        argument = FieldLookup(target.name, str(argument["field"]), _key(target))
    return Transform(name, argument)
