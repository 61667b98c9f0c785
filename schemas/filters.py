"""OData filter text: parsed once, evaluated on each event (DESIGN 4).

Comparison is case-insensitive on text, as Dataverse compares, and as BC's Code fields make it on the other side.
"""

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


_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Gt: lambda a, b: a is not None and b is not None and a > b,
    ast.GtE: lambda a, b: a is not None and b is not None and a >= b,
    ast.Lt: lambda a, b: a is not None and b is not None and a < b,
    ast.LtE: lambda a, b: a is not None and b is not None and a <= b,
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
            return lambda row: text_test(text(row) or "", part(row) or "")
    return _value(node, names)


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
