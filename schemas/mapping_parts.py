"""The parts of a mappings file as they are written: every setting once, with its default (DESIGN 4).

An example stands where the shape of the value is not plain from its name; hints and the JSON Schema show it.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.field_mapping import When
from schemas.mapping import OnDelete, OnUpdateConflict
from schemas.side import Direction, Side

_TABLES = [{"table": "customers"}]
_FIELDS = [[{"bc": "displayName", "sales": "name"}]]
_GROUPS = [[[{"bc": "email", "sales": "emailaddress1"}]]]
_REFERENCES = [{"uom": {"child": "uoms", "field": "uomid", "parent": "uomscheduleid"}}]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReferencePart(_Part):
    child: str
    field: str
    parent: str = ""
    where: str = ""
    of: str = Field(default="", examples=["contacts"])
    never: str = Field(default="", examples=["contactBusinessRelation eq 'None'"])


class SidePart(_Part):
    table: str
    filter: str = Field(default="", examples=["blocked eq false"])
    id: str = ""
    key: str = ""
    api: str = ""
    references: dict[str, ReferencePart] = Field(default={}, examples=_REFERENCES)


class FieldPart(_Part):
    bc: str | None = None
    sales: str | list[str] | None = Field(default=None, examples=["name", ["firstname", "lastname"]])
    direction: Direction | None = None
    lookup: str | None = None
    by: str = ""
    to: str = "id"
    navigation: str = ""
    constant: str | int | float | bool | None = Field(default=None, examples=[3, "Person"])
    generate: str = Field(default="", examples=["SP NO. {:05d}"])
    on: When = When.ALWAYS
    required: bool = False
    not_null: bool = False
    clear_on_failure: bool = False
    blank_outside: bool = False
    ignore_outside: Direction | None = None
    max_length: int | None = Field(default=None, gt=0)
    transform: list[str | dict[str, Any]] = Field(default=[], examples=[["trim", {"round": 2}]])
    transform_direction: Direction | None = None
    status: Literal["enabled", "disabled"] = "enabled"

    @property
    def sales_columns(self) -> tuple[str, ...]:
        return (self.sales,) if isinstance(self.sales, str) else tuple(self.sales or ())

    def names(self, side: Side) -> tuple[str, ...]:
        """Its fields on a side."""
        return ((self.bc,) if self.bc else ()) if side is Side.BC else self.sales_columns


class MatchPart(_Part):
    bc: str
    sales: str
    ignore_case: bool = False


class TemplatePart(_Part):
    name: str = Field(min_length=1, examples=["DOMESTIC"])
    side: Side
    priority: int = 1
    filter: str = Field(default="", examples=["address1_country eq 'GB'"])
    values: dict[str, str | int | float | bool] = Field(min_length=1, examples=[{"creditLimit": 1000}])


class MappingPart(_Part):
    name: str = Field(pattern=r"^[A-Z][A-Z0-9_-]{0,49}$", examples=["CUSTOMER"])
    bc: SidePart = Field(examples=_TABLES)
    sales: SidePart = Field(examples=[{"table": "accounts"}])
    direction: Direction = Direction.BOTH
    depends_on: list[str] = Field(default=[], examples=[["CURRENCY"]])
    uncouple_with: list[str] = Field(default=[], examples=[["CUSTOMER"]])
    only_coupled: bool = True
    live: bool = True
    couple_existing: bool = False
    on_update_conflict: OnUpdateConflict = OnUpdateConflict.FAIL
    on_delete: OnDelete = OnDelete.IGNORE
    match_on: list[list[MatchPart]] = Field(default=[], examples=_GROUPS)
    templates: list[TemplatePart] = Field(
        default=[], examples=[[{"name": "DOMESTIC", "side": "bc", "values": {"creditLimit": 1000}}]]
    )
    fields: list[FieldPart] = Field(min_length=1, examples=_FIELDS)

    def enabled(self) -> Iterator[tuple[int, FieldPart]]:
        """The fields that take part, each with its place in the list (business-central-sync 2.2)."""
        return ((number, field) for number, field in enumerate(self.fields) if field.status == "enabled")


class FilePart(_Part):
    mappings: list[MappingPart] = Field(
        min_length=1,
        examples=[[{"name": "CUSTOMER", "bc": _TABLES[0], "sales": {"table": "accounts"}, "fields": _FIELDS[0]}]],
    )
