"""The words of the mappings file's reference, as its packaged JSON Schema carries them: what each setting does."""

import json
from functools import cache
from typing import Any

from schemas.mapping_file import schema_text

Node = dict[str, Any]


def of_setting(part: str, name: str) -> str:
    """A sentence on a setting of a part of the file, which is named as in `schemas/mapping_parts.py`."""
    return str(_node(part, name)["description"])


def of_value(part: str, name: str, value: Any) -> str:
    """What this value of the setting does; empty where its values have no words."""
    node = _node(part, name)
    listed = _schema()["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    words = dict(zip(listed.get("enum", ()), listed.get("enumDescriptions", ()), strict=False))
    return str(words.get(value, "")) if words else ""


def of_step(name: str) -> str:
    """A sentence on a transformation."""
    kinds: list[Node] = _node("FieldPart", "transform")["items"]["anyOf"]
    known = {one["const"]: one for one in kinds if "const" in one}
    known |= {step: node for one in kinds for step, node in one.get("properties", {}).items()}
    return str(known[name]["description"])


def _node(part: str, name: str) -> Node:
    node: Node = _schema()["$defs"][part]["properties"][name]
    return node


@cache
def _schema() -> Node:
    schema: Node = json.loads(schema_text())
    return schema
