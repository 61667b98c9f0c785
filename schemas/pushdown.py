"""What of a filter Business Central's server evaluates itself (wire-protocols A3).

It refuses text functions, an `or` across fields, and filters on its enumerations, and it compares text to the letter.
So it gets what it surely takes, and understands as we do: fields compared with true or false, numbers, ids, and codes,
which it stores in capitals. Every row in the whole filter passes that part. The rest is left out: the whole filter is
evaluated on what the server answers.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from odata_query import ast

from schemas.canonical import as_code, is_code
from schemas.filter_text import COMPARISONS, tree
from schemas.filters import BLANK
from schemas.odata import literal

_NEGATED = {"eq": "ne", "ne": "eq", "gt": "le", "le": "gt", "lt": "ge", "ge": "lt"}
_MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}
# A longer one may not fit into a URL together with the columns.
_LONGEST = 2000
# So many digits are the same number here and there.
_DIGITS = 15


@dataclass(frozen=True, slots=True)
class _Part:
    """Text for the server, and the fields it reads."""

    text: str
    fields: frozenset[str]
    is_or: bool = False

    @property
    def inner(self) -> str:
        return f"({self.text})" if self.is_or else self.text


def pushed(text: str, computed: Collection[str] = ()) -> str:
    """A filter that the server takes, and that every row in the filter `text` passes; empty if there is none.

    `computed`: fields that the server does not have.
    """
    if not text.strip():
        return ""
    part = _part(tree(text), negated=False, computed=computed)
    return part.text if part else ""


def _part(node: Any, *, negated: bool, computed: Collection[str]) -> _Part | None:
    match node:
        case ast.UnaryOp():
            return _part(node.operand, negated=not negated, computed=computed)
        case ast.BoolOp():
            left, right = (_part(one, negated=negated, computed=computed) for one in (node.left, node.right))
            return _either(left, right) if isinstance(node.op, ast.Or) != negated else _both(left, right)
        case ast.Compare():
            part = _comparison(node.left, COMPARISONS[type(node.comparator)], node.right, negated)
        case ast.Identifier():
            part = _comparison(node, "eq", ast.Boolean("true"), negated)
        case _:
            return None
    return part if part and part.fields.isdisjoint(computed) else None


def _both(left: _Part | None, right: _Part | None) -> _Part | None:
    """What only one of them says holds of both together."""
    if left is None or right is None:
        return left or right
    text = f"{left.inner} and {right.inner}"
    return _Part(text, left.fields | right.fields) if len(text) <= _LONGEST else left


def _either(left: _Part | None, right: _Part | None) -> _Part | None:
    if left is None or right is None or len(left.fields | right.fields) > 1:
        return None
    text = f"{left.text} or {right.text}"
    return _Part(text, left.fields, is_or=True) if len(text) <= _LONGEST else None


def _comparison(left: Any, operator: str, right: Any, negated: bool) -> _Part | None:
    if isinstance(left, ast._Literal):
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    if not isinstance(right, ast._Literal):
        return None
    value = _literal(left.name, operator, right)
    if value is None:
        return None
    operator = _NEGATED[operator] if negated else operator
    return _Part(f"{left.name} {operator} {value}", frozenset({left.name}))


def _literal(name: str, operator: str, node: Any) -> str | None:
    """As the server is to read it; None if it would refuse it, or read it in another way than we do."""
    match node:
        case ast.Integer() | ast.Float():
            return str(node.val) if sum(one.isdigit() for one in node.val) <= _DIGITS else None
        case ast.Boolean() | ast.GUID() if operator in ("eq", "ne"):
            return str(node.val).lower()
        case ast.String() if operator in ("eq", "ne") and is_code(name) and BLANK not in node.val.lower():
            return literal(name, as_code(node.val.rstrip(" ")))
    return None
