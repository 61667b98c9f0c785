"""What a filter says about indexed fields, so that few rows have to be looked at.

A hint only narrows the candidates: the whole filter still decides about each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from daemon.sandbox.business_central.rows import Key, Order, Rows
from daemon.sandbox.business_central.tables import Table


@dataclass
class Hints:
    """Every matching row was modified from `low` to `high`, and has one of the `equal` values in each field."""

    low: datetime | None = None
    high: datetime | None = None
    equal: dict[str, set[Any]] = field(default_factory=dict)


def find_hints(table: Table, text: str) -> Hints:
    """Hints from the terms that must all hold; a text the parser refuses gives none."""
    hints = Hints()
    try:
        tree = ODataParser().parse(ODataLexer().tokenize(text.strip()))
    except ODataException:
        return hints
    for term in _chain(tree, ast.And):
        alternatives = [_equality(table, one) for one in _chain(term, ast.Or)]
        found = [one for one in alternatives if one is not None]
        if len(found) == len(alternatives) and len({name for name, _ in found}) == 1:
            hints.equal.setdefault(found[0][0], {value for _, value in found})
        elif isinstance(term, ast.Compare):
            _bound(term, hints)
    return hints


def _chain(node: Any, operator: type[Any]) -> Iterator[Any]:
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, ast.BoolOp) and isinstance(here.op, operator):
            waiting += [here.right, here.left]
        else:
            yield here


def _equality(table: Table, node: Any) -> tuple[str, Any] | None:
    if not isinstance(node, ast.Compare) or not isinstance(node.comparator, ast.Eq):
        return None
    if not isinstance(node.left, ast.Identifier) or node.left.name not in table.fields:
        return None
    name = str(node.left.name)
    if isinstance(node.right, ast.String) and table.fields[name].kind in {"text", "code"}:
        return name, str(node.right.py_val)
    if isinstance(node.right, ast.GUID) and table.fields[name].kind == "guid":
        return name, str(node.right.val).lower()
    return None


def _bound(node: Any, hints: Hints) -> None:
    if getattr(node.left, "name", "") != "lastModifiedDateTime" or not isinstance(node.right, ast.DateTime):
        return
    try:
        moment = datetime.fromisoformat(str(node.right.val))
    except ValueError:
        return
    if moment.tzinfo is None:
        return
    if isinstance(node.comparator, ast.Gt | ast.GtE):
        hints.low = moment if hints.low is None else max(hints.low, moment)
    elif isinstance(node.comparator, ast.Lt | ast.LtE):
        hints.high = moment if hints.high is None else min(hints.high, moment)


def candidates(rows: Rows, order: Order, text: str | None) -> list[Key]:
    """The sort keys, in order, of all rows that might match."""
    hints = find_hints(rows.table, text) if text else Hints()
    if hints.equal:
        found = (rows.having(name, value) for name, values in list(hints.equal.items())[:1] for value in values)
        return sorted(order.key(record) for some in found for record in some)
    if hints.low is not None or hints.high is not None:
        between = rows.modified_between(hints.low, hints.high)
        if order.fields == (("lastModifiedDateTime", False),):
            return between
        if len(between) * 4 < len(rows):
            return sorted(order.key(record) for key in between if (record := rows.get(key[-1])) is not None)
    return rows.keys(order)
