"""Enough of JSON Schema 2020-12 to hold a document against the schema of the mappings file.

No validator is among the locked dependencies. A keyword this one does not know is an error, so that nothing of the
schema goes unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
_SAYS_NOTHING = {"$schema", "$defs", "title", "description", "default", "examples", "enumDescriptions"}


def mistakes(schema: dict[str, Any], document: Any) -> list[str]:
    """Where the document breaks the schema, and which keyword says so."""
    return list(_check(schema, document, schema, "$"))


def _check(node: dict[str, Any], value: Any, root: dict[str, Any], place: str) -> Iterator[str]:
    for keyword, wanted in node.items():
        if keyword in _SAYS_NOTHING:
            continue
        if keyword == "$ref":
            yield from _check(root["$defs"][wanted.removeprefix("#/$defs/")], value, root, place)
        elif keyword == "anyOf":
            if all(any(_check(one, value, root, place)) for one in wanted):
                yield f"{place}: anyOf"
        elif keyword in {"properties", "additionalProperties", "items"}:
            yield from _inside(keyword, node, value, root, place)
        elif not _holds(keyword, wanted, value):
            yield f"{place}: {keyword}"


def _inside(keyword: str, node: dict[str, Any], value: Any, root: dict[str, Any], place: str) -> Iterator[str]:
    if keyword == "items" and isinstance(value, list):
        for number, one in enumerate(value):
            yield from _check(node["items"], one, root, f"{place}[{number}]")
    if keyword == "properties" and isinstance(value, dict):
        for name in node["properties"].keys() & value.keys():
            yield from _check(node["properties"][name], value[name], root, f"{place}.{name}")
    if keyword == "additionalProperties" and isinstance(value, dict):
        for name in value.keys() - node.get("properties", {}).keys():
            if node["additionalProperties"] is False:
                yield f"{place}.{name}: additionalProperties"
            elif node["additionalProperties"] is not True:
                yield from _check(node["additionalProperties"], value[name], root, f"{place}.{name}")


def _holds(keyword: str, wanted: Any, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match keyword:
        case "type":
            return isinstance(value, _TYPES[wanted]) and not (isinstance(value, bool) and wanted != "boolean")
        case "enum":
            return value in wanted
        case "const":
            return bool(value == wanted)
        case "pattern":
            return not isinstance(value, str) or bool(re.search(wanted, value))
        case "required":
            return not isinstance(value, dict) or set(wanted) <= value.keys()
        case "minItems" | "minProperties":
            return not isinstance(value, list if keyword == "minItems" else dict) or len(value) >= wanted
        case "maxItems" | "maxProperties":
            return not isinstance(value, list if keyword == "maxItems" else dict) or len(value) <= wanted
        case "minLength":
            return not isinstance(value, str) or len(value) >= wanted
        case "exclusiveMinimum":
            return not number or value > wanted
    raise AssertionError(f"this schema uses {keyword}, which the tests do not know")
