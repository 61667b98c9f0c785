"""Between a record's JSON and the texts of a form.

Nothing is judged here: what a form says that the service cannot take is sent as it stands, and the service says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from daemon.sandbox.pages.model import Field, Row, Side, Table

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_LINK = re.compile(r"(?:(\w+)\()?([^()]+)\)?")
_LOGICAL = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_NAMED = "@OData.Community.Display.V1.FormattedValue"


def text_of(side: Side, field: Field, row: Row) -> str:
    """How a form shows a field of a record."""
    value = row.get(field.name)
    if value is None:
        return ""
    if field.kind == "link":
        return f"{side.told.get(row.get(field.name + _LOGICAL, ''), '') or field.targets[0][0]}({value})"
    return as_text(value)


def as_text(value: Any) -> str:
    """A value as a form sends it back."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def label_of(field: Field, row: Row) -> str:
    """How a list shows a field of a record."""
    value = row.get(field.name)
    if field.kind == "choice":
        return next((label for one, label in field.choices if one == value), "" if value is None else str(value))
    if field.kind == "link" and field.name + _NAMED in row:
        return str(row[field.name + _NAMED])
    return "" if value is None else str(value)


def changed(before: Mapping[str, str], form: Mapping[str, str]) -> dict[str, str]:
    """The fields of a form that no longer say what they did; browsers end lines in their own way."""
    given = {name: form[name].replace("\r\n", "\n") for name in before if name in form}
    return {name: text for name, text in given.items() if text != before[name].replace("\r\n", "\n")}


def body_of(table: Table, texts: Mapping[str, str]) -> bytes:
    """The body of a request that sets these fields."""
    pairs = [_pair(table.fields[name], text) for name, text in texts.items()]
    return orjson.dumps(dict(pairs))


def _pair(field: Field, text: str) -> tuple[str, Any]:
    if field.kind == "link":
        return _bound(field, text)
    if text == "":
        return field.name, field.blank
    if field.kind == "choice":
        known = {orjson.dumps(one).decode(): one for one, _ in field.choices if not isinstance(one, str)}
        return field.name, known.get(text, text)
    if field.kind == "number" and _NUMBER.fullmatch(text.strip()):
        return field.name, orjson.Fragment(text.strip())
    return field.name, text


def _bound(field: Field, text: str) -> tuple[str, Any]:
    """`accounts(id)` or a bare id: the reference is written through the navigation property to that set."""
    first, default = field.targets[0]
    match = _LINK.fullmatch(text.strip())
    if match is None:
        return f"{default}@odata.bind", f"/{text.strip()}" if text.strip() else None
    wanted = match.group(1) or first
    navigation = dict(field.targets).get(wanted, default)
    return f"{navigation}@odata.bind", f"/{wanted}({match.group(2)})"
