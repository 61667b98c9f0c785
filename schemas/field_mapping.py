"""One line of a mapping: which fields carry each other's value, in which direction, when, and as what (DESIGN 4)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schemas.chain import FieldLookup, Transform
from schemas.side import Direction, Side


class When(StrEnum):
    ALWAYS = "always"
    INSERT = "insert"
    AFTER_INSERT = "after_insert"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A field whose value names a record of another mapping.

    `by` is the BC-side reference that the BC field holds (its code or number by default); `to` the Sales-side
    reference the Sales column holds (the record's id by default). See `ChildReference` for others.

    `only_from`: the side that a one-way mapping reads from, and `matched` what it finds existing records there by.
    """

    mapping: str
    by: str
    to: str = "id"
    only_from: Side | None = None
    matched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One row of the integration field mapping (business-central-sync 2.2).

    `bc` and `sales` name one field each, or two on the Sales side (a name split at the first space); a constant has
    none on its source side. `bind` is the Sales navigation property and the set written to for a lookup.
    `generate` is a pattern for a code of our own, such as `SP NO. {:05d}`.
    """

    bc: tuple[str, ...]
    sales: tuple[str, ...]
    direction: Direction = Direction.BOTH
    lookup: Lookup | None = None
    bind: str = ""
    constant: Any = None
    generate: str = ""
    when: When = When.ALWAYS
    required: bool = False
    not_null: bool = False
    clear_on_failure: bool = False
    blank_outside: bool = False
    ignore_outside: Direction | None = None
    max_length: int | None = None
    transforms: tuple[Transform, ...] = ()
    transform_direction: Direction = Direction.BOTH

    def fields(self, side: Side) -> tuple[str, ...]:
        return self.bc if side is Side.BC else self.sales

    @property
    def name(self) -> str:
        return f"{'+'.join(self.bc) or '—'} ↔ {'+'.join(self.sales) or '—'}"

    def leaves_out(self, direction: Direction) -> bool:
        """Takes a record no part in this direction, if what it names never will be coupled (`ignore_outside`)?"""
        return self.ignore_outside is not None and self.ignore_outside.covers(direction)

    @property
    def looks_up(self) -> bool:
        return self.lookup is not None or any(isinstance(one.argument, FieldLookup) for one in self.transforms)

    def chain(self, direction: Direction) -> tuple[Transform, ...]:
        """The steps that a value takes in this direction (business-central-sync 2.2, Transformation Direction)."""
        return self.transforms if self.transform_direction.covers(direction) else ()
