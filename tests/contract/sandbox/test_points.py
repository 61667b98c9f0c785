"""Every point of wire-protocols part D has a test that carries its number, and every switch one that turns it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings

HERE = Path(__file__).parent
POINTS: dict[int, Any] = YAML(typ="safe").load(HERE.joinpath("points.yaml"))
SWITCHES: dict[int, list[str]] = {
    number: point["switches"] for number, point in POINTS.items() if not isinstance(point, str)
}
_NUMBERED = re.compile(r"test_d_((?:\d{3}_)+)")


@cache
def _tests() -> Sequence[tuple[set[int], bool, str]]:
    """(its numbers, whether it runs with several values, its text) of each numbered test."""
    return [*_read()]


def _read() -> Iterator[tuple[set[int], bool, str]]:
    for path in sorted(HERE.glob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            found = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _NUMBERED.match(node.name)
            if found and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                numbers = {int(number) for number in found[1].split("_") if number}
                several = any("parametrize" in ast.unparse(decorator) for decorator in node.decorator_list)
                yield numbers, several, ast.get_source_segment(source, node) or ""


def test_the_list_has_every_number() -> None:
    assert list(POINTS) == list(range(1, 124))


def test_every_point_has_a_test() -> None:
    tested = set[int]().union(*(numbers for numbers, _, _ in _tests()))
    assert sorted(set(POINTS) - tested) == []
    assert sorted(tested - set(POINTS)) == []


def test_every_switch_is_turned_by_a_test_of_its_point() -> None:
    unturned = [
        (number, switch)
        for number, switches in SWITCHES.items()
        for switch in switches
        if not any(number in numbers and several and f"{switch}=" in text for numbers, several, text in _tests())
    ]
    assert unturned == []


def test_every_switch_is_a_setting() -> None:
    settings = {field.name for settings in (BcSettings, DataverseSettings) for field in fields(settings)}
    assert {switch for switches in SWITCHES.values() for switch in switches} <= settings
