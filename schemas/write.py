"""One write to a side, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.change import Change
from schemas.errors import ApiError
from schemas.mapping import TableMapping


@dataclass(frozen=True, slots=True)
class Write:
    """Create (`version` None), change or, if it `deletes`, delete (only if still at `version`) one record.

    `fields` are canonical values by field name; `blanks` the base they replace, which tells what kind of blank BC
    wants. A create carries the id for Sales; for BC the id is empty and the service chooses it. `cause` is the change
    that it carries.
    """

    mapping: TableMapping
    id: str
    fields: Mapping[str, Any]
    version: str | None = None
    blanks: Mapping[str, Any] = field(default_factory=dict)
    deletes: bool = False
    cause: Change | None = field(default=None, compare=False)

    @property
    def creates(self) -> bool:
        return self.version is None


@dataclass(frozen=True, slots=True)
class Written:
    """`row` is the record as the side answered it after the write (empty if it answered nothing)."""

    row: Mapping[str, Any]


# What a target answers per write, in the order given: the row, or why not.
Answer = Written | ApiError
