"""OData `$filter` text, compiled once and evaluated against plain rows.

Promises (wire-protocols A3, B3; D17–D20, D97): the text is parsed by `odata-query`, never by us; a filter is
compiled to closures so that it can be run over 100 000 rows; a long `or` chain costs no recursion, and
one over a single property becomes a set look-up. Logic is two-valued, as both services have it: `null ne 'x'`
is true, and `gt`/`lt` with null are false. What a side does not support it refuses itself, by looking at
`fields`, `or_across_fields`, `in_fields` and `literal_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from daemon.sandbox.filter_terms import FilterError, Term, Terms
from daemon.sandbox.filter_values import Predicate

__all__ = ["Filter", "FilterError", "compile_filter"]


@dataclass(frozen=True)
class Filter:
    """A compiled filter and what it uses.

    `fields` are the property names (`lookup/name` for a path). `or_across_fields` tells of an `or` that
    mixes properties, `conditions` counts the comparisons, `in_fields` are the properties tested by an `in` list, and
    `literal_kinds` which kinds of literal (string number boolean guid date datetime null) each property meets.
    """

    text: str
    fields: frozenset[str]
    or_across_fields: bool
    in_fields: frozenset[str]
    conditions: int
    literal_kinds: Mapping[str, frozenset[str]]
    _predicate: Predicate

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the row passes; a property the row lacks counts as null."""
        return self._predicate(row)


def compile_filter(
    text: str, *, case_insensitive: bool, wildcards: bool = False, enums: Collection[str] = ()
) -> Filter:
    """Compile `text`; raise `FilterError` for bad syntax or an expression no simulator supports.

    `case_insensitive` folds every string comparison (Dataverse, D97). `wildcards` lets `%`, `_` and `[…]` act as SQL
    patterns inside contains/startswith/endswith (B3). `enums` are the qualified names of the enumeration types that a
    literal may carry in front, as OData writes it: `type eq Microsoft.NAV.customerType'Person'`.
    """
    compiler = _Compiler(Terms(case_insensitive=case_insensitive, wildcards=wildcards))
    term = compiler.boolean(_parse(text, enums))
    return Filter(
        text=text,
        fields=term.fields,
        or_across_fields=compiler.or_across_fields,
        in_fields=frozenset(compiler.terms.in_fields),
        conditions=compiler.conditions,
        literal_kinds={field: frozenset(found) for field, found in compiler.terms.kinds.items()},
        _predicate=term.predicate,
    )


def _tokens(text: str, enums: Collection[str]) -> Iterator[Any]:
    """The library's tokens, with one-element `in` lists given the trailing comma that its grammar wants."""
    tokens = list(_rejoin(list(ODataLexer().tokenize(text)), text))
    for at, token in enumerate(tokens):
        if _is_enum(token, tokens[at + 1 :], enums):
            continue
        if token.type == ")" and _closes_single(tokens, at):
            yield _copy(token, ",", ",")
        yield token


def _is_enum(token: Any, following: list[Any], enums: Collection[str]) -> bool:
    """Whether the token is the type in front of an enumeration literal; the grammar takes the literal alone."""
    if token.type != "ODATA_IDENTIFIER" or not following or following[0].type != "STRING":
        return False
    name = ".".join((*token.value.namespace, token.value.name))
    return name in enums and following[0].index == token.index + len(name)


def _copy(token: Any, kind: str, value: Any) -> Any:
    made = type(token)()
    made.type, made.value, made.lineno, made.index = kind, value, token.lineno, token.index
    return made


def _closes_single(tokens: list[Any], at: int) -> bool:
    solid = [token.type for token in tokens[max(0, at - 6) : at] if token.type != "WS"]
    return len(solid) >= 3 and solid[-3:-1] == ["IN", "("]


_SPLITTABLE = frozenset({"ANY", "ALL", "BOOLEAN", "NULL"})


def _rejoin(tokens: list[Any], text: str) -> Iterator[Any]:
    """Undo the library's cutting of `nullable` into `null` + `able`: adjoining word tokens are one name."""
    at = 0
    while at < len(tokens):
        token, start = tokens[at], tokens[at].index
        at += 1
        if token.type in _SPLITTABLE and at < len(tokens) and _is_word(text, tokens[at].index):
            while at < len(tokens) and _is_word(text, tokens[at].index):
                at += 1
            end = tokens[at].index if at < len(tokens) else len(text)
            token = _copy(token, "ODATA_IDENTIFIER", ast.Identifier(text[start:end]))
        yield token


def _is_word(text: str, at: int) -> bool:
    return text[at].isalnum() or text[at] == "_"


def _parse(text: str, enums: Collection[str]) -> Any:
    """The syntax tree; every failure of the library becomes a `FilterError`."""
    if not text.strip():
        raise FilterError("The filter is empty.")
    try:
        return ODataParser().parse(_tokens(text.strip(), enums))
    except ODataException as error:
        raise FilterError(f"Syntax error in the filter '{text[:200]}': {error}") from error


class _Compiler:
    """Turns the Boolean part of a tree into predicates; the comparisons are `Terms`' work."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.or_across_fields = False
        self.conditions = 0

    def boolean(self, node: Any) -> Term:
        """The term for any Boolean expression."""
        if isinstance(node, ast.BoolOp):
            return self._chain(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.boolean(node.operand)
            return Term(_negation(inner.predicate), inner.fields)
        self.conditions += 1
        if isinstance(node, ast.Compare):
            return self.terms.comparison(node)
        if isinstance(node, ast.Call):
            return self.terms.pattern(node)
        if isinstance(node, ast.Identifier | ast.Attribute | ast.Boolean):
            return self.terms.truth(node)
        raise FilterError(f"The expression {type(node).__name__} is not supported in a filter.")

    def _chain(self, node: Any) -> Term:
        is_or = isinstance(node.op, ast.Or)
        terms = [self.boolean(operand) for operand in _operands(node)]
        fields = frozenset[str]().union(*(term.fields for term in terms))
        if is_or:
            self.or_across_fields = self.or_across_fields or len(fields) > 1
            same = self.terms.any_of(terms)
            if same is not None:
                return same
        predicates = [term.predicate for term in terms]
        return Term(_any(predicates) if is_or else _all(predicates), fields)


def _operands(node: Any) -> list[Any]:
    """`a or b or c …` as a flat list, however deep the tree leans."""
    kind = type(node.op)
    found: list[Any] = []
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, ast.BoolOp) and type(here.op) is kind:
            waiting += [here.right, here.left]
        else:
            found.append(here)
    return found


def _negation(inner: Predicate) -> Predicate:
    return lambda row: not inner(row)


def _any(predicates: list[Predicate]) -> Callable[[Mapping[str, Any]], bool]:
    def check(row: Mapping[str, Any]) -> bool:
        return any(predicate(row) for predicate in predicates)

    return check


def _all(predicates: list[Predicate]) -> Callable[[Mapping[str, Any]], bool]:
    def check(row: Mapping[str, Any]) -> bool:
        return all(predicate(row) for predicate in predicates)

    return check
