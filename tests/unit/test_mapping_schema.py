"""The JSON Schema that editors check a mappings file with accepts what the daemon accepts, and knows every setting."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from daemon import reference
from daemon.reference_schema import valued
from daemon.web import setting_words
from schemas import mapping_file, mapping_parts, transforms
from tests.support.json_schema import mistakes

SCHEMA: dict[str, Any] = json.loads(mapping_file.schema_text())
_YAML = re.compile(r"^```yaml\n(mappings:.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = _YAML.findall((reference.ROOT / "docs" / "mappings.md").read_text(encoding="utf-8"))
EXAMPLES += [file.read_text(encoding="utf-8") for file in sorted((reference.ROOT / "docs" / "examples").glob("*.yaml"))]
GOOD = """
mappings:
  - name: CUSTOMER
    bc: {table: customers}
    sales: {table: accounts}
    fields:
      - {bc: displayName, sales: name, transform: [trim, {round: 2}]}
"""


def tree(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize("text", [mapping_file.standard_text(), *EXAMPLES, GOOD])
def test_working_files_are_right_by_the_schema(text: str) -> None:
    assert mistakes(SCHEMA, tree(text)) == []


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("name: CUSTOMER", "name: customer", "$.mappings[0].name: pattern"),
        ("name: CUSTOMER", "nmae: CUSTOMER", "$.mappings[0].nmae: additionalProperties"),
        ("bc: {table: customers}", "on_delete: ignore", "$.mappings[0]: required"),
        ("{table: accounts}", "{table: 7}", "$.mappings[0].sales.table: type"),
        ("{table: accounts}", "{table: accounts}\n    direction: sideways", "$.mappings[0].direction: enum"),
        ("{table: accounts}", "{table: accounts}\n    only_coupled: 7", "$.mappings[0].only_coupled: type"),
        ("sales: name", "sales: name, on: sometimes", "$.mappings[0].fields[0].on: enum"),
        ("sales: name", "sales: name, max_length: 0", "$.mappings[0].fields[0].max_length: anyOf"),
        ("trim", "upside_down", "$.mappings[0].fields[0].transform[0]: anyOf"),
        ("trim", "{trim: 1}", "$.mappings[0].fields[0].transform[0]: anyOf"),
        ("{round: 2}", "{round: 2, map: {a: b}}", "$.mappings[0].fields[0].transform[1]: anyOf"),
        ("{round: 2}", "round", "$.mappings[0].fields[0].transform[1]: anyOf"),
    ],
)
def test_each_mistake_is_marked_where_it_stands(old: str, new: str, place: str) -> None:
    assert old in GOOD
    assert place in mistakes(SCHEMA, tree(GOOD.replace(old, new, 1)))


def test_a_file_without_mappings_is_marked() -> None:
    assert mistakes(SCHEMA, {"mappings": []}) == ["$.mappings: minItems"]
    assert mistakes(SCHEMA, {}) == ["$: required"]


def test_every_setting_has_its_sentence() -> None:
    parts = ("MappingPart", "SidePart", "ReferencePart", "FieldPart", "MatchPart")
    for name in parts:
        properties = SCHEMA["$defs"][name]["properties"]
        assert set(properties) == set(getattr(mapping_parts, name).model_fields)
        assert all(one["description"] for one in properties.values())


@pytest.mark.parametrize(("part", "setting", "values"), list(valued()))
def test_every_value_of_what_a_mapping_does_has_its_sentence(
    part: type[BaseModel], setting: str, values: tuple[str, ...]
) -> None:
    """As the reference has it: the console reads it from the packaged schema."""
    words = YAML(typ="safe").load((reference.FOLDER / "words.yaml").read_text(encoding="utf-8"))["values"][setting]
    given = [value == "true" if value in ("true", "false") else value for value in values]
    assert [setting_words.of_value(part.__name__, setting, one) for one in given] == [words[one] for one in values]


def test_what_has_no_values_of_its_own_has_no_words_for_them() -> None:
    assert setting_words.of_value("FieldPart", "not_null", True) == ""
    assert setting_words.of_value("FieldPart", "ignore_outside", "to_bc") == ""


@pytest.mark.parametrize("step", [*transforms.NAMES, transforms.LOOKUP])
def test_every_transformation_has_its_sentence(step: str) -> None:
    assert setting_words.of_step(step).endswith(".")


def test_the_packaged_schema_is_the_one_of_the_reference() -> None:
    assert reference.schema() == mapping_file.schema_text()
