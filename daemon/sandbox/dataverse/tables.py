"""What a table and a column are: the words the catalogue is written in (wire-protocols B2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    """The column kinds of Dataverse that the catalogue needs."""

    STRING = "String"
    MEMO = "Memo"
    INTEGER = "Integer"
    BIGINT = "BigInt"
    DECIMAL = "Decimal"
    DOUBLE = "Double"
    MONEY = "Money"
    BOOLEAN = "Boolean"
    PICKLIST = "Picklist"
    STATE = "State"
    STATUS = "Status"
    DATETIME = "DateTime"
    DATE = "DateOnly"
    GUID = "Uniqueidentifier"
    LOOKUP = "Lookup"


TEXT = frozenset({Kind.STRING, Kind.MEMO})
OPTIONS = frozenset({Kind.PICKLIST, Kind.STATE, Kind.STATUS})


class OnDelete(StrEnum):
    """What happens to the rows that refer to a deleted row."""

    NONE = "NoCascade"
    REMOVE_LINK = "RemoveLink"
    CASCADE = "Cascade"
    RESTRICT = "Restrict"


@dataclass(frozen=True)
class Target:
    """One table a lookup may point to, and the navigation property by which that is written."""

    entity_set: str
    navigation: str


@dataclass(frozen=True)
class Column:
    """One column; `name` is its logical name, `prop` the name it has in the Web API."""

    name: str
    kind: Kind
    max_length: int = 0
    options: Mapping[int, str] = field(default_factory=dict)
    states: Mapping[int, int] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    places: int = 0
    targets: tuple[Target, ...] = ()
    on_delete: OnDelete = OnDelete.NONE
    required: bool = False
    form_required: bool = False
    read_only: bool = False
    insert_only: bool = False
    update_only: bool = False
    default: object = None

    @cached_property
    def prop(self) -> str:
        """Lookups are read as `_name_value`; everything else under its own name."""
        return f"_{self.name}_value" if self.kind is Kind.LOOKUP else self.name

    @property
    def writable(self) -> bool:
        return not self.read_only


@dataclass(frozen=True)
class Table:
    """One table: its names, columns by property name, and what it allows."""

    entity_set: str
    logical: str
    schema: str
    type_code: int
    primary_name: str
    columns: Mapping[str, Column]
    multiple: bool = True
    org_owned: bool = False
    deletable: bool = True
    key_property: str = ""

    @property
    def primary_id(self) -> str:
        return f"{self.logical}id"

    @property
    def key(self) -> str:
        """The type's key in OData; `ownerid` for systemuser, which derives from principal (B2)."""
        return self.key_property or self.primary_id

    @cached_property
    def lookups(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns.values() if column.kind is Kind.LOOKUP)

    @cached_property
    def amounts(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns.values() if column.kind is Kind.MONEY)

    @cached_property
    def defaults(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns.values() if column.default is not None)

    @cached_property
    def binds(self) -> Mapping[str, tuple[Column, Target]]:
        """Navigation property name to lookup column and target; names are case-sensitive (B2).

        Of several targets of one property (an owner is a user or a team) the first.
        """
        return {target.navigation: (column, target) for column in self.lookups for target in reversed(column.targets)}


def text(name: str, length: int, **rules: object) -> Column:
    """A text column of at most `length` characters."""
    return Column(name, Kind.STRING, max_length=length, **rules)  # type: ignore[arg-type]


def memo(name: str, length: int = 2000, **rules: object) -> Column:
    """A multi-line text column."""
    return Column(name, Kind.MEMO, max_length=length, **rules)  # type: ignore[arg-type]


def money(name: str, **rules: object) -> Column:
    """An amount; emitted with four decimals (B2)."""
    return Column(name, Kind.MONEY, low=-922337203685477, high=922337203685477, places=4, **rules)  # type: ignore[arg-type]


def decimal(name: str, places: int, low: float, high: float, **rules: object) -> Column:
    """A decimal number with a fixed number of places."""
    return Column(name, Kind.DECIMAL, low=low, high=high, places=places, **rules)  # type: ignore[arg-type]


def whole(name: str, low: int = -2147483648, high: int = 2147483647, **rules: object) -> Column:
    """A whole number in a range."""
    return Column(name, Kind.INTEGER, low=low, high=high, **rules)  # type: ignore[arg-type]


def flag(name: str, **rules: object) -> Column:
    """A yes/no column; no by default."""
    return Column(name, Kind.BOOLEAN, **{"default": False, **rules})  # type: ignore[arg-type]


def choice(name: str, options: Mapping[int, str], **rules: object) -> Column:
    """An option set; only its integers are accepted (D94)."""
    return Column(name, Kind.PICKLIST, options=options, **rules)  # type: ignore[arg-type]


def lookup(name: str, *targets: tuple[str, str], **rules: object) -> Column:
    """A lookup to `(entity set, navigation property)` pairs."""
    made = tuple(Target(entity_set, navigation) for entity_set, navigation in targets)
    return Column(name, Kind.LOOKUP, targets=made, **rules)  # type: ignore[arg-type]


def plain(name: str, kind: Kind, **rules: object) -> Column:
    """A column of any other kind."""
    return Column(name, kind, **rules)  # type: ignore[arg-type]


def state(states: Mapping[int, str], reasons: Mapping[int, tuple[int, str]], start: tuple[int, int]) -> list[Column]:
    """statecode and statuscode; `reasons` maps a status to its state and label (a state's first is its default)."""
    return [
        Column("statecode", Kind.STATE, options=states, update_only=True, default=start[0]),
        Column(
            "statuscode",
            Kind.STATUS,
            options={number: label for number, (_, label) in reasons.items()},
            states={number: owner for number, (owner, _) in reasons.items()},
            default=start[1],
        ),
    ]
