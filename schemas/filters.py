"""OData filter text: parsed once, evaluated on each event (DESIGN 4).

Comparison is case-insensitive on text, as Dataverse compares, and as BC's Code fields make it on the other side.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from odata_query import ast, exceptions
from odata_query.grammar import ODataLexer, ODataParser

Row = Mapping[str, Any]
_Test = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """`text` as written; `fields` it reads; `matches(row)` evaluates it."""

    text: str
    fields: frozenset[str]
    matches: Callable[[Row], bool]

    @staticmethod
    def everything() -> "Filter":
        return Filter("", frozenset(), lambda row: True)

    @staticmethod
    def parse(text: str | None) -> "Filter":
        """ValueError names what the filter text does wrong."""
        if not text:
            return Filter.everything()
        try:
            tree = ODataParser().parse(ODataLexer().tokenize(text))
        except exceptions.ODataException as error:
            raise ValueError(f"{text!r} is not an OData filter: {error}") from error
        names: set[str] = set()
        test = _compile(tree, names)
        return Filter(text, frozenset(names), lambda row: bool(test(row)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """False between values that have no order, such as null, or text and a number: a row must not stop a sweep."""

    def compared(a: Any, b: Any) -> bool:
        try:
            return a is not None and b is not None and compare(a, b)
        except TypeError:
            return False

    return compared


_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def _compile(node: Any, names: set[str]) -> _Test:
    match node:
        case ast.BoolOp():
            left, right = _compile(node.left, names), _compile(node.right, names)
            if isinstance(node.op, ast.And):
                return lambda row: left(row) and right(row)
            return lambda row: left(row) or right(row)
        case ast.UnaryOp() if isinstance(node.op, ast.Not):
            inner = _compile(node.operand, names)
            return lambda row: not inner(row)
        case ast.Compare():
            compare = _COMPARE.get(type(node.comparator))
            if compare is not None:
                left, right = _compile(node.left, names), _compile(node.right, names)
                return lambda row: compare(left(row), right(row))
        case ast.Call() if node.func.name in _TEXT and len(node.args) == 2:
            text_test = _TEXT[node.func.name]
            text, part = (_compile(argument, names) for argument in node.args)
            return lambda row: _on_text(text_test, text(row), part(row))
    return _value(node, names)


def _on_text(test: Callable[[str, str], bool], text: Any, part: Any) -> bool:
    """Null is empty text; what is no text holds none."""
    given = ("" if text is None else text, "" if part is None else part)
    return all(isinstance(one, str) for one in given) and test(*given)


def _value(node: Any, names: set[str]) -> _Test:
    if isinstance(node, ast.Identifier):
        names.add(node.name)
        name = node.name
        return lambda row: _fold(row.get(name))
    if isinstance(node, ast._Literal):
        constant = _literal(node)
        return lambda row: constant
    raise ValueError(f"the filter uses {type(node).__name__}, which is not supported: use eq ne gt ge lt le and or not")


def _literal(node: Any) -> Any:
    if isinstance(node, ast.Null):
        return None
    if isinstance(node, ast.Boolean):
        return node.val.lower() == "true"
    if isinstance(node, ast.Integer | ast.Float):
        return float(node.val)
    return _fold(node.val)


def _fold(value: Any) -> Any:
    # The blank BC enum member travels as `_x0020_`, in older answers as " " (wire-protocols A2).
    return value.casefold().replace("_x0020_", " ").strip() if isinstance(value, str) else value
