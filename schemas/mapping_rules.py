"""What a mappings file must say to make sense, known without asking either side: every mistake, none hiding another."""

from collections.abc import Collection, Iterator, Mapping

from schemas.field_mapping import When
from schemas.field_rules import Known, field_mistakes, unknown_mapping
from schemas.filter_text import NotAFilter, tree
from schemas.finding import Finding, Place, wrong
from schemas.mapping_parts import FieldPart, FilePart, MappingPart, ReferencePart
from schemas.nearest import did_you_mean
from schemas.side import Direction, Side
from schemas.transforms import LOOKUP


def mistakes(parts: FilePart, names: Collection[str] = (), incomplete: Collection[int] = ()) -> Iterator[Finding]:
    """`names`: of mappings that are in the file, but not in `parts`. What mappings that are `incomplete` (some of what
    was written is not in `parts`) lack is not told.
    """
    by_name: dict[str, MappingPart] = {}
    for part in parts.mappings:
        by_name.setdefault(part.name, part)
    hurt = [parts.mappings[index].name for index in incomplete]
    known = Known(by_name, {*by_name, *names}, hurt)
    for index, part in enumerate(parts.mappings):
        place: Place = ("mappings", index)
        if by_name[part.name] is not part:
            hint = f"Give this one another name, such as {part.name}-2."
            yield wrong((*place, "name"), f"two mappings are named {part.name!r}.", hint)
        yield from _order(part, known, (*place, "depends_on"))
        for side, table in ((Side.BC, part.bc), (Side.SALES, part.sales)):
            yield from _filter(table.filter, (*place, side.value, "filter"))
            for name, reference in table.references.items():
                yield from _reference(reference, (*place, side.value, "references", name))
        for number, field in part.enabled():
            yield from field_mistakes(field, part, known, (*place, "fields", number))
        yield from _twice(part, (*place, "fields"))
        yield from _matching(part, (*place, "match_on"))
        yield from _templates(part, (*place, "templates"))
        if index not in incomplete:
            yield from _lacking(part, place)


def _reference(part: ReferencePart, place: Place) -> Iterator[Finding]:
    yield from _filter(part.where, (*place, "where"))
    yield from _filter(part.never, (*place, "never"))
    for given, lacking in (("never", "of"), ("of", "never")):
        if getattr(part, given) and not getattr(part, lacking):
            hint = f"Write `{lacking}` too, or take `{given}` out."
            yield wrong((*place, given), f"{given} says nothing without `{lacking}`.", hint)


def reached(name: str, by_name: Mapping[str, MappingPart]) -> set[str]:
    """The mappings that one depends on, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for one in by_name[waiting.pop()].depends_on:
            if one not in found and one in by_name:
                found.add(one)
                waiting.append(one)
    return found


def _order(part: MappingPart, known: Known, place: Place) -> Iterator[Finding]:
    for number, name in enumerate(part.depends_on):
        yield from unknown_mapping(name, known, (*place, number))
    by_name = known.by_name
    circle = [one for one in by_name if one in reached(part.name, by_name) and part.name in reached(one, by_name)]
    # A circle is told once, at the mapping that the file names first.
    if circle and part.name == min(circle, key=[*by_name].index):
        through = [one for one in circle if one != part.name]
        message = f"{part.name!r} depends on itself, through {', '.join(through) or 'itself'}."
        yield wrong(place, message, f"Take {(through or circle)[0]} out, or {part.name} out of what depends on it.")


def _filter(text: str, place: Place) -> Iterator[Finding]:
    if not text.strip():
        return
    try:
        tree(text)
    except NotAFilter as error:
        yield wrong(place, f"{error}.", error.hint)


def _twice(part: MappingPart, place: Place) -> Iterator[Finding]:
    """Two lines that write one field in the same write (business-central-sync 2.2: a field is mapped once each way)."""
    written: dict[tuple[Direction, str], list[FieldPart]] = {}
    for number, field in part.enabled():
        for way in (field.direction or part.direction).one_ways:
            side = way.source.other
            for name in field.names(side):
                earlier = written.setdefault((way, name), [])
                if one := next((one for one in earlier if _at_once(one, field)), None):
                    message = f"{name} is written by {_source(one, way)} too, and only the later value would arrive."
                    hint = "Take one of the lines out, or give them different directions."
                    yield wrong((*place, number, side.value), message, hint)
                earlier.append(field)


def _source(field: FieldPart, way: Direction) -> str:
    return " and ".join(field.names(way.source)) or ("a generated code" if field.generate else "a constant")


def _at_once(first: FieldPart, second: FieldPart) -> bool:
    """Not a default for new records that a value overwrites if there is one."""
    if When.AFTER_INSERT in (first.on, second.on):
        return first.on is second.on
    return not (first.on is When.INSERT and second.not_null)


def _matching(part: MappingPart, place: Place) -> Iterator[Finding]:
    lookups = {name for _, field in part.enabled() if looked_up(field) for name in field.sales_columns}
    for number, group in enumerate(part.match_on):
        if not group:
            hint = "Such as [{bc: email, sales: emailaddress1}]; or take the group out."
            yield wrong((*place, number), "a group without fields would make all records one.", hint)
        for index, pair in enumerate(group):
            if pair.sales in lookups:
                hint = "A number, a name or an e-mail address, say."
                yield wrong((*place, number, index, "sales"), f"{pair.sales} is a look-up: match on a value.", hint)


def looked_up(field: FieldPart) -> list[str]:
    """The mappings whose records the field's value names."""
    steps = [step[LOOKUP] for step in field.transform if isinstance(step, dict) and LOOKUP in step]
    names = [step.get("mapping") for step in steps if isinstance(step, dict)]
    return [name for name in (field.lookup, *names) if name]


def _templates(part: MappingPart, place: Place) -> Iterator[Finding]:
    names = [template.name for template in part.templates]
    for number, template in enumerate(part.templates):
        here: Place = (*place, number)
        if template.name in names[:number]:
            hint = f"Give this one another name, such as {template.name}-2."
            yield wrong((*here, "name"), f"two templates are named {template.name!r}.", hint)
        if not part.direction.covers(Direction.from_side(template.side.other)):
            hint = f"Write `side: {template.side.other.value}`, or take the template out."
            yield wrong((*here, "side"), f"the mapping creates nothing in {template.side.label}.", hint)
        yield from _filter(template.filter, (*here, "filter"))


def _lacking(part: MappingPart, place: Place) -> Iterator[Finding]:
    """What a setting of the mapping needs of its others."""
    ways = {way for _, field in part.enabled() for way in (field.direction or part.direction).one_ways}
    for way in (one for one in part.direction.one_ways if one not in ways):
        hint = f"Give the mapping a `direction` that its fields have, or add a field that travels {way.value}."
        yield wrong((*place, "fields"), f"no enabled field travels {way.value}, though the mapping does.", hint)
    if part.couple_existing and not part.match_on:
        message = "couple_existing needs match_on to say what makes two records one."
        hint = "Such as match_on: [[{bc: email, sales: emailaddress1}]]."
        yield wrong((*place, "couple_existing"), message, hint)
    looked = {field.lookup for _, field in part.enabled() if field.lookup}
    for number, name in enumerate(part.uncouple_with):
        if name not in looked:
            message = f"no enabled field looks up {name!r}."
            yield wrong((*place, "uncouple_with", number), message, did_you_mean(name, looked))
