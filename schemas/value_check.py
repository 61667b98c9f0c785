"""Does a value fit a field: a kind of values, as another field has them, or a constant that stands in the file?"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from schemas.canonical import canonical
from schemas.finding import Finding, Level, Place, wrong
from schemas.metadata import Kind, Property
from schemas.nearest import did_you_mean

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
# What JSON carries as text.
_WORDS = frozenset({Kind.TEXT, Kind.ENUM, Kind.GUID, Kind.DATE, Kind.DATETIME})
_KINDS = {bool: Kind.BOOLEAN, int: Kind.INTEGER, float: Kind.NUMBER, str: Kind.TEXT}
# Text that spells something else, and an example of it.
_SPELT: dict[Kind, tuple[Callable[[str], object], str]] = {
    Kind.GUID: (UUID, "5d115c9c-44e3-ea11-bb43-000d3a2feca1"),
    Kind.DATE: (date.fromisoformat, "2026-01-31"),
    Kind.DATETIME: (datetime.fromisoformat, "2026-01-31T12:00:00Z"),
}


def check_kind(kind: Kind, known: Property, table: str, place: Place, *, free: bool) -> Iterator[Finding]:
    """`free`: a chain has made it, so that text may spell an id or a date."""
    if Kind.OTHER in (kind, known.kind):
        return
    if not _carries(kind, known.kind, free=free):
        message = f"{known.name} of {table} holds {known.kind.value}, but gets {kind.value}."
        yield wrong(place, message, "Map a field of the same type, or change the value with `transform`.")
    elif (kind, known.kind) == (Kind.NUMBER, Kind.INTEGER):
        message = f"{known.name} of {table} takes whole numbers only."
        hint = "Values with decimals will fail; `transform: [{round: 0}]`."
        yield Finding(Level.WARNING, place, message, hint)


def _carries(kind: Kind, destination: Kind, *, free: bool = False) -> bool:
    """Does JSON of this kind fit?"""
    if kind is destination or (kind in _NUMBERS and destination in _NUMBERS):
        return True
    if destination in (Kind.TEXT, Kind.ENUM):
        return kind in _WORDS
    return free and kind is Kind.TEXT and destination in _WORDS


def check_constant(value: Any, known: Property, table: str, place: Place) -> Iterator[Finding]:
    """A blank fits every field, being none."""
    if known.kind is Kind.OTHER or canonical(value) is None:
        return
    if known.kind is Kind.ENUM and isinstance(value, str):
        if value not in known.members:
            hint = did_you_mean(value, known.members)
            yield wrong(place, f"{known.name} of {table} has no value {value!r}.", hint)
    elif not _is(value, known.kind):
        shown = f"'{value}'" if isinstance(value, str) else str(value).lower()
        message = f"{known.name} of {table} holds {known.kind.value}, but gets {shown}."
        yield wrong(place, message, f"Such as {_SPELT[known.kind][1]}." if known.kind in _SPELT else _WRITE[known.kind])
    elif known.max_length is not None and len(str(value)) > known.max_length:
        message = f"{known.name} of {table} takes {known.max_length} characters, but gets {len(str(value))}."
        yield Finding(Level.WARNING, place, message, "Write a shorter one.")


_WRITE = {
    Kind.TEXT: "Put it into quotes.",
    Kind.ENUM: "Write one of its names, in quotes.",
    Kind.BOOLEAN: "Write true or false, without quotes.",
    Kind.INTEGER: "Write a whole number, without quotes.",
    Kind.NUMBER: "Write a number, without quotes.",
}


def _is(value: Any, kind: Kind) -> bool:
    if isinstance(value, str) and kind in _SPELT:
        try:
            _SPELT[kind][0](value)
        except ValueError:
            return False
        return True
    whole = kind is not Kind.INTEGER or not isinstance(value, float) or value.is_integer()
    return whole and type(value) in _KINDS and _carries(_KINDS[type(value)], kind)
