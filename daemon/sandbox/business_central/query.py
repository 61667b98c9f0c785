"""The query options of a read, checked and compiled (wire-protocols A3, D16–D27)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from daemon.sandbox.business_central.errors import bad_request, no_property
from daemon.sandbox.business_central.fields import GUID
from daemon.sandbox.business_central.metadata import enum_types
from daemon.sandbox.business_central.rows import Order
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.tables import Table
from daemon.sandbox.filters import Filter, FilterError, compile_filter

_KNOWN = frozenset(
    f"${name}"
    for name in (
        *("filter", "select", "orderby", "top", "skip", "count", "expand"),
        *("skiptoken", "schemaversion", "deltatoken", "format"),
    )
)
_LITERALS: Mapping[str, frozenset[str]] = {
    "guid": frozenset({"guid"}),
    "code": frozenset({"string"}),
    "text": frozenset({"string"}),
    "enum": frozenset({"string"}),
    "decimal": frozenset({"number"}),
    "int": frozenset({"number"}),
    "bool": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
}
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_FUNCTION = re.compile(r"\b(contains|startswith|endswith|tolower|toupper|trim|length|concat|indexof)\s*\(")


@dataclass(frozen=True)
class Query:
    """A checked read. `shown` are the fields to show, `after` the field values and id of the last row of the page
    before."""

    options: Mapping[str, str]
    filter: Filter | None
    shown: tuple[str, ...]
    order: Order
    top: int | None
    skip: int
    count: bool
    expand: tuple[str, ...]
    after: tuple[list[Any], str] | None
    page_size: int


def parse_query(table: Table, query: str, prefer: str, settings: BcSettings) -> Query:
    """Check the options against the table; raises the service's error. `$deltatoken` is ignored (D27)."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = next((name for name in options if name.startswith("$") and name not in _KNOWN), None)
    if unknown is not None:
        raise bad_request(f"The query parameter '{unknown}' is not supported.")
    order = _order(table, options.get("$orderby", ""))
    return Query(
        options,
        _filter(table, options, settings),
        _select(table, options.get("$select", "")),
        order,
        _whole(options, "$top"),
        _whole(options, "$skip") or 0,
        _flag(options.get("$count", "false")),
        _expand(table, options.get("$expand", "")),
        _token(options.get("$skiptoken"), order),
        page_size(prefer, settings.page_limit),
    )


def page_size(prefer: str, limit: int) -> int:
    """`Prefer: odata.maxpagesize=N`, clamped to the limit (D22, D23)."""
    found = re.search(r"(?:odata\.)?maxpagesize=\"?(\d+)", prefer, re.IGNORECASE)
    size = int(found.group(1)) if found else 0
    return min(size, limit) if size > 0 else limit


def _filter(table: Table, options: Mapping[str, str], settings: BcSettings) -> Filter | None:
    text = options.get("$filter")
    if text is None:
        return None
    bare = _QUOTED.sub("''", text)
    function = _FUNCTION.search(bare)
    if function and settings.functions_need_schemaversion and options.get("$schemaversion") != "2.1":
        raise bad_request(f"The function '{function.group(1)}' is not supported in an OData filter.")
    try:
        compiled = compile_filter(text, case_insensitive=False, enums=enum_types(table))
    except FilterError as error:
        raise bad_request(str(error)) from error
    for name in sorted(compiled.fields):
        if name not in table.fields:
            raise no_property(name, table.entity)
    if compiled.or_across_fields:
        raise bad_request("The 'OR' operator is not supported on distinct fields on an OData filter.")
    if settings.blocked_filter_fails and "blocked" in compiled.fields and table.fields["blocked"].kind == "enum":
        raise bad_request("Filtering on the property 'blocked' is not supported.", "Application_FilterErrorException")
    _check_literals(table, compiled)
    return compiled


def _check_literals(table: Table, compiled: Filter) -> None:
    for name, kinds in compiled.literal_kinds.items():
        wrong = kinds - _LITERALS[table.fields[name].kind] - {"null"}
        if wrong:
            raise bad_request(
                "A binary operator with incompatible types was detected. Found operand types "
                f"'{table.fields[name].kind}' and '{min(wrong)}' for the property '{name}'."
            )


def _names(table: Table, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in table.fields and name != "*":
            raise no_property(name, table.entity)
    return names


def _select(table: Table, text: str) -> tuple[str, ...]:
    names = _names(table, text)
    return tuple(table.fields) if "*" in names or not names else names


def _order(table: Table, text: str) -> Order:
    parts = [part.split() for part in text.split(",") if part.strip()]
    for words in parts:
        if len(words) > 2 or words[1:] not in ([], ["asc"], ["desc"]):
            raise bad_request(f"Syntax error in '$orderby' at '{' '.join(words)}'.")
        _names(table, words[0])
    fields = tuple((words[0], words[1:] == ["desc"]) for words in parts)
    ends_by_id = next((n for n, field in enumerate(fields) if field == ("id", False)), len(fields))
    return Order(fields[:ends_by_id])


def _expand(table: Table, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in table.parts:
            raise no_property(name, table.entity)
    return names


def _whole(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_request(f"Invalid value '{text}' for {name} query option found. It must be a non-negative integer.")
    return int(text)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise bad_request(f"Invalid value '{text}' for $count query option found. Valid values are 'true, false'.")
    return text == "true"


def make_token(values: list[Any], record_id: str) -> str:
    """The opaque `$skiptoken`: the last row's id, after its order values if it was sorted by any (A3)."""
    if not values:
        return record_id
    return f"{record_id}~{base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip('=')}"


def _token(text: str | None, order: Order) -> tuple[list[Any], str] | None:
    if text is None:
        return None
    record_id, _, packed = text.partition("~")
    try:
        values = orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))) if packed else []
    except (binascii.Error, orjson.JSONDecodeError, ValueError):
        values = None
    if not GUID.fullmatch(record_id) or not isinstance(values, list) or len(values) != len(order.fields):
        raise bad_request("The value of the '$skiptoken' query option is not valid.")
    return values, record_id.lower()
