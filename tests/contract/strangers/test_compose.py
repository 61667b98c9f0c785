"""docker-compose.yml is one that Compose takes: asked of `check-jsonschema`, which brings the Compose Specification."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.fetched import ROOT
from tests.support.strangers import judged

COMPOSE = ROOT / "docker-compose.yml"
_SCHEMA = ("check_jsonschema", "--builtin-schema", "vendor.compose-spec")


def test_the_compose_file_follows_the_specification(python: None) -> None:
    fine, said = judged(*_SCHEMA, str(COMPOSE))
    assert fine, said


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (lambda file: file["services"]["kafka"].update(restarts="always"), "restarts"),
        (lambda file: file["services"]["kafka"].update(volumes="kafka"), "volumes"),
        (lambda file: file["services"]["worker-1"]["depends_on"]["kafka"].update(condition="well"), "condition"),
        (lambda file: file.update(service={}), "service"),
    ],
    ids=["unknown key", "wrong type", "unknown word", "unknown section"],
)
def test_a_mistake_in_it_would_be_found(
    python: None, tmp_path: Path, break_it: Callable[[Any], Any], named: str
) -> None:
    file = YAML(typ="safe").load(COMPOSE)
    break_it(file)
    broken = tmp_path / "docker-compose.yml"
    YAML(typ="safe").dump(file, broken)
    fine, said = judged(*_SCHEMA, str(broken))
    assert not fine
    assert named in said
