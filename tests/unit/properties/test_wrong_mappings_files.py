"""Whatever is wrong with a mappings file, it is examined to its end, and what is left can be held against a side."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from schemas.advice import advice
from schemas.errors import ConfigurationError
from schemas.finding import Level
from schemas.mapping_check import check
from schemas.mapping_file import examine, parse, standard_text
from schemas.mapping_rules import mistakes
from schemas.metadata import Served, Service
from tests.support.tries import tries

STANDARD = YAML(typ="safe").load(standard_text())["mappings"]
FILE = json.dumps({"mappings": [{**one, "fields": one["fields"][-6:]} for one in STANDARD[:4]]})
JUNK = [None, 7, -1.5, True, "", "x", "CUSTOMER", "both", [], [[]], {}, ["x"], {"a": 1}, [7], {"x": {}}, "a in (1)"]
Place = list[str | int]


def places(node: Any, here: Place) -> list[Place]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [here] * bool(here) + [place for key, value in inside for place in places(value, [*here, key])]


PLACES = places(json.loads(FILE), [])


def spoilt(edits: list[tuple[Place, Any]]) -> Any:
    """The file with some of its parts replaced; `x` instead renames a setting and repeats an item of a list."""
    tree = json.loads(FILE)
    for (*parents, last), value in edits:
        node: Any = tree
        try:
            for part in parents:
                node = node[part]
            old = node[last]
            if isinstance(node, dict) and value == "x":
                node[f"{last}s"] = node.pop(last)
            elif isinstance(node, list) and value == "x":
                node.append(old)
            else:
                node[last] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier edit has taken it away
    return tree


@tries(100)
@given(edits=st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(JUNK)), min_size=1, max_size=5))
def test_a_file_is_examined_to_its_end(edits: list[tuple[Place, Any]]) -> None:
    text = json.dumps(spoilt(edits), indent=1)
    file = examine(text)
    assert all(one.level is Level.ERROR and one.message and file.line(one.place) for one in file.mistakes)
    assert len({(one.place, one.message) for one in file.mistakes}) == len(file.mistakes)
    hindering = [one for one in mistakes(file.parts) if len(one.place) > 3]
    assert hindering == []
    assert isinstance([*advice(file.parts)], list)
    for finding in check(file, Served({}, Service({}))):
        assert file.line(finding.place)
    if file.mistakes:
        with pytest.raises(ConfigurationError):
            parse(text)
