"""OData filter text, read by its grammar and held to what is evaluated here: its tree, or what is wrong (DESIGN 4)."""

import re
from typing import Any

from odata_query import ast, exceptions
from odata_query.grammar import ODataLexer, ODataParser

from schemas.nearest import did_you_mean

FUNCTIONS = ("contains", "startswith", "endswith")
COMPARISONS: dict[type, str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Lt: "lt",
    ast.LtE: "le",
}
_EXAMPLE = "Write it as: blocked eq false and (country eq 'DE' or country eq 'AT')."
_ALLOWED = f"Allowed are {' '.join(COMPARISONS.values())}, and or not, and {', '.join(FUNCTIONS)}."
# What other languages write.
_MEANT = {
    **dict.fromkeys(("=", "==", "equals", "is"), "eq"),
    **dict.fromkeys(("!=", "<>"), "ne"),
    ">": "gt",
    ">=": "ge",
    "<": "lt",
    "<=": "le",
    "&&": "and",
    "||": "or",
    "!": "not",
    "like": "contains(…)",
}
_IN = re.compile(r"\bin\s*\([^)]*$", re.IGNORECASE)
_WRITE_OUT = "Write it out: country eq 'DE' or country eq 'AT'."
_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod", ast.USub: "-"}


class NotAFilter(ValueError):
    """Text that is no filter, or none that is evaluated here; `hint` says what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def tree(text: str) -> Any:
    """Its syntax tree: comparisons and text functions of fields and literals, joined by and, or, not. Or NotAFilter."""
    text = text.strip()
    try:
        found = ODataParser().parse(ODataLexer().tokenize(text))
    except (exceptions.ParsingException, exceptions.TokenizingException) as error:
        raise _broken(text, error.token) from error
    except exceptions.UnknownFunctionException as error:
        name = error.function_name
        raise NotAFilter(f"there is no function {name!r}", did_you_mean(name, FUNCTIONS)) from error
    except exceptions.ODataException as error:
        reason = str(error).rstrip(".")
        raise NotAFilter(f"{text!r} is not an OData filter: {reason[:1].lower()}{reason[1:]}", _ALLOWED) from error
    _check_condition(found)
    return found


def _broken(text: str, token: Any) -> NotAFilter:
    rest = text[token.index :].split() if token else []
    if not rest:
        return NotAFilter(f"{text!r} is not an OData filter: it ends too early", _EXAMPLE)
    meant = _MEANT.get(rest[0].lower())
    hint = f"Write {meant!r} in its place." if meant else _EXAMPLE
    if '"' in rest[0] or "'" in rest[0]:
        hint = "Text stands in single quotes; one inside is doubled: 'O''Neil'."
    elif _IN.search(text[: token.index]):
        hint = _WRITE_OUT
    return NotAFilter(f"{text!r} is not an OData filter: it breaks at {rest[0]!r}", hint)


def _check_condition(node: Any) -> None:
    """What is true or false of a record."""
    match node:
        case ast.BoolOp():
            _check_condition(node.left)
            _check_condition(node.right)
        case ast.UnaryOp() if isinstance(node.op, ast.Not):
            _check_condition(node.operand)
        case ast.Compare() if type(node.comparator) in COMPARISONS:
            _check_values(node.left, node.right)
        case ast.Call() if node.func.full_name() in FUNCTIONS:
            _check_values(*node.args)
        case ast.Identifier() if not node.namespace:
            pass  # a field that is true or false
        case ast._Literal() if not isinstance(node, ast.List):
            raise NotAFilter("the filter has a value where a comparison belongs", _EXAMPLE)
        case _:
            raise _unsupported(node)


def _check_values(*nodes: Any) -> None:
    for node in nodes:
        if not (isinstance(node, ast._Literal) and not isinstance(node, ast.List)) and not _is_field(node):
            raise _unsupported(node)
    if not any(map(_is_field, nodes)):
        raise NotAFilter("the filter compares two values, and no field", _EXAMPLE)


def _is_field(node: Any) -> bool:
    return isinstance(node, ast.Identifier) and not node.namespace


def _unsupported(node: Any) -> NotAFilter:
    """Named as it is written."""
    hint = _ALLOWED
    match node:
        case ast.Compare() if isinstance(node.comparator, ast.In):
            written, hint = "in", _WRITE_OUT
        case ast.Compare() | ast.BoolOp():
            written, hint = "a comparison of a comparison", _EXAMPLE
        case ast.Call():
            written = f"{node.func.full_name()}()"
            if node.func.name in {"tolower", "toupper"}:
                hint = f"Leave it out: text is compared without case. {_ALLOWED}"
            elif node.func.name in FUNCTIONS:
                hint = "It is a condition by itself: contains(name,'x')."
        case ast.UnaryOp() if isinstance(node.op, ast.Not):
            written, hint = "not", "It belongs before brackets: not (country eq 'DE')."
        case ast.BinOp() | ast.UnaryOp():
            written = _ARITHMETIC[type(node.op)]
        case ast.Attribute():
            written = f"{getattr(node.owner, 'name', '…')}/{node.attr}"
            hint = "A filter reads fields of the record itself; a lookup column is called '_name_value'."
        case ast.CollectionLambda():
            written = "any()" if isinstance(node.operator, ast.Any) else "all()"
        case _:
            written = node.full_name() if isinstance(node, ast.Identifier) else type(node).__name__
    return NotAFilter(f"the filter uses {written!r}, which is not supported", hint)
