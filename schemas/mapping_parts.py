"""The parts of a mappings file as they are written: every setting once, with its default (DESIGN 4)."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.mapping import OnDelete, OnUpdateConflict, When
from schemas.side import Direction, Side


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
    required: bool = False
    not_null: bool = False
    clear_on_failure: bool = False
    blank_outside: bool = False
    max_length: int | None = Field(default=None, gt=0)
    transform: list[str | dict[str, Any]] = []
    transform_direction: Direction | None = None
    status: Literal["enabled", "disabled"] = "enabled"


class MatchPart(_Part):
    bc: str
    sales: str
    ignore_case: bool = False


class TemplatePart(_Part):
    name: str = Field(min_length=1)
    side: Side
    priority: int = 1
    filter: str = ""
    values: dict[str, str | int | float | bool] = Field(min_length=1)


class MappingPart(_Part):
    name: str = Field(pattern=r"^[A-Z][A-Z0-9_-]{0,49}$")
    bc: SidePart
    sales: SidePart
    direction: Direction = Direction.BOTH
    depends_on: list[str] = []
    uncouple_with: list[str] = []
    only_coupled: bool = True
    couple_existing: bool = False
    on_update_conflict: OnUpdateConflict = OnUpdateConflict.FAIL
    on_delete: OnDelete = OnDelete.IGNORE
    match_on: list[list[MatchPart]] = []
    templates: list[TemplatePart] = []
    fields: list[FieldPart] = Field(min_length=1)


class FilePart(_Part):
    mappings: list[MappingPart] = Field(min_length=1)
