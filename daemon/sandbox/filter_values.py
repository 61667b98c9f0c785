"""How a filter reads a row's values and meets them with a literal; plain functions that return closures."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Predicate = Callable[[Mapping[str, Any]], bool]
Value = Callable[[Mapping[str, Any]], Any]


def of_property(name: str) -> Value:
    return lambda row: row.get(name)


def changed(inner: Value, change: Callable[[str], str]) -> Value:
    def read(row: Mapping[str, Any]) -> Any:
        value = inner(row)
        return change(value) if isinstance(value, str) else value

    return read


def as_number(value: Any) -> Decimal | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(repr(value)) if isinstance(value, float) else value


def as_instant(value: Any) -> datetime | None:
    """ISO text, date or datetime as an instant; text without an offset counts as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def against_null(value: Value, compare: Callable[[Any, Any], bool]) -> Predicate:
    if compare is operator.eq:
        return lambda row: value(row) is None
    if compare is operator.ne:
        return lambda row: value(row) is not None
    return lambda row: False


def against_literal(
    value: Value, read: Callable[[Any], Any], compare: Callable[[Any, Any], bool], wanted: Any
) -> Predicate:
    when_absent = compare is operator.ne

    def check(row: Mapping[str, Any]) -> bool:
        found = value(row)
        if found is None:
            return when_absent
        found = read(found)
        return when_absent if found is None else compare(found, wanted)

    return check


def among(value: Value, read: Callable[[Any], Any], wanted: set[Any]) -> Predicate:
    def check(row: Mapping[str, Any]) -> bool:
        found = value(row)
        return found is not None and read(found) in wanted

    return check


def matching(value: Value, pattern: re.Pattern[str]) -> Predicate:
    def check(row: Mapping[str, Any]) -> bool:
        found = value(row)
        return isinstance(found, str) and pattern.fullmatch(found) is not None

    return check


def like(text: str) -> str:
    """A SQL LIKE pattern as a regular expression: `%` any run, `_` any character, `[…]` a set."""
    parts = re.split(r"(%|_|\[[^\]]+\])", text)
    special = {"%": ".*", "_": "."}
    return "".join(
        special.get(part) or (part if part.startswith("[") and part.endswith("]") else re.escape(part))
        for part in parts
    )
