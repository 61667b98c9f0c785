"""The JSON Schema of the mappings file, for editors: the parts as pydantic knows them, with the words of the reference.

Written beside the reference and into `schemas/`, where `coupled mappings schema` finds it on any machine.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel

from schemas import mapping_parts
from schemas.transforms import LOOKUP, NAMES, takes_argument

Node = dict[str, Any]
Words = Mapping[str, Mapping[str, str]]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What each table of words is about.
PARTS: dict[str, type[BaseModel]] = {
    "a mapping": mapping_parts.MappingPart,
    "`bc:` and `sales:`": mapping_parts.SidePart,
    "`references:`": mapping_parts.ReferencePart,
    "a field": mapping_parts.FieldPart,
    "a template": mapping_parts.TemplatePart,
    "a `match_on` pair": mapping_parts.MatchPart,
}


def valued() -> Iterator[tuple[type[BaseModel], str, tuple[str, ...]]]:
    """The settings whose every value has a sentence: what a mapping does (`on_delete`, `live`), and when a field is
    written. Each with its part and its values."""
    for part in (mapping_parts.MappingPart, mapping_parts.FieldPart):
        for name, field in part.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Enum):
                yield part, name, tuple(str(one.value) for one in kind)
            elif kind is bool and part is mapping_parts.MappingPart:
                yield part, name, ("true", "false")


def mappings_schema(words: Words, values: Words, steps: Mapping[str, str]) -> Node:
    """`words`: a sentence for each setting of each of `PARTS`; `values`: one for each value of those that are `valued`;
    `steps`: one for each transformation."""
    schema = mapping_parts.FilePart.model_json_schema()
    definitions: Node = schema["$defs"]
    for title, part in PARTS.items():
        for name, node in definitions[part.__name__]["properties"].items():
            node["description"] = words[title][name]
    for part, name, _ in valued():
        _describe_values(definitions, definitions[part.__name__]["properties"][name], values[name])
    _describe_steps(definitions["FieldPart"]["properties"]["transform"], steps)
    top: Node = {"$schema": DIALECT, "title": "A mappings file of coupled", **_plain(schema)}
    top["properties"]["mappings"]["description"] = "The mappings, in the order a full synchronisation runs them."
    return top


def _describe_values(definitions: Node, node: Node, words: Mapping[str, str]) -> None:
    """As editors know them: a sentence beside each value that is listed."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    if node["type"] == "boolean":
        node["enum"] = [True, False]
    node["enumDescriptions"] = [words[str(value).lower()] for value in node["enum"]]


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
