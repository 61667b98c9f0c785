"""Whatever is wrong with a mappings file, it is examined to its end, and what is left can be held against a side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from ruamel.yaml import YAML

from schemas import mapping_parts
from schemas.advice import advice
from schemas.errors import ConfigurationError
from schemas.finding import Level
from schemas.mapping_check import check
from schemas.mapping_file import examine, parse
from schemas.mapping_rules import mistakes
from schemas.metadata import Served, Service
from tests.support.tries import tries

# Each example reads it anew, which takes the longer the more there is of it: few lines, and every setting in them.
FILE = """
mappings:
  - name: PEOPLE
    bc: {table: salespeoplePurchasers, id: id, key: code}
    sales:
      table: systemusers
      filter: isdisabled eq false
      references: {team: {child: teams, parent: leaderid, field: teamid, where: isdefault eq true}}
    direction: to_bc
    fields:
      - {bc: code, generate: "P{:03d}", direction: to_bc, on: insert}
      - {bc: displayName, sales: [firstname, lastname], max_length: 50, required: true, status: enabled}
  - name: CUSTOMER
    bc:
      table: customers
      api: contoso/sync/v1.0
      references: {contact: {child: contacts, field: number, of: people, never: type eq 'Person'}}
    sales: {table: accounts}
    depends_on: [PEOPLE]
    uncouple_with: [PEOPLE]
    only_coupled: true
    live: true
    couple_existing: true
    on_update_conflict: merge
    on_delete: uncouple
    match_on: [[{bc: email, sales: emailaddress1, ignore_case: true}]]
    templates: [{name: HOME, side: bc, priority: 2, filter: creditlimit eq 1, values: {creditLimit: 1000}}]
    fields:
      - {bc: email, sales: emailaddress1, transform: [trim, {replace: {a: b}}], transform_direction: to_sales}
      - {bc: salespersonCode, sales: ownerid, lookup: PEOPLE, by: contact, to: team, clear_on_failure: true}
      - {bc: buyer, sales: buyerid, lookup: PEOPLE, ignore_outside: to_sales, blank_outside: true, navigation: buyer}
      - {sales: customertypecode, constant: 3, direction: to_sales, not_null: true}
"""
TREE = YAML(typ="safe").load(FILE)
JUNK = [None, 7, -1.5, True, "", "x", "CUSTOMER", "both", [], [[]], {}, ["x"], {"a": 1}, [7], {"x": {}}, "a in (1)"]
Place = list[str | int]


def places(node: Any, here: Place) -> list[Place]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [here] * bool(here) + [place for key, value in inside for place in places(value, [*here, key])]


PLACES = places(TREE, [])


def spoilt(edits: list[tuple[Place, Any]]) -> Any:
    """The file with some of its parts replaced; `x` instead renames a setting and repeats an item of a list."""
    tree = json.loads(json.dumps(TREE))
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


def settings() -> Iterator[str]:
    for part in vars(mapping_parts).values():
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from part.model_fields


def test_what_is_spoilt_has_every_setting_and_no_mistake() -> None:
    assert set(settings()) - {place[-1] for place in PLACES} == set()
    assert examine(FILE).mistakes == ()


@tries(60)
@given(edits=st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(JUNK)), min_size=1, max_size=5))
def test_a_file_is_examined_to_its_end(edits: list[tuple[Place, Any]]) -> None:
    text, source = json.dumps(spoilt(edits), indent=1), "my.yaml"
    file = examine(text, source)
    assert all(one.level is Level.ERROR and one.message and file.line(one.place) for one in file.mistakes)
    assert len({(one.place, one.message) for one in file.mistakes}) == len(file.mistakes)
    hindering = [one for one in mistakes(file.parts) if len(one.place) > 3]
    assert hindering == []
    assert isinstance([*advice(file.parts)], list)
    for finding in check(file, Served({}, Service({}))):
        assert file.line(finding.place)
    if file.mistakes:
        with pytest.raises(ConfigurationError):
            parse(text, source)
