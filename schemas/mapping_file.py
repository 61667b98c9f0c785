"""The mappings file: YAML text in, `Mappings` out, or one error with file, line, field and hint (DESIGN 4)."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas import yaml_lines
from schemas.errors import ConfigurationError
from schemas.mapping import Mappings, OnDelete, OnUpdateConflict, When
from schemas.mapping_build import Mistake, build
from schemas.side import Direction

STANDARD = "standard"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReferencePart(_Part):
    child: str
    field: str
    parent: str = ""
    where: str = ""


class SidePart(_Part):
    table: str
    filter: str = ""
    id: str = ""
    key: str = ""
    api: str = ""
    references: dict[str, ReferencePart] = {}


class FieldPart(_Part):
    bc: str | None = None
    sales: str | list[str] | None = None
    direction: Direction | None = None
    lookup: str | None = None
    by: str = ""
    to: str = "id"
    navigation: str = ""
    constant: str | int | float | bool | None = None
    generate: str = ""
    on: When = When.ALWAYS
    not_null: bool = False
    clear_on_failure: bool = False
    max_length: int | None = Field(default=None, gt=0)
    transform: list[str | dict[str, Any]] = []
    status: Literal["enabled", "disabled"] = "enabled"


class MatchPart(_Part):
    bc: str
    sales: str
    ignore_case: bool = False


class MappingPart(_Part):
    name: str = Field(pattern=r"^[A-Z][A-Z0-9_-]{0,49}$")
    bc: SidePart
    sales: SidePart
    direction: Direction = Direction.BOTH
    depends_on: list[str] = []
    only_coupled: bool = True
    couple_existing: bool = False
    on_update_conflict: OnUpdateConflict = OnUpdateConflict.FAIL
    on_delete: OnDelete = OnDelete.IGNORE
    match_on: list[list[MatchPart]] = []
    fields: list[FieldPart] = Field(min_length=1)


class FilePart(_Part):
    mappings: list[MappingPart] = Field(min_length=1)


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
