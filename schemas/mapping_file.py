"""The mappings file: YAML text in, `Mappings` out, or one error with file, line, field and hint (DESIGN 4)."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from pydantic import ValidationError

from schemas import yaml_lines
from schemas.errors import ConfigurationError
from schemas.mapping import Mappings
from schemas.mapping_build import Mistake, build
from schemas.mapping_parts import FilePart

STANDARD = "standard"


def standard_text() -> str:
    """The packaged file with the seven standard mappings."""
    return (files("schemas") / "standard.yaml").read_text(encoding="utf-8")


def parse(text: str, source: str = STANDARD) -> Mappings:
    """The mappings of a file. ConfigurationError names `source`, the line, the field, and what to do."""
    try:
        tree = yaml_lines.read(text)
    except yaml_lines.NotYaml as error:
        raise _error(source, error.line, "", str(error)) from error
    try:
        parts = FilePart.model_validate(tree if isinstance(tree, Mapping) else {"mappings": tree})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _misplaced(source, tree, first["loc"], yaml_lines.sentence(first)) from error
    try:
        return build(parts, source)
    except Mistake as error:
        raise _misplaced(source, tree, error.place, str(error)) from error


def _misplaced(source: str, tree: Any, place: yaml_lines.Place, sentence: str) -> ConfigurationError:
    return _error(source, yaml_lines.line(tree, place), yaml_lines.dotted(place), sentence)


def _error(source: str, line: int, place: str, sentence: str) -> ConfigurationError:
    where = f"{source}, line {line}" + (f", {place}" if place else "")
    return ConfigurationError(
        "mappings-invalid",
        f"{where}: {sentence}.",
        "`coupled mappings show standard` prints a working file; docs/mappings.md explains every setting.",
    )
