"""From the parts of a mappings file to `Mappings`: defaults filled in, everything that refers to something checked."""

from collections.abc import Sequence
from typing import Any

from schemas import business_central, dataverse
from schemas.canonical import stored
from schemas.chain import FieldLookup, Transform
from schemas.filters import Filter
from schemas.mapping import ChildReference, FieldRule, Lookup, Mappings, Table, TableMapping, Template, When
from schemas.mapping_diff import definition
from schemas.mapping_parts import FieldPart, FilePart, MappingPart, SidePart
from schemas.side import Direction, Side
from schemas.transforms import LOOKUP, compiled

# Columns that take records of several tables: their navigation property names the table too (wire-protocols B2).
_CUSTOMER_COLUMNS = frozenset({"parentcustomerid", "customerid"})


class Mistake(ValueError):
    """What is wrong, and at which place of the file."""

    def __init__(self, place: tuple[int | str, ...], message: str) -> None:
        super().__init__(message)
        self.place = place


def build(parts: FilePart, source: str) -> Mappings:
    """Mistake if a name is used twice, refers to nothing, or refers in a circle."""
    by_name = {part.name: part for part in reversed(parts.mappings)}
    for index, part in enumerate(parts.mappings):
        place = ("mappings", index)
        if by_name[part.name] is not part:
            raise Mistake((*place, "name"), f"two mappings are named {part.name!r}")
        for number, name in enumerate(part.depends_on):
            if name not in by_name:
                raise Mistake((*place, "depends_on", number), f"there is no mapping {name!r}")
        _check_circle(part.name, by_name, (*place, "depends_on"))
    built = tuple(_mapping(part, by_name, ("mappings", index)) for index, part in enumerate(parts.mappings))
    return Mappings(built, source, {part.name: definition(part) for part in parts.mappings})


def _check_circle(start: str, by_name: dict[str, MappingPart], place: tuple[int | str, ...]) -> None:
    waiting, seen = list(by_name[start].depends_on), set[str]()
    while waiting:
        name = waiting.pop()
        if name == start:
            raise Mistake(place, f"{start!r} depends on itself, through {', '.join(sorted(seen)) or 'itself'}")
        if name not in seen and name in by_name:
            seen.add(name)
            waiting += by_name[name].depends_on


def _mapping(part: MappingPart, by_name: dict[str, MappingPart], place: tuple[int | str, ...]) -> TableMapping:
    fields = tuple(
        _field(field, part, by_name, (*place, "fields", index))
        for index, field in enumerate(part.fields)
        if field.status == "enabled"
    )
    for way in part.direction.one_ways:
        if not any(rule.direction.covers(way) for rule in fields):
            raise Mistake((*place, "fields"), f"no enabled field travels {way.value}, though the mapping does")
    if part.couple_existing and not part.match_on:
        raise Mistake((*place, "couple_existing"), "couple_existing needs match_on to say what makes two records one")
    _check_match(part, fields, (*place, "match_on"))
    return TableMapping(
        name=part.name,
        bc=_table(Side.BC, part.bc, (*place, "bc")),
        sales=_table(Side.SALES, part.sales, (*place, "sales")),
        direction=part.direction,
        fields=fields,
        depends_on=tuple(part.depends_on),
        uncouple_with=_uncouple_with(part, place),
        only_coupled=part.only_coupled,
        couple_existing=part.couple_existing,
        on_update_conflict=part.on_update_conflict,
        on_delete=part.on_delete,
        match_on=tuple(tuple((m.bc, m.sales, m.ignore_case) for m in group) for group in part.match_on),
        templates=tuple(_template(part, index, (*place, "templates", index)) for index in range(len(part.templates))),
    )


def _uncouple_with(part: MappingPart, place: tuple[int | str, ...]) -> tuple[str, ...]:
    looked_up = {field.lookup for field in part.fields if field.lookup and field.status == "enabled"}
    for number, name in enumerate(part.uncouple_with):
        if name not in looked_up:
            raise Mistake((*place, "uncouple_with", number), f"no enabled field looks up {name!r}")
    return tuple(part.uncouple_with)


def _check_match(part: MappingPart, fields: Sequence[FieldRule], place: tuple[int | str, ...]) -> None:
    lookups = {name for rule in fields if rule.looks_up for name in rule.sales}
    for number, group in enumerate(part.match_on):
        if not group:
            raise Mistake((*place, number), "a group without fields would make all records one")
        for index, pair in enumerate(group):
            if pair.sales in lookups:
                raise Mistake((*place, number, index, "sales"), f"{pair.sales} is a look-up: match on a value instead")


def _template(mapping: MappingPart, index: int, place: tuple[int | str, ...]) -> Template:
    part = mapping.templates[index]
    if part.name in (earlier.name for earlier in mapping.templates[:index]):
        raise Mistake((*place, "name"), f"two templates are named {part.name!r}")
    if not mapping.direction.covers(Direction.from_side(part.side.other)):
        raise Mistake((*place, "side"), f"the mapping creates nothing in {part.side.label}")
    values = {name: stored(part.side, name, value) for name, value in part.values.items()}
    chosen = _filter(part.filter, part.side.other, (*place, "filter"))
    return Template(part.name, part.side, part.priority, chosen, values)


def _table(side: Side, part: SidePart, place: tuple[int | str, ...]) -> Table:
    known: Any = business_central if side is Side.BC else dataverse
    references = tuple(
        ChildReference(
            name, ref.child, ref.field, _filter(ref.where, side, (*place, "references", name, "where")), ref.parent
        )
        for name, ref in part.references.items()
    )
    return Table(
        side=side,
        name=part.table,
        id=part.id or known.id_column(part.table),
        key=part.key or known.key_field(part.table),
        filter=_filter(part.filter, side, (*place, "filter")),
        api=part.api.strip("/"),
        references=references,
    )


def _filter(text: str, side: Side, place: tuple[int | str, ...]) -> Filter:
    """Over rows of `side`."""
    try:
        return Filter.parse(text, side)
    except ValueError as error:
        raise Mistake(place, str(error)) from error


def _field(
    part: FieldPart, mapping: MappingPart, by_name: dict[str, MappingPart], place: tuple[int | str, ...]
) -> FieldRule:
    sales = (part.sales,) if isinstance(part.sales, str) else tuple(part.sales or ())
    _check_sources(part, sales, place)
    lookup = _lookup(part, by_name, place)
    return FieldRule(
        bc=(part.bc,) if part.bc else (),
        sales=sales,
        direction=part.direction or mapping.direction,
        lookup=lookup,
        bind=_bind(part, sales, by_name) if lookup and sales else "",
        constant=part.constant,
        generate=part.generate,
        when=part.on,
        required=part.required,
        not_null=part.not_null,
        clear_on_failure=part.clear_on_failure,
        blank_outside=part.blank_outside,
        max_length=part.max_length,
        transforms=_transforms(part, mapping, by_name, place),
        transform_direction=part.transform_direction or Direction.BOTH,
    )


def _check_sources(part: FieldPart, sales: tuple[str, ...], place: tuple[int | str, ...]) -> None:
    made = part.constant is not None or part.generate
    if made and (bool(part.bc) == bool(sales) or part.direction in (None, Direction.BOTH)):
        raise Mistake(place, "a constant or generated value needs one side's field and a direction towards it")
    if not made and not (part.bc and sales):
        raise Mistake(place, "a field needs `bc` and `sales`, or one of them and a `constant`")
    if len(sales) > 2:
        raise Mistake((*place, "sales"), "one BC field can be split into two Sales fields, not more")
    blanks = [name for name in ("required", "not_null", "clear_on_failure") if getattr(part, name)]
    if len(blanks) > 1:
        raise Mistake((*place, blanks[1]), f"{blanks[0]} and {blanks[1]} say different things about a blank: keep one")


def _lookup(part: FieldPart, by_name: dict[str, MappingPart], place: tuple[int | str, ...]) -> Lookup | None:
    if part.lookup is None:
        if part.blank_outside:
            raise Mistake((*place, "blank_outside"), "blank_outside needs a `lookup`")
        return None
    if part.lookup not in by_name:
        raise Mistake((*place, "lookup"), f"there is no mapping {part.lookup!r}")
    if part.constant is not None and part.on is When.AFTER_INSERT:
        raise Mistake((*place, "on"), "a constant that is looked up is written with the creation: `on: insert`")
    target = by_name[part.lookup]
    by = part.by or target.bc.key or business_central.key_field(target.bc.table)
    only_from = None if target.direction is Direction.BOTH else target.direction.source
    matched = tuple(f"{match.bc} = {match.sales}" for match in target.match_on[0]) if target.match_on else ()
    return Lookup(part.lookup, by, part.to, only_from, matched)


def _bind(part: FieldPart, sales: tuple[str, ...], by_name: dict[str, MappingPart]) -> str:
    """`navigation property/entity set`, as `@odata.bind` wants them."""
    target = by_name[part.lookup or ""].sales
    child = target.references.get(part.to)
    entity_set = child.child if child else target.table
    navigation = part.navigation or sales[0]
    if sales[0] in _CUSTOMER_COLUMNS and not part.navigation:
        navigation += "_" + dataverse.id_column(entity_set).removesuffix("id")
    return f"{navigation}/{entity_set}"


def _transforms(
    part: FieldPart, mapping: MappingPart, by_name: dict[str, MappingPart], place: tuple[int | str, ...]
) -> tuple[Transform, ...]:
    if part.transform and part.lookup:
        raise Mistake((*place, "transform"), "a `lookup` translates the value itself: `transform` has no effect on it")
    travels, way = part.direction or mapping.direction, part.transform_direction
    if way and not (part.transform and all(travels.covers(one) for one in way.one_ways)):
        raise Mistake((*place, "transform_direction"), "it needs a `transform`, and a field that travels this way")
    made: list[Transform] = []
    for index, step in enumerate(part.transform):
        if isinstance(step, dict) and len(step) != 1:
            raise Mistake((*place, "transform", index), "each step is a name, or a table with one name")
        name, argument = next(iter(step.items())) if isinstance(step, dict) else (step, None)
        transform = Transform(name, argument)
        if name == LOOKUP:
            made.append(_lookup_step(argument, way or travels, by_name, (*place, "transform", index)))
            continue
        try:
            compiled(transform)
        except ValueError as error:
            raise Mistake((*place, "transform", index), str(error)) from error
        made.append(transform)
    if sum(step.name == LOOKUP for step in made) > 1:
        raise Mistake((*place, "transform"), "a chain has one lookup step at most")
    return tuple(made)


def _lookup_step(
    argument: Any, way: Direction, by_name: dict[str, MappingPart], place: tuple[int | str, ...]
) -> Transform:
    if not isinstance(argument, dict) or set(argument) != {"mapping", "field"}:
        raise Mistake(place, "lookup: it takes a table, such as {mapping: SALESPEOPLE, field: displayName}")
    name, field = str(argument["mapping"]), str(argument["field"])
    if name not in by_name:
        raise Mistake(place, f"lookup: there is no mapping {name!r}")
    if way is Direction.BOTH:
        raise Mistake(place, "lookup: it goes one way only: give the field a `direction` or a `transform_direction`")
    target, side = by_name[name], way.source
    if not any(field in _names(one, side) for one in target.fields if one.status == "enabled"):
        raise Mistake(place, f"lookup: {name} has no {side.label} field {field!r}")
    return Transform(LOOKUP, FieldLookup(name, field, target.bc.key or business_central.key_field(target.bc.table)))


def _names(part: FieldPart, side: Side) -> list[str]:
    names = part.bc if side is Side.BC else part.sales
    return [names] if isinstance(names, str) else names or []
