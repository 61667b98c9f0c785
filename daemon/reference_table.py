"""Tables of the generated pages, and how a type and a default are told in them."""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any

from pydantic_core import PydanticUndefined

_BORING = re.compile(r"typing\.|schemas\.\w+\.|pydantic\.types\.|pathlib\.(?:_local\.)?|<class '|'>|<enum '")
_NAMED = {
    "str": "text",
    "SecretStr": "secret",
    "bool": "true or false",
    "int": "number",
    "float": "number",
    "Path": "path",
    "SidePart": "table",
    "dict[str, ReferencePart]": "table by name",
    "list[str]": "list of names",
    "dict[str, SecretStr]": "table of secrets by name",
    "list[TemplatePart]": "list of templates",
    "dict[str, str | int | float | bool]": "table of values by field",
    "list[FieldPart]": "list of fields",
    "list[list[MatchPart]]": "list of lists of pairs",
    "str | int | float | bool": "text, number, true or false",
    "str | list[str]": "text, or a list of two",
    "list[str | dict[str, Any]]": "list of steps",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar in a cell stays text."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def plain(kind: Any) -> str:
    """A type, in words."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{member.value}`" for member in kind)
    text = getattr(kind, "__name__", "") if isinstance(kind, type) and not getattr(kind, "__args__", ()) else str(kind)
    text = _BORING.sub("", text).replace(" | None", "")
    literal = re.fullmatch(r"(?:Optional\[)?Literal\[(.*?)\]\]?", text)
    if literal:
        return " or ".join(f"`{value.strip()[1:-1]}`" for value in literal[1].split(","))
    text = re.sub(r"Annotated\[(\w+),.*", r"\1", re.sub(r"Optional\[(.*)\]", r"\1", text))
    return _NAMED.get(text, text)


def default(value: Any) -> str:
    """A default value as one writes it; empty if there is none."""
    if value is PydanticUndefined or (type(value).__name__ == "UnsetType"):
        return "required"
    if value is None or (not value and not isinstance(value, bool | int)):
        return ""
    shown = value.get_secret_value() if hasattr(value, "get_secret_value") else getattr(value, "value", value)
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"
