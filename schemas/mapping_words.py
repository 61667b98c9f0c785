"""What pydantic says of a mappings file, in the words of its writer: a finding for each wrong part, and its hint."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from schemas.finding import Finding, Level, Place
from schemas.mapping_parts import FilePart
from schemas.nearest import did_you_mean, nearest

_TAKES = {
    "string": "text",
    "list": "a list",
    "dict": "a table",
    "model": "a table",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_SIMPLE = {"bool": "true", "int": "30", "string": "text"}
NAME = re.compile(r"[A-Z][A-Z0-9_-]{0,49}")
_PLAIN = re.compile(r"[A-Za-z_][\w .-]*")
Error = Mapping[str, Any]


def told(errors: Sequence[Error], tree: Any) -> Iterator[Finding]:
    """The errors of `FilePart.model_validate(tree)`; those about one place, such as the kinds it takes, are one."""
    by_place: dict[Place, list[Error]] = {}
    # A misspelt setting is also a missing one; its own name is the better clue.
    for error in sorted(errors, key=lambda one: one["type"] != "extra_forbidden"):
        by_place.setdefault(place_of(error, tree), []).append(error)
    for place, about in by_place.items():
        message, hint = _sentence(about, place)
        yield Finding(Level.ERROR, place, message, hint)


def place_of(error: Error, tree: Any) -> Place:
    """Where it stands, without what pydantic adds to tell apart the kinds that a value may be of."""
    place: Place = tuple(error["loc"])
    if error["type"] == "missing":
        return place
    for end, part in enumerate(place):
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return place[:end]
    return place


def allowed(error: Error) -> list[str]:
    """The values of a setting that takes one of a few."""
    return re.findall(r"'([^']*)'", error["ctx"]["expected"])


def as_name(text: Any) -> str:
    """The name of a mapping that was probably meant."""
    made = re.sub(r"[^A-Z0-9_-]+", "-", str(text).upper()).strip("-_")
    return made[:50] if NAME.fullmatch(made[:50]) else ""


def _sentence(errors: Sequence[Error], place: Place) -> tuple[str, str]:
    error, name = errors[0], str(place[-1]) if place else ""
    match error["type"]:
        case "extra_forbidden":
            return f"there is no such setting: {name!r}.", did_you_mean(name, model_at(place[:-1]).model_fields)
        case "missing":
            around = (_example(place[:end]) for end in range(len(place), 0, -1))
            return f"{name!r} is missing.", next(filter(None, around), "")
        case "enum" | "literal_error":
            known, close = allowed(error), nearest(str(error["input"]), allowed(error))
            return (
                f"it takes {_either(known)}.",
                f"Did you mean {close!r}?" if close else f"Such as {name}: {known[0]}.",
            )
        case "string_pattern_mismatch":
            meant = as_name(error["input"])
            hint = f"Write {meant!r}." if meant else _example(place)
            return f"{error['input']!r} is no name: it has capitals, digits, - and _, and a capital first.", hint
        case "too_short" | "string_too_short":
            return "it may not be empty.", _example(place)
        case "greater_than":
            return f"it must be greater than {error['ctx']['gt']}.", "Leave it out if there is no limit."
    takes = [_TAKES.get(one["type"].partition("_")[0], str(one["msg"])) for one in errors]
    return f"it takes {_either(takes)}.", _fitting(errors, place)


def _either(words: Sequence[str]) -> str:
    *most, last = dict.fromkeys(words)
    return f"{', '.join(most)} or {last}" if most else last


def _fitting(errors: Sequence[Error], place: Place) -> str:
    """What may be text is, in quotes: a number, a date."""
    value, kind = errors[0]["input"], errors[0]["type"].partition("_")[0]
    if kind == "string" and not isinstance(value, list | Mapping | None):
        return f'Put it into quotes: "{flow(value)}".'
    return _example(place) or f"Such as {place[-1]}: {_SIMPLE.get(kind, kind)}."


def _example(place: Place) -> str:
    """How the setting is written, or the list that it is in; empty where its name says it all."""
    named = place[:-1] if place and isinstance(place[-1], int) else place
    field = model_at(named[:-1]).model_fields.get(str(named[-1])) if named else None
    return f"Such as {named[-1]}: {flow(field.examples[0])}." if field and field.examples else ""


def model_at(place: Place) -> Any:
    """The model of the table at a place of the file."""
    model: Any = FilePart
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = _part_of(model.model_fields[part].annotation) or model
    return model


def _part_of(annotation: Any) -> Any:
    """The model inside `Part`, `list[Part]`, `list[list[Part]]` or `dict[str, Part]`; None if there is none."""
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        inner = getattr(annotation, "__args__", ())
        if not inner:
            return None
        annotation = inner[-1]
    return annotation


def flow(value: Any) -> str:
    """A value as YAML has it in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if not isinstance(value, str) or _PLAIN.fullmatch(value) else f'"{value}"'
