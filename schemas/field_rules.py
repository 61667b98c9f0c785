"""What one field of a mappings file must say to make sense, known without asking either side."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from schemas.chain import Transform
from schemas.field_mapping import When
from schemas.finding import Finding, Place, wrong
from schemas.mapping_parts import FieldPart, MappingPart
from schemas.nearest import did_you_mean
from schemas.side import Direction
from schemas.transforms import EXAMPLES, LOOKUP, NAMES, compiled

_LOOKUP = "Such as {lookup: {mapping: SALESPEOPLE, field: displayName}}."
_CONSTANT = "Such as {sales: customertypecode, constant: 3, direction: to_sales, on: insert}."
_GENERATED = 'Such as {bc: code, generate: "SP NO. {:05d}", direction: to_bc, on: insert}.'


@dataclass(frozen=True, slots=True)
class Known:
    """The other mappings: those that could be read, by name; all names of the file; those not read in full."""

    by_name: Mapping[str, MappingPart]
    names: Collection[str]
    incomplete: Collection[str] = ()


def field_mistakes(part: FieldPart, mapping: MappingPart, known: Known, place: Place) -> Iterator[Finding]:
    """Every mistake of an enabled field."""
    yield from _sources(part, place)
    yield from _generated(part, (*place, "generate"))
    yield from _blanks(part, place)
    yield from _lookup(part, known, place)
    yield from _chain(part, mapping, place)
    way = part.transform_direction or part.direction or mapping.direction
    for index, step in enumerate(part.transform):
        yield from _step(step, way, known, (*place, "transform", index))


def unknown_mapping(name: str, known: Known, place: Place, what: str = "") -> Iterator[Finding]:
    if name not in known.names:
        yield wrong(place, f"{what}there is no mapping {name!r}.", did_you_mean(name, known.names))


def _sources(part: FieldPart, place: Place) -> Iterator[Finding]:
    made = part.constant is not None or bool(part.generate)
    sales = part.sales_columns
    if made and (bool(part.bc) == bool(sales) or part.direction in (None, Direction.BOTH)):
        message = "a constant or generated value needs one side's field and a direction towards it."
        yield wrong(place, message, _GENERATED if part.generate else _CONSTANT)
    if not made and not (part.bc and sales):
        message = "a field needs `bc` and `sales`, or one of them and a `constant`."
        lacking = "sales" if part.bc else "bc"
        yield wrong(place, message, f"Add `{lacking}`, or a `constant` and its `direction`.")
    if len(sales) > 2:
        message = "one BC field can be split into two Sales fields, not more."
        yield wrong((*place, "sales"), message, "Such as sales: [firstname, lastname].")


def _generated(part: FieldPart, place: Place) -> Iterator[Finding]:
    """The pattern is filled with one number, 1 at first."""
    if not part.generate:
        return
    if part.constant is not None:
        yield wrong(place, "a field has a constant or a generated value, not both.", "Take one of them out.")
    if not part.bc:
        message = "a code is generated in Business Central only."
        yield wrong(place, message, "Sales makes its own numbers: take the line out.")
    try:
        holes = [name for _, name, _, _ in Formatter().parse(part.generate) if name is not None]
        fits = holes in ([""], ["0"]) and part.generate.format(1) != part.generate.format(2)
    except (ValueError, LookupError, TypeError):
        fits = False
    if not fits:
        yield wrong(place, f"{part.generate!r} does not have one place for a number.", _GENERATED)


def _blanks(part: FieldPart, place: Place) -> Iterator[Finding]:
    said = [name for name in ("required", "not_null", "clear_on_failure") if getattr(part, name)]
    for name in said[1:]:
        message = f"{said[0]} and {name} say different things about a blank: keep one."
        yield wrong((*place, name), message, f"Take `{name}` out, or `{said[0]}`.")
    if part.clear_on_failure and part.ignore_outside:
        message = "with clear_on_failure nothing is waited for, so ignore_outside has no effect."
        yield wrong((*place, "ignore_outside"), message, "Take one of the two out.")


def _lookup(part: FieldPart, known: Known, place: Place) -> Iterator[Finding]:
    if part.lookup is None:
        for name in ("blank_outside", "ignore_outside"):
            if getattr(part, name):
                hint = f"Name the mapping of the record with `lookup`, or take `{name}` out."
                yield wrong((*place, name), f"{name} needs a `lookup`.", hint)
        return
    yield from unknown_mapping(part.lookup, known, (*place, "lookup"))
    if part.constant is not None and part.on is When.AFTER_INSERT:
        yield wrong((*place, "on"), "a constant that is looked up is written with the creation.", "Write `on: insert`.")


def _chain(part: FieldPart, mapping: MappingPart, place: Place) -> Iterator[Finding]:
    if part.transform and part.lookup:
        message = "a `lookup` translates the value itself: `transform` has no effect on it."
        yield wrong((*place, "transform"), message, "Take one of them out.")
    travels, way = part.direction or mapping.direction, part.transform_direction
    if way and not (part.transform and all(travels.covers(one) for one in way.one_ways)):
        message = "it needs a `transform`, and a field that travels this way."
        hint = f"The field travels {travels.value}: take `transform_direction` out, or give it a `transform`."
        yield wrong((*place, "transform_direction"), message, hint)
    if sum(isinstance(step, dict) and LOOKUP in step for step in part.transform) > 1:
        message = "a chain has one lookup step at most."
        yield wrong((*place, "transform"), message, "Take the second one out.")


def _step(step: str | dict[str, Any], way: Direction, known: Known, place: Place) -> Iterator[Finding]:
    if isinstance(step, dict) and len(step) != 1:
        message = "each step is a name, or a table with one name."
        yield wrong(place, message, "Such as transform: [trim, {round: 2}, {substring: [0, 5]}].")
        return
    name, argument = next(iter(step.items())) if isinstance(step, dict) else (step, None)
    if name == LOOKUP:
        yield from _lookup_step(argument, way, known, place)
    elif name not in NAMES:
        yield wrong(place, f"there is no transformation {name!r}.", did_you_mean(name, (*NAMES, LOOKUP)))
    else:
        try:
            compiled(Transform(name, argument))
        except ValueError as error:
            yield wrong(place, f"{error}.", f"Such as transform: [{EXAMPLES.get(name, name)}].")


def _lookup_step(argument: Any, way: Direction, known: Known, place: Place) -> Iterator[Finding]:
    if not isinstance(argument, dict) or set(argument) != {"mapping", "field"}:
        yield wrong(place, "lookup: it takes a table of `mapping` and `field`.", _LOOKUP)
        return
    name, field = str(argument["mapping"]), str(argument["field"])
    yield from unknown_mapping(name, known, place, "lookup: ")
    if way is Direction.BOTH:
        message = "lookup: it goes one way only."
        yield wrong(place, message, "Give the field a `direction` or a `transform_direction`, such as to_sales.")
    elif name in known.by_name and name not in known.incomplete:
        side = way.source
        fields = {one for _, part in known.by_name[name].enabled() for one in part.names(side)}
        if field not in fields:
            message = f"lookup: {name} has no {side.label} field {field!r} that is mapped."
            yield wrong(place, message, did_you_mean(field, fields))
