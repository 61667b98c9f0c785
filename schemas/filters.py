"""OData filter text: parsed once, evaluated on each event (DESIGN 4).

Text is compared as both servers' databases do it: without case and trailing spaces, the blank being the same as no
text; BC's Code fields are upper-case anyway. Inside contains, startswith and endswith spaces count, and null has none.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from odata_query import ast

from schemas.canonical import as_code
from schemas.filter_text import tree
from schemas.side import Side

Row = Mapping[str, Any]
_Test = Callable[[Row], Any]
# The blank member of an enumeration travels as this, in older answers as " " (wire-protocols A2).
BLANK = "_x0020_"
_WILDCARD = re.compile(r"(%|_|\[[^\]]+\])")


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
    def parse(text: str | None, side: Side = Side.BC) -> "Filter":
        """Over rows of `side`. NotAFilter (a ValueError) names what the filter text does wrong.

        In Sales `%`, `_` and `[…]` are wildcards inside contains, startswith and endswith (wire-protocols B3).
        """
        if not text or not text.strip():
            return Filter.everything()
        compiled = _Compiler(side, set())
        test = compiled.condition(tree(text))
        return Filter(text, frozenset(compiled.names), lambda row: bool(test(row)))

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
_PATTERNS = {"contains": "*{}*", "startswith": "{}*", "endswith": "*{}"}


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Turns a tree that `schemas/filter_text.py` has let pass into closures; `names` collects the fields."""

    side: Side
    names: set[str]

    def condition(self, node: Any) -> _Test:
        match node:
            case ast.BoolOp():
                left, right = self.condition(node.left), self.condition(node.right)
                if isinstance(node.op, ast.And):
                    return lambda row: left(row) and right(row)
                return lambda row: left(row) or right(row)
            case ast.UnaryOp():
                inner = self.condition(node.operand)
                return lambda row: not inner(row)
            case ast.Compare():
                compare = _COMPARE[type(node.comparator)]
                one, other = self._value(node.left, self._fold), self._value(node.right, self._fold)
                return lambda row: compare(one(row), other(row))
            case ast.Call():
                return self._text(node)
        field = self._value(node, self._fold)
        return lambda row: field(row) is True

    def _text(self, node: Any) -> _Test:
        """What is no text holds none."""
        name, (first, second) = node.func.name, node.args
        text = self._value(first, self._letters)
        if self.side is Side.SALES and isinstance(second, ast.String):
            pattern = re.compile(fnmatch.translate(_PATTERNS[name].format(_glob(self._letters(second.val)))))
            return lambda row: isinstance(found := text(row), str) and bool(pattern.match(found))
        test, part = _TEXT[name], self._value(second, self._letters)
        return lambda row: isinstance(a := text(row), str) and isinstance(b := part(row), str) and test(a, b)

    def _value(self, node: Any, read: Callable[[Any], Any]) -> _Test:
        if isinstance(node, ast.Identifier):
            name = node.name
            self.names.add(name)
            return lambda row: read(row.get(name))
        constant = read(_literal(node))
        return lambda row: constant

    def _letters(self, value: Any) -> Any:
        """Without case: letter by letter in BC, as its codes are capitalised; in Sales `ß` is `ss`."""
        if self.side is Side.BC:
            return as_code(value)
        return value.casefold() if isinstance(value, str) else value

    def _fold(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        plain = value.replace(BLANK, " ") if self.side is Side.BC else value
        return self._letters(plain).rstrip(" ")


def _literal(node: Any) -> Any:
    if isinstance(node, ast.Null):
        return None
    if isinstance(node, ast.Boolean):
        return node.val.lower() == "true"
    if isinstance(node, ast.Integer | ast.Float):
        return float(node.val)
    return node.val


def _glob(like: str) -> str:
    """A pattern of SQL's LIKE in the words of `fnmatch`, whose expressions never backtrack for long."""
    words = {"%": "*", "_": "?"}
    return "".join(
        part.replace("[^", "[!", 1) if part.startswith("[") and part.endswith("]") and len(part) > 2
        else words.get(part) or re.sub(r"([*?\[])", r"[\1]", part)
        for part in _WILDCARD.split(like)
    )  # fmt: skip
