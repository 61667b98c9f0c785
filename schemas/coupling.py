"""A coupling: one BC record and one Sales record that are the same thing, strictly 1:1 per mapping."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from schemas.side import Side

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Half:
    """What a coupling knows of one side.

    `version` is the etag last seen or written (empty: unknown, read before writing); `sequence` orders versions;
    `base` holds the mapped values, canonical, of this side when both last agreed; `references` are other names of
    the record that lookups use (`code`, `contact`, `uom`…).
    """

    id: str
    version: str = ""
    sequence: int = 0
    base: Values = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coupling:
    mapping: str
    bc: Half
    sales: Half

    def half(self, side: Side) -> Half:
        return self.bc if side is Side.BC else self.sales

    def with_half(self, side: Side, half: Half) -> "Coupling":
        return replace(self, bc=half) if side is Side.BC else replace(self, sales=half)

    @staticmethod
    def of(mapping: str, side: Side, half: Half, other: Half) -> "Coupling":
        """Couples `half` of `side` with `other` of the other side."""
        return Coupling(mapping, half, other) if side is Side.BC else Coupling(mapping, other, half)


@dataclass(frozen=True, slots=True)
class Reference:
    """A name to look a coupling up by: `mapping`'s record whose `name` on `side` is `value`.

    With a `field` the answer is that mapped field of the record itself, on `side`, as both last agreed.
    """

    mapping: str
    side: Side
    name: str
    value: str
    field: str = ""


# A lookup's answer: the coupling's references on the other side, `id` among them; or the `field` asked for.
# OUTSIDE itself, in place of an answer: not coupled, and on its own side not in the filter of its mapping.
OUTSIDE: Mapping[str, str] = MappingProxyType({})
Lookups = Mapping[Reference, Mapping[str, Any]]
