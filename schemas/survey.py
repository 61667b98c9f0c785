"""What a survey finds: one record, or one pair of them, and what would become of it or has to be done about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schemas.side import Direction, Side

# Of records that look like one thing, so many are named.
_NAMED = 10
_WHOSE = {"bc": "Business Central's counts", "sales": "Sales' counts", None: "a person decides"}


class Kind(StrEnum):
    """A dry run's are what the real run would do; `duplicate` and the rest are for a person to look at.

    Verify's `drift` is a pair that differs, `half` one that was never carried, `orphan` a record whose partner is gone,
    `gone` a coupling of which nothing is left; `equal` one that is as it should be, and `outside` one that has left the
    filter.
    """

    INSERT = "insert"
    COUPLE = "couple"
    MODIFY = "modify"
    UNCHANGED = "unchanged"
    UNCOUPLE = "uncouple"
    SKIP = "skip"
    FAIL = "fail"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    UNMATCHED = "unmatched"
    DRIFT = "drift"
    HALF = "half"
    ORPHAN = "orphan"
    GONE = "gone"
    EQUAL = "equal"
    OUTSIDE = "outside"
    UNCOUPLED_BC = "uncoupled_bc"
    UNCOUPLED_SALES = "uncoupled_sales"


# What needs nothing of anybody, and is most of what there is: kept packed, and listed where it is asked for.
PLAIN = (Kind.EQUAL, Kind.OUTSIDE, Kind.UNCHANGED, Kind.UNCOUPLED_BC, Kind.UNCOUPLED_SALES)
UNCOUPLED = {Side.BC: Kind.UNCOUPLED_BC, Side.SALES: Kind.UNCOUPLED_SALES}


@dataclass(frozen=True, slots=True)
class Finding:
    """`label` is what people call the record; `detail` depends on the kind: fields, a problem, other candidates."""

    kind: str
    direction: Direction
    bc_id: str | None
    sales_id: str | None
    label: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def counted(direction: Direction, kind: Kind) -> str:
    """The key of a job's `found` for what a dry run found in one direction."""
    return f"{direction.value}.{kind.value}"


def parted(key: str) -> tuple[str, str]:
    """(direction, kind) of a key of a job's `found`; without a direction that is empty."""
    way, _, kind = key.rpartition(".")
    return way, kind


def by_kind(found: Mapping[str, int]) -> dict[str, int]:
    """A job's `found` as it is told in a line: both directions together, without what is only counted on the way."""
    told: dict[str, int] = {}
    for key, count in found.items():
        _, kind = parted(key)
        if kind not in UNCOUPLED.values():
            told[kind] = told.get(kind, 0) + count
    return told


def number_found(found: Mapping[str, int], kind: str, direction: Direction | None = None) -> int:
    """How many of a kind a job's `found` has; with a direction those that it counts in that one."""
    keys = ((parted(key), count) for key, count in found.items())
    return sum(count for (way, of), count in keys if of == kind and (direction is None or way == direction.value))


def recommended(in_bc: int, in_sales: int, coupled: int, couples_by_itself: bool) -> str:
    """What a mapping needs first, by its uncoupled records in the filter and its couplings (business-central-sync 4.3).

    `couples_by_itself`: its full synchronisation couples what exists already, as currencies and salespeople do.
    """
    if in_bc and in_sales and not couples_by_itself:
        return "match"
    if in_bc or in_sales:
        return "full-sync"
    return "nothing to do" if coupled else "no records"


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a dry run says of one mapping before it is run: how many records would be inserted into each side, and how
    many look like duplicates. `first`: what it needs first; empty where the dry run does not tell."""

    inserts: Mapping[Side, int]
    duplicates: int
    first: str = ""


def foretold(found: Mapping[str, int], read: int, couples_by_itself: bool | None) -> Foretold:
    """By what a dry run's job has `found` among the records of both sides that it has `read`.

    `couples_by_itself` None: the mapping is no longer there.
    """
    inserts = {way.source.other: found.get(counted(way, Kind.INSERT), 0) for way in Direction.BOTH.one_ways}
    first = ""
    if Kind.UNCOUPLED_BC in found and couples_by_itself is not None:
        in_bc, in_sales = found[Kind.UNCOUPLED_BC], found.get(Kind.UNCOUPLED_SALES, 0)
        first = recommended(in_bc, in_sales, read - in_bc - in_sales, couples_by_itself)
    return Foretold(inserts, found.get(Kind.DUPLICATE, 0), first)


def said(kind: str, detail: Mapping[str, Any]) -> str:
    """What there is to say of a finding besides how its record is called; empty if there is nothing."""
    return "; ".join(sentences(kind, detail))


def shown(value: Any) -> str:
    """A value in a text, told from its like: the text '0', the number 0, and nothing at all."""
    return "nothing" if value is None else repr(value)


def sentences(kind: str, detail: Mapping[str, Any]) -> Iterator[str]:
    """What there is to say, one after the other."""
    if "partner" in detail:
        yield f"is {detail['partner']}"
    if "by" in detail:
        yield f"by {', '.join(detail['by'])}"
    for side in Side:
        if isinstance(detail.get(side.value), Mapping):
            yield f"{side.label}: {_named(detail[side.value])}"
    if "gone" in detail:
        yield f"gone from {' and '.join(Side(one).label for one in detail['gone'])}"
    if "next" in detail:
        yield str(detail["next"])
    if "begun" in detail:
        yield "its creation in Business Central was begun, and may have been done"
    if "message" in detail:
        yield str(detail["message"])
    yield from _values(kind, detail.get("fields", ()))


def _values(kind: str, fields: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a dry run would write, or what a comparison has found apart."""
    if not isinstance(fields, Mapping):
        yield from (_apart(one) for one in fields)
    elif kind in (Kind.MODIFY, Kind.COUPLE):
        yield from (f"{name} {shown(before)} → {shown(after)}" for name, (before, after) in fields.items())


def _named(records: Mapping[str, str]) -> str:
    """Names with their ids; of many, the first."""
    told = [f"{label} ({key})" for key, label in records.items()]
    return ", ".join([*told[:_NAMED], *([f"and {len(told) - _NAMED:,} more"] if len(told) > _NAMED else [])])


def _apart(field: Mapping[str, Any]) -> str:
    """A field that differs: both values, and whose a repair takes."""
    bc, sales = (" + ".join(map(shown, field[side.value].values())) for side in Side)
    return f"{field['field']}: {bc} ≠ {sales}, {_WHOSE[field['use']]}"
