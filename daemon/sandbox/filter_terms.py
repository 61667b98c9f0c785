"""The comparisons inside a filter: literals, functions, and the one rule each kind of value is compared by."""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from odata_query import ast

from daemon.sandbox.filter_values import (
    Predicate,
    Value,
    against_literal,
    against_null,
    among,
    as_instant,
    as_number,
    changed,
    like,
    matching,
    of_property,
)


class FilterError(ValueError):
    """The filter cannot be used; the message says why, without the service's own wording."""


@dataclass(frozen=True)
class Term:
    """A predicate, the properties it reads, and, for `property eq literal`, the parts to merge it by."""

    predicate: Predicate
    fields: frozenset[str]
    equals: tuple[str, str, Any] | None = None


@dataclass(frozen=True)
class _Operand:
    value: Value
    fields: frozenset[str]
    field: str | None = None
    literal: tuple[str, Any] | None = None


_OPERATORS: dict[type[Any], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
_MIRRORED = {
    operator.gt: operator.lt,
    operator.ge: operator.le,
    operator.lt: operator.gt,
    operator.le: operator.ge,
}
_LITERALS: dict[type[Any], str] = {
    ast.String: "string",
    ast.Integer: "number",
    ast.Float: "number",
    ast.Boolean: "boolean",
    ast.GUID: "guid",
    ast.Date: "date",
    ast.DateTime: "datetime",
    ast.Null: "null",
}
_PATTERNS = {"contains": ".*{}.*", "startswith": "{}.*", "endswith": ".*{}"}


class Terms:
    """Compiles comparisons and remembers which properties met which kinds of literal."""

    def __init__(self, *, case_insensitive: bool, wildcards: bool) -> None:
        self._fold: Callable[[str], str] = str.casefold if case_insensitive else str
        self._wildcards = wildcards
        self.kinds: defaultdict[str, set[str]] = defaultdict(set)
        self.in_fields: set[str] = set()

    def comparison(self, node: Any) -> Term:
        """`left eq right` and its kin; the literal decides by which rule both sides are read."""
        if isinstance(node.comparator, ast.In):
            return self._in_list(node)
        compare = _OPERATORS[type(node.comparator)]
        left, right = self._operand(node.left), self._operand(node.right)
        if left.literal is not None and right.literal is None:
            left, right, compare = right, left, _MIRRORED.get(compare, compare)
        self._note(left.field, right.literal)
        if right.literal is None:
            return self._between_values(left, right, compare)
        kind, wanted = right.literal
        if kind == "null":
            return Term(against_null(left.value, compare), left.fields)
        predicate = against_literal(left.value, self.reader(kind), compare, wanted)
        is_equality = compare is operator.eq and left.field is not None
        return Term(predicate, left.fields, (str(left.field), kind, wanted) if is_equality else None)

    def any_of(self, terms: Sequence[Term]) -> Term | None:
        """One set look-up for `x eq 1 or x eq 2 …`, or nothing if the terms are of other shapes."""
        parts = [term.equals for term in terms if term.equals is not None]
        if len(parts) != len(terms) or len({part[:2] for part in parts}) != 1:
            return None
        field, kind, _ = parts[0]
        return Term(among(of_property(field), self.reader(kind), {part[2] for part in parts}), frozenset({field}))

    def pattern(self, node: Any) -> Term:
        """contains, startswith, endswith over text; null never matches."""
        name = node.func.full_name()
        if name not in _PATTERNS:
            raise FilterError(f"The function '{name}' is not supported in a filter.")
        subject, wanted = self._operand(node.args[0]), self._operand(node.args[1])
        if wanted.literal is None or wanted.literal[0] != "string":
            raise FilterError(f"The second argument of '{name}' must be a string literal.")
        self._note(subject.field, wanted.literal)
        text = self._fold(str(node.args[1].py_val))
        body = like(text) if self._wildcards else re.escape(text)
        pattern = re.compile(_PATTERNS[name].format(body), re.DOTALL)
        return Term(matching(changed(subject.value, self._fold), pattern), subject.fields)

    def truth(self, node: Any) -> Term:
        """A Boolean property or literal standing alone."""
        operand = self._operand(node)
        self._note(operand.field, ("boolean", True))
        return Term(lambda row: operand.value(row) is True, operand.fields)

    def reader(self, kind: str) -> Callable[[Any], Any]:
        """How a row's value is read before it meets a literal of this kind; None for a value of another kind.

        SQL Server fills the shorter of two texts up with spaces before it compares them, but for patterns.
        """
        fold = self._fold
        readers: dict[str, Callable[[Any], Any]] = {
            "string": lambda value: fold(value).rstrip(" ") if isinstance(value, str) else None,
            "guid": lambda value: str(value).lower(),
            "number": as_number,
            "boolean": lambda value: value if isinstance(value, bool) else None,
            "date": as_instant,
            "datetime": as_instant,
        }
        return readers[kind]

    def _operand(self, node: Any) -> _Operand:
        if isinstance(node, ast.Identifier | ast.Attribute):
            name = _path(node)
            return _Operand(of_property(name), frozenset({name}), field=name)
        if type(node) in _LITERALS:
            kind, wanted = self._literal(node)
            return _Operand(lambda row: wanted, frozenset(), literal=(kind, wanted))
        if isinstance(node, ast.Call) and node.func.full_name() in {"tolower", "toupper"}:
            inner = self._operand(node.args[0])
            change = str.lower if node.func.name == "tolower" else str.upper
            return _Operand(changed(inner.value, change), inner.fields)
        raise FilterError(f"The expression {_describe(node)} is not supported in a filter.")

    def _literal(self, node: Any) -> tuple[str, Any]:
        kind = _LITERALS[type(node)]
        try:
            wanted = Decimal(node.val) if kind == "number" else node.py_val
        except ValueError as error:
            raise FilterError(f"The literal '{node.val}' is not valid.") from error
        return kind, None if kind == "null" else self.reader(kind)(wanted)

    def _note(self, field: str | None, literal: tuple[str, Any] | None) -> None:
        if field is not None and literal is not None:
            self.kinds[field].add(literal[0])

    def _in_list(self, node: Any) -> Term:
        left = self._operand(node.left)
        if left.field is None or not isinstance(node.right, ast.List):
            raise FilterError("The 'in' operator needs a property and a list of literals.")
        literals = [self._literal(item) for item in node.right.val if type(item) in _LITERALS]
        if len({kind for kind, _ in literals}) != 1 or len(literals) != len(node.right.val):
            raise FilterError("The list of an 'in' operator must hold literals of one kind.")
        self.in_fields.add(left.field)
        self._note(left.field, literals[0])
        wanted = {value for _, value in literals}
        return Term(among(left.value, self.reader(literals[0][0]), wanted), left.fields)

    def _between_values(self, left: _Operand, right: _Operand, compare: Callable[[Any, Any], bool]) -> Term:
        fold, fields = self._fold, left.fields | right.fields

        def check(row: Mapping[str, Any]) -> bool:
            one, other = left.value(row), right.value(row)
            if one is None or other is None:
                return compare(one, other) if compare in {operator.eq, operator.ne} else False
            if isinstance(one, str) and isinstance(other, str):
                one, other = fold(one), fold(other)
            try:
                return compare(one, other)
            except TypeError:
                return False

        return Term(check, fields)


def _path(node: Any) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_path(node.owner)}/{node.attr}"
    if not isinstance(node, ast.Identifier) or node.namespace:
        raise FilterError(f"The expression {_describe(node)} is not supported in a filter.")
    return str(node.name)


def _describe(node: Any) -> str:
    return str(node.func.full_name()) + "()" if isinstance(node, ast.Call) else type(node).__name__
