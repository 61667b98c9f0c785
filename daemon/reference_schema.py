"""The JSON Schema of the mappings file, for editors: the parts as pydantic knows them, with the words of the reference.

Written beside the reference and into `schemas/`, where `coupled mappings schema` finds it on any machine.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from schemas.mapping_parts import FilePart
from schemas.transforms import LOOKUP, NAMES, takes_argument

Node = dict[str, Any]
Words = Mapping[str, Mapping[str, str]]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def mappings_schema(words: Words, parts: Mapping[str, type[BaseModel]], steps: Mapping[str, str]) -> Node:
    """`parts`: the model behind each table of `words`; `steps`: a sentence for each transformation."""
    schema = FilePart.model_json_schema()
    definitions: Node = schema["$defs"]
    for title, part in parts.items():
        for name, node in definitions[part.__name__]["properties"].items():
            node["description"] = words[title][name]
    _describe_steps(definitions["FieldPart"]["properties"]["transform"], steps)
    top: Node = {"$schema": DIALECT, "title": "A mappings file of coupled", **_plain(schema)}
    top["properties"]["mappings"]["description"] = "The mappings, in the order a full synchronisation runs them."
    return top


def _describe_steps(transform: Node, steps: Mapping[str, str]) -> None:
    """A step is a name alone, or a table of one name with its argument."""
    plain = [name for name in NAMES if not takes_argument(name)]
    named = {name: {"description": steps[name]} for name in (*NAMES, LOOKUP) if name not in plain}
    transform["items"] = {
        "anyOf": [
            *({"const": name, "description": steps[name]} for name in plain),
            {
                "type": "object",
                "properties": named,
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    }


def _plain(node: Any) -> Any:
    """Without pydantic's titles and class docstrings, which say nothing to the writer of a file."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: _plain(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if "$defs" in found:
        for definition in found["$defs"].values():
            definition.pop("description", None)
    return found
