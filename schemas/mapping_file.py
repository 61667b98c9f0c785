"""The mappings file: YAML text in, `Mappings` out, or one error with file, line, field and hint (DESIGN 4)."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

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
        tree = YAML(typ="rt").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise _error(source, line, "", f"it is not YAML: {getattr(error, 'problem', error)}") from error
    try:
        parts = FilePart.model_validate(tree if isinstance(tree, Mapping) else {"mappings": tree})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _error(source, _line(tree, first["loc"]), _place(first["loc"]), _sentence(first)) from error
    try:
        return build(parts, source)
    except Mistake as error:
        raise _error(source, _line(tree, error.place), _place(error.place), str(error)) from error


def _sentence(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return f"there is no such setting: {error['loc'][-1]!r}"
    return str(error["msg"])


def _place(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location)


def _line(tree: Any, location: Sequence[int | str]) -> int:
    """The line of the deepest part of `location` that stands in the file."""
    line, node = 1, tree
    for part in location:
        try:
            line = (node.lc.item(part) if isinstance(part, int) else node.lc.key(part))[0] + 1
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line


def _error(source: str, line: int, place: str, sentence: str) -> ConfigurationError:
    where = f"{source}, line {line}" + (f", {place}" if place else "")
    return ConfigurationError(
        "mappings-invalid",
        f"{where}: {sentence}.",
        "`coupled mappings show standard` prints a working file; docs/mappings.md explains every setting.",
    )
