"""An OData filter against the fields it reads: do they exist, and are they compared with values of their type?"""

from collections.abc import Iterator
from typing import Any

from odata_query import ast

from schemas.filter_text import tree
from schemas.finding import Finding, Level, Place, wrong
from schemas.metadata import EntityType, Kind
from schemas.nearest import did_you_mean

_FITS: dict[type, frozenset[Kind]] = {
    ast.String: frozenset({Kind.TEXT, Kind.ENUM}),
    ast.Integer: frozenset({Kind.INTEGER, Kind.NUMBER}),
    ast.Float: frozenset({Kind.INTEGER, Kind.NUMBER}),
    ast.Boolean: frozenset({Kind.BOOLEAN}),
    ast.GUID: frozenset({Kind.GUID}),
    ast.Date: frozenset({Kind.DATE, Kind.DATETIME}),
    ast.DateTime: frozenset({Kind.DATE, Kind.DATETIME}),
}
_ALONE = ast.Boolean("true")  # what a field that stands alone is compared with
_BLANKS = frozenset({"", " "})


def check_filter(text: str, place: Place, table: str, entity: EntityType) -> Iterator[Finding]:
    """`text` has been parsed before: it is a filter."""
    if not text.strip():
        return
    unknown: set[str] = set()
    for name, value in _compared(tree(text)):
        known = entity.properties.get(name)
        if known is None and name not in unknown:
            unknown.add(name)
            yield _unknown(place, table, name, entity)
        elif known is not None and value is not None:
            yield from _typed(place, name, value, known.kind, known.members)


def _unknown(place: Place, table: str, name: str, entity: EntityType) -> Finding:
    if name in entity.lookups:
        message, hint = f"{name!r} is a lookup column.", f"A filter calls it '_{name}_value'."
    else:
        message, hint = f"{table} has no field {name!r}.", did_you_mean(name, entity.properties)
    return Finding(Level.ERROR, place, message, hint)


def _typed(place: Place, name: str, value: Any, kind: Kind, members: tuple[str, ...]) -> Iterator[Finding]:
    fits = _FITS.get(type(value))
    if kind is Kind.OTHER or fits is None:
        return
    if value is _ALONE and kind not in fits:
        yield wrong(place, f"{name} holds {kind.value}: by itself it is no condition.", f"Compare it: {name} ne null.")
    elif kind not in fits:
        message = f"{name} holds {kind.value}, but the filter compares it with {value.val!r}."
        hint = "Text stands in single quotes; numbers, ids, dates, true and false do not."
        yield Finding(Level.ERROR, place, message, hint)
    elif kind is Kind.ENUM and value.val not in members and value.val not in _BLANKS:
        yield Finding(Level.ERROR, place, f"{name} has no value {value.val!r}.", did_you_mean(value.val, members))


def _compared(node: Any) -> Iterator[tuple[str, Any]]:
    """Every field, with the literal it is compared with; None where there is none. `_ALONE` if that is all."""
    match node:
        case ast.Identifier():
            yield node.name, _ALONE
        case ast.BoolOp():
            yield from _compared(node.left)
            yield from _compared(node.right)
        case ast.UnaryOp():
            yield from _compared(node.operand)
        case ast.Compare():
            yield from _pair(node.left, node.right)
        case ast.Call() if len(node.args) == 2:
            yield from _pair(node.args[0], node.args[1])


def _pair(left: Any, right: Any) -> Iterator[tuple[str, Any]]:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ast.Identifier):
            yield one.name, other if isinstance(other, ast._Literal) else None
