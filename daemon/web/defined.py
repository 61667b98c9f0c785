"""How a mapping is defined, as its page tells it: every setting as the file has it, and in words what it does.

A setting without a place of its own on the page is told like the others, so that none is left out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from daemon.web import setting_words
from schemas.mapping_parts import FieldPart, MappingPart
from schemas.mapping_words import flow
from schemas.side import Direction, Side
from schemas.transforms import LOOKUP

# A part of the file, without what is as if it were not written.
Node = Mapping[str, Any]
# What has a place of its own on the page.
_OF_MAPPING = frozenset({"name", "bc", "sales", "fields"})
_OF_SIDE = frozenset({"table", "filter"})
_OF_FIELD = frozenset({"bc", "sales", "direction", "status"})
_NAMING_MAPPINGS = frozenset({"depends_on", "uncouple_with", "lookup"})
# What a field has instead of one on the side that it comes from.
_INSTEAD = frozenset({"constant", "generate"})
_ONE_WAY = "Here every field travels one way, so that none is edited on both sides."


@dataclass(frozen=True, slots=True)
class Setting:
    """`lines` has its value as the file has it, each part of a list for itself; those in `leads_to` are mappings with a
    page. `note`: what else is to be known of it here."""

    name: str
    lines: tuple[str, ...]
    says: str
    leads_to: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class DefinedSide:
    """`filter` None: every record of the table takes part."""

    side: Side
    table: str
    filter: Setting | None
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A field mapping. `travels` None: its mapping does not go the way that it is for, so it is never carried.
    `instead`: what is written for want of a field on the other side."""

    bc: tuple[str, ...]
    sales: tuple[str, ...]
    direction: Direction
    travels: Direction | None
    disabled: bool
    settings: tuple[Setting, ...]
    instead: Setting | None = None


@dataclass(frozen=True, slots=True)
class Defined:
    """A whole mapping; `legend` has what the settings inside fields and lists do, each told once."""

    sides: tuple[DefinedSide, ...]
    rules: tuple[Setting, ...]
    fields: tuple[Line, ...]
    legend: tuple[tuple[str, str], ...]


def defined(definition: Node, mappings: Collection[str], *, only_coupled: bool) -> Defined:
    """A mapping as its file has it, among `mappings`; `only_coupled` as it is set right now."""
    way = Direction(definition.get("direction", Direction.BOTH))
    return Defined(
        sides=tuple(_side(side, definition[side.value]) for side in Side),
        rules=tuple(_rules(definition, way, mappings, only_coupled)),
        fields=tuple(_line(field, way, mappings) for field in definition["fields"]),
        legend=tuple(dict(_legend(definition)).items()),
    )


def looked_up(definition: Node) -> set[str]:
    """The mappings that its fields look records up in."""
    fields = [field for field in definition.get("fields", ()) if not _disabled(field)]
    steps = (step for field in fields for step in field.get("transform", ()) if isinstance(step, Mapping))
    return {field["lookup"] for field in fields if "lookup" in field} | {
        step[LOOKUP]["mapping"] for step in steps if LOOKUP in step
    }


def _disabled(node: Node) -> bool:
    return node.get("status") == "disabled"


def _side(side: Side, node: Node) -> DefinedSide:
    text, says = node.get("filter", ""), setting_words.of_setting("SidePart", "filter")
    settings = (_setting("SidePart", name, node[name]) for name in node if name not in _OF_SIDE)
    return DefinedSide(side, node["table"], Setting("filter", (text,), says) if text else None, tuple(settings))


def _rules(definition: Node, way: Direction, mappings: Collection[str], only_coupled: bool) -> Iterator[Setting]:
    """Also what the file leaves as it is; of lists those that have something in them."""
    notes = {}
    if way is not Direction.BOTH:
        notes["on_update_conflict"] = _ONE_WAY
    if only_coupled != definition.get("only_coupled", True):
        now = setting_words.of_value("MappingPart", "only_coupled", only_coupled)
        notes["only_coupled"] = f"Right now it is `{flow(only_coupled)}`, set by a full synchronisation. {now}"
    for name, field in MappingPart.model_fields.items():
        default = field.default.value if isinstance(field.default, Enum) else field.default
        value = definition.get(name, default)
        if name not in _OF_MAPPING and value not in ([], {}):
            yield _setting("MappingPart", name, value, mappings, notes.get(name, ""))


def _line(node: Node, of_mapping: Direction, mappings: Collection[str]) -> Line:
    own = Direction(node.get("direction", of_mapping))
    ways = [way for way in of_mapping.one_ways if own.covers(way)]
    settings = [_setting("FieldPart", name, node[name], mappings) for name in node if name not in _OF_FIELD]
    bc, sales = _names(node.get("bc")), _names(node.get("sales"))
    instead = next((one for one in settings if one.name in _INSTEAD and not (bc and sales)), None)
    return Line(
        bc=bc,
        sales=sales,
        direction=own,
        travels=Direction.BOTH if len(ways) > 1 else next(iter(ways), None),
        disabled=_disabled(node),
        settings=tuple(one for one in settings if one is not instead),
        instead=instead,
    )


def _names(given: str | list[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _setting(part: str, name: str, value: Any, mappings: Collection[str] = (), note: str = "") -> Setting:
    lines = tuple(_lines(value))
    says = setting_words.of_value(part, name, value) or setting_words.of_setting(part, name)
    known = frozenset(lines) & frozenset(mappings) if name in _NAMING_MAPPINGS else frozenset[str]()
    return Setting(name, lines, says, known, note)


def _lines(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        return map(flow, value)
    if isinstance(value, Mapping):
        return (f"{name}: {flow(one)}" for name, one in value.items())
    return [flow(value)]


def _legend(definition: Node) -> Iterator[tuple[str, str]]:
    """In the order of the reference; a transformation behind its setting."""
    fields = definition["fields"]
    for name in FieldPart.model_fields:
        if name not in _OF_FIELD - {"status"}:
            yield from (pair for field in fields if name in field for pair in _words("FieldPart", name, field[name]))
    for setting, part, node in _inside(definition):
        for name, value in node.items():
            if name not in _OF_FIELD:
                yield from ((f"{setting}: {told}", says) for told, says in _words(part, name, value))


def _words(part: str, name: str, value: Any) -> Iterator[tuple[str, str]]:
    said = setting_words.of_value(part, name, value) if isinstance(value, str) else ""
    yield (f"{name}: {value}", said) if said else (name, setting_words.of_setting(part, name))
    if name == "transform":
        for step in (one if isinstance(one, str) else next(iter(one)) for one in value):
            yield step, setting_words.of_step(step)


def _inside(definition: Node) -> Iterator[tuple[str, str, Node]]:
    """The tables that a setting holds, each with the name of its part."""
    for side in Side:
        for reference in definition[side.value].get("references", {}).values():
            yield "references", "ReferencePart", reference
    for group in definition.get("match_on", ()):
        yield from (("match_on", "MatchPart", pair) for pair in group)
    for template in definition.get("templates", ()):
        yield "templates", "TemplatePart", template
