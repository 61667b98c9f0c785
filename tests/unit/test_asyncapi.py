"""docs/reference/asyncapi.yaml: tools can follow it, and its examples are messages that the daemon reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from daemon import reference
from daemon.reference_asyncapi import NAME
from schemas import change, command, command_outcome, dead_letter

DOCUMENT: Any = YAML(typ="safe").load((reference.FOLDER / NAME).read_text(encoding="utf-8"))
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
COMMANDS = sorted(set(MESSAGES) - {"outcome", "change", "changes", "deadLetter"})
_TYPES: dict[str, Any] = {"string": str, "object": dict, "array": list, "boolean": bool, "null": type(None)}


def resolved(node: Any) -> Any:
    """What a `$ref` leads to. KeyError if it leads nowhere."""
    if not isinstance(node, dict) or "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for one in node.values():
            yield from references(one)
    elif isinstance(node, list):
        for one in node:
            yield from references(one)


def complaints(value: Any, schema: Any, at: str = "") -> Iterator[str]:
    """By the keywords of JSON Schema that the document uses."""
    schema = resolved(schema)
    if "anyOf" in schema and all(list(complaints(value, each, at)) for each in schema["anyOf"]):
        yield f"{at}: none of anyOf"
    kind = schema.get("type")
    if not (type(value) is int if kind == "integer" else kind is None or isinstance(value, _TYPES[kind])):
        yield f"{at}: no {kind}"
    elif isinstance(value, dict):
        yield from of_object(value, schema, at)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from complaints(one, schema.get("items", {}), f"{at}[{number}]")
    elif not fits(value, schema):
        yield f"{at}: another value than is allowed"


def of_object(value: dict[str, Any], schema: Any, at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    yield from (f"{at}.{name}: missing" for name in schema.get("required", ()) if name not in value)
    for name, one in value.items():
        if name in known:
            yield from complaints(one, known[name], f"{at}.{name}")
        elif schema.get("additionalProperties", True) is False:
            yield f"{at}.{name}: unknown"


def fits(value: Any, schema: Any) -> bool:
    named = value in schema.get("enum", [value]) and value == schema.get("const", value)
    if isinstance(value, str):
        return named and re.search(schema.get("pattern", ""), value) is not None
    return named and (value is None or value >= schema.get("minimum", value))


def payloads(name: str) -> list[Any]:
    return [each["payload"] for each in MESSAGES[name]["examples"]]


def test_it_has_the_parts_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert set(DOCUMENT) <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    for channel in DOCUMENT["channels"].values():
        assert set(channel) <= {"address", "description", "messages", "parameters", "bindings"}
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", ()))
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert resolved(operation["channel"]) in DOCUMENT["channels"].values()


def test_every_reference_leads_somewhere_and_stands_alone() -> None:
    """Beside a `$ref` other keys are ignored by many tools."""
    found = list(references(DOCUMENT))
    assert len(found) > 20
    for each in found:
        assert resolved(each)
    used = {each["$ref"] for each in found}
    for kind in ("messages", "schemas"):
        assert {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]} <= used


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_examples_are_as_the_schema_says(name: str) -> None:
    for example in MESSAGES[name]["examples"]:
        if "payload" in example:
            assert not list(complaints(example["payload"], MESSAGES[name]["payload"]))
        if "headers" in example:
            assert not list(complaints(example["headers"], MESSAGES[name]["headers"]))


@pytest.mark.parametrize("name", COMMANDS)
def test_example_commands_are_read(name: str) -> None:
    for payload in payloads(name):
        assert command.parse(orjson.dumps(payload)).command == name


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_field_of_a_command_is_refused_by_the_schema_too(name: str) -> None:
    schema = MESSAGES[name]["payload"]
    assert list(complaints({**payloads(name)[0], "colour": "red"}, schema)) == [".colour: unknown"]


@pytest.mark.parametrize("name", ["change", "changes"])
def test_example_changes_are_read_and_written_alike(name: str) -> None:
    for payload in payloads(name):
        read = change.decode(orjson.dumps(payload))
        assert orjson.loads(change.encode(read if isinstance(payload, list) else read[0])) == payload


def test_a_deletion_is_a_change_by_the_schema() -> None:
    payload = {**payloads("change")[0], "op": "d", "after": None}
    assert change.decode(orjson.dumps(payload))
    assert not list(complaints(payload, MESSAGES["change"]["payload"]))
    assert list(complaints({**payload, "op": "x"}, MESSAGES["change"]["payload"]))


def test_example_outcomes_are_read_and_written_alike() -> None:
    for payload in payloads("outcome"):
        assert orjson.loads(command_outcome.encode(command_outcome.decode(orjson.dumps(payload)))) == payload


def test_the_example_dead_letter_is_read() -> None:
    (example,) = MESSAGES["deadLetter"]["examples"]
    told = [(name, text.encode()) for name, text in example["headers"].items()]
    letter = dead_letter.letter(0, 0, None, b"", told)
    assert (letter.topic, letter.partition, letter.offset) == ("coupled.bc.customers", 0, 41)
    assert letter.reason
