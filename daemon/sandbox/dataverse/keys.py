"""Addresses of rows: `accounts(GUID)`, `accounts(accountnumber='A''1')`, and what stands behind them (B3, D86–D89)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from daemon.sandbox.dataverse.errors import bad_key, bad_request, no_segment
from daemon.sandbox.dataverse.store import Row, Store, fold
from daemon.sandbox.dataverse.tables import OPTIONS, TEXT, Column, Kind, Table
from daemon.sandbox.dataverse.values import GUID

_SEGMENT = re.compile(r"(?P<name>[$\w.]+)(?:\((?P<key>.*)\))?", re.DOTALL)
_PART = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>'(?:[^']|'')*'|[^',]+)\s*(?:,|$)")
_UNUSABLE = frozenset("/<>*%&:\\?+#")


@dataclass(frozen=True)
class Address:
    """A row of a table, by primary id or by the values of an alternate key."""

    table: Table
    row_id: str | None
    key: tuple[tuple[str, Any], ...] = ()
    text: str = ""


def split_segment(segment: str) -> tuple[str, str | None]:
    """`accounts(x)` as ("accounts", "x"); the key is None where there are no parentheses."""
    found = _SEGMENT.fullmatch(segment)
    if found is None:
        raise no_segment(segment)
    return found["name"], found["key"]


def parse_address(store: Store, table: Table, key: str) -> Address:
    """The address a key text means; refuses undeclared keys (D86) and values with unusable characters (D87)."""
    if GUID.fullmatch(key.strip()):
        return Address(table, key.strip().lower(), text=key.strip().lower())
    parts = _parts(key)
    if not parts:
        raise bad_request("Bad Request - Error in query syntax.", "0x80060888")
    if set(parts) == {table.key} and GUID.fullmatch(parts[table.key]):
        return Address(table, parts[table.key].lower(), text=parts[table.key].lower())
    if store.data[table.entity_set].index(tuple(parts)) is None:
        raise bad_key(table.logical)
    pairs = tuple((name, _key_value(table.columns[name], value)) for name, value in parts.items())
    return Address(table, None, pairs, key)


def find(store: Store, address: Address) -> Row | None:
    """The row at an address, or None."""
    data = store.data[address.table.entity_set]
    if address.row_id is not None:
        return data.rows.get(address.row_id)
    values = dict(address.key)
    index = data.index(tuple(values))
    row_id = index.ids.get(tuple(fold(values[prop]) for prop in index.props)) if index is not None else None
    return None if row_id is None else data.rows[row_id]


def parse_reference(store: Store, url: str, base: str) -> Address:
    """The address in an `@odata.bind` or `@odata.id`: absolute, from the root, or relative to the service."""
    path = url.removeprefix(base).removeprefix("/api/data/v9.2").lstrip("/")
    name, key = split_segment(unquote(path))
    table = store.tables.get(name)
    if table is None:
        raise no_segment(name)
    if key is None:
        raise bad_request(f"The reference '{url}' does not name a record.", "0x80048d19")
    return parse_address(store, table, key)


def _parts(key: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(key):
        part = _PART.match(key, at)
        if part is None:
            return {}
        found[part["name"]] = part["value"].strip()
        at = part.end()
    return found


def _key_value(column: Column, text: str) -> Any:
    """A key literal as the column's kind stores it."""
    quoted = len(text) > 1 and text.startswith("'") and text.endswith("'")
    if quoted != (column.kind in TEXT):
        raise bad_request("Bad Request - Error in query syntax.", "0x80060888")
    if quoted:
        value = text[1:-1].replace("''", "'")
        if _UNUSABLE & set(value):
            raise bad_request("Bad Request - Error in query syntax.", "0x80060888")
        return value
    if column.kind in OPTIONS or column.kind is Kind.INTEGER:
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    return text.lower()
