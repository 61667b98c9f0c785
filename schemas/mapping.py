"""Integration table mappings: which tables, which fields, in which direction, by which rules (DESIGN 4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from schemas.field_mapping import FieldRule, When
from schemas.filters import Filter
from schemas.side import Direction, Side


class OnUpdateConflict(StrEnum):
    """What happens when both sides changed since they last agreed (business-central-sync 3.6).

    fail: any mapped change on both sides is a conflict, as in the original. The other three merge what was edited
    on one side only; for a field edited on both, merge fails, bc_wins and sales_wins take that side's value.
    """

    FAIL = "fail"
    BC_WINS = "bc_wins"
    SALES_WINS = "sales_wins"
    MERGE = "merge"


class OnDelete(StrEnum):
    """What happens to the partner of a record deleted on one side (business-central-sync 3.7).

    ignore: nothing until the partner is carried, which then fails. restore: the deleted record is created again from
    its partner. delete: the partner is deleted too, unless it has changed. Where both are gone, their coupling goes.
    """

    IGNORE = "ignore"
    FAIL = "fail"
    RESTORE = "restore"
    UNCOUPLE = "uncouple"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class ChildReference:
    """Another name a record is known by, held in a row below it.

    BC: `child` is a part of the page, read with $expand (a customer's company contact). Sales: `child` is an entity
    set whose `parent` column points back (a unit group's base unit).

    `of`: the table whose records have the name for their key; those in its filter are never below a record of ours.
    """

    name: str
    child: str
    field: str
    where: Filter
    parent: str = ""
    of: "Table | None" = None


@dataclass(frozen=True, slots=True)
class Table:
    """One side of a mapping: the entity set, its id column, its natural key, its filter.

    `api` is the path of a custom API page (`publisher/group/version`); empty means the standard API.
    """

    side: Side
    name: str
    id: str
    key: str = ""
    filter: Filter = field(default_factory=Filter.everything)
    api: str = ""
    references: tuple[ChildReference, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """An insert template: `values` for a record created on `side`, if the source row is in the filter.

    The original's configuration templates (business-central-sync 2.1). Values are as `side` stores them.
    """

    name: str
    side: Side
    priority: int
    filter: Filter
    values: Mapping[str, Any]


@dataclass(frozen=True)
class TableMapping:
    """One integration table mapping. Names are unique; tables need not be (business-central-sync U15)."""

    name: str
    bc: Table
    sales: Table
    direction: Direction
    fields: tuple[FieldRule, ...]
    depends_on: tuple[str, ...] = ()
    uncouple_with: tuple[str, ...] = ()
    only_coupled: bool = True
    live: bool = True
    couple_existing: bool = False
    on_update_conflict: OnUpdateConflict = OnUpdateConflict.FAIL
    on_delete: OnDelete = OnDelete.IGNORE
    match_on: tuple[tuple[tuple[str, str, bool], ...], ...] = ()
    templates: tuple[Template, ...] = ()

    def table(self, side: Side) -> Table:
        return self.bc if side is Side.BC else self.sales

    def rules(self, direction: Direction) -> tuple[FieldRule, ...]:
        """The field rows that take part in a run of this direction (business-central-sync 2.2)."""
        return self._rules[direction]

    @cached_property
    def _rules(self) -> dict[Direction, tuple[FieldRule, ...]]:
        return {
            way: tuple(rule for rule in self.fields if rule.direction.covers(way))
            for way in (Direction.TO_SALES, Direction.TO_BC)
        }

    def both_ways(self, rule: FieldRule) -> bool:
        """Does the field travel both ways after its creation, by this line or by two opposite ones together?

        Only such a field can be edited on both sides (business-central-sync 3.6).
        """
        return self.direction is Direction.BOTH and (rule.direction is Direction.BOTH or bool(self.opposite(rule)))

    def opposite(self, rule: FieldRule) -> tuple[FieldRule, ...]:
        """The lines that carry back what a one-way line carries: the same fields, each direction with its own rules."""
        return self._opposite.get(_line(rule), ()) if rule.when is When.ALWAYS else ()

    @cached_property
    def _opposite(self) -> dict[tuple[Any, ...], tuple[FieldRule, ...]]:
        one_way = [rule for rule in self.fields if rule.direction is not Direction.BOTH and rule.when is When.ALWAYS]
        return {
            _line(rule): tuple(one for one in one_way if one.direction is not rule.direction and _share(one, rule))
            for rule in one_way
        }

    @cached_property
    def _mapped(self) -> dict[Side, tuple[str, ...]]:
        return {side: tuple(dict.fromkeys(name for rule in self.fields for name in rule.fields(side))) for side in Side}

    def mapped(self, side: Side) -> tuple[str, ...]:
        """The side's field names this mapping reads or writes, in order, without repeats."""
        return self._mapped[side]

    def template(self, side: Side, row: Mapping[str, Any]) -> Template | None:
        """For a record to be created on `side` from the other side's `row`: of the templates whose filter it is in, the
        one with the lowest priority (business-central-sync 2.1); of several alike, the first.
        """
        fitting = (one for one in self.templates if one.side is side and one.filter.matches(row))
        return min(fitting, key=lambda one: one.priority, default=None)

    def filter_fields(self, side: Side) -> tuple[str, ...]:
        """What the filters over this side's rows read: the table's, and those of templates for the other side."""
        filters = (self.table(side).filter, *(one.filter for one in self.templates if one.side is side.other))
        return tuple(sorted({name for one in filters for name in one.fields}))

    def match_fields(self, side: Side) -> tuple[str, ...]:
        """The side's fields that tell whether two records are one, mapped or not."""
        pairs = ((bc, sales) for group in self.match_on for bc, sales, _ in group)
        return tuple(dict.fromkeys(bc if side is Side.BC else sales for bc, sales in pairs))

    @cached_property
    def lookup_columns(self) -> frozenset[str]:
        """Sales columns that hold a reference: read as `_x_value`, written by binding (wire-protocols B2)."""
        return frozenset(name for rule in self.fields if rule.bind for name in rule.sales)


def _line(rule: FieldRule) -> tuple[Any, ...]:
    return rule.direction, rule.bc, rule.sales


def _share(one: FieldRule, other: FieldRule) -> bool:
    return all(set(one.fields(side)) & set(other.fields(side)) for side in Side)


@dataclass(frozen=True)
class Mappings:
    """All mappings of a daemon, in the order of the file."""

    all: tuple[TableMapping, ...]
    source: str = "standard"
    # Each as its file has it, by name, to be compared with what the daemon last ran with.
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)
    # The same with the fields that are disabled, to be shown.
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, name: str) -> TableMapping:
        return self.by_name[name]

    @cached_property
    def by_name(self) -> dict[str, TableMapping]:
        return {mapping.name: mapping for mapping in self.all}

    def reading(self, side: Side, table: str) -> tuple[TableMapping, ...]:
        """The mappings that carry changes of this table to the other side."""
        way = Direction.from_side(side)
        return tuple(m for m in self.all if m.direction.covers(way) and m.table(side).name == table)

    def of(self, side: Side, table: str) -> tuple[TableMapping, ...]:
        """The mappings that couple records of this table, whichever way they carry changes."""
        return tuple(m for m in self.all if m.table(side).name == table)

    def captured(self) -> tuple[tuple[Side, str], ...]:
        """Every (side, table) whose changes some mapping carries: what capture reads and topics exist for."""
        pairs = ((way.source, m.table(way.source).name) for m in self.all for way in m.direction.one_ways)
        return tuple(dict.fromkeys(pairs))

    def followed(self) -> tuple[tuple[Side, str], ...]:
        """What is captured, and the tables that are only written to, where `on_delete` says what a deletion there means
        for the survivor: what topics exist for. Of those, nothing but deletions is carried."""
        acting = {OnDelete.FAIL, OnDelete.RESTORE, OnDelete.UNCOUPLE}
        pairs = ((side, m.table(side).name) for m in self.all if m.on_delete in acting for side in Side)
        return tuple(dict.fromkeys((*self.captured(), *pairs)))

    def in_order(self, names: Iterable[str] | None = None) -> tuple[TableMapping, ...]:
        """The mappings (all, or the named ones) in file order, each after those it depends on (promise: DESIGN 5)."""
        wanted = set(self.by_name if names is None else names)
        ordered: list[str] = []
        for mapping in self.all:
            self._place(mapping.name, wanted, ordered)
        return tuple(self[name] for name in ordered)

    def uncoupled_with(self, name: str) -> "tuple[TableMapping, ...]":
        """The mapping and those whose records are uncoupled with its own, the ones that refer to others first."""
        found = [name]
        for known in found:
            found += [one.name for one in self.all if known in one.uncouple_with and one.name not in found]
        return tuple(self[one] for one in reversed(found))

    def _place(self, name: str, wanted: set[str], ordered: list[str]) -> None:
        if name in ordered or name not in self.by_name:
            return
        for dependency in self[name].depends_on:
            self._place(dependency, wanted, ordered)
        if name in wanted:
            ordered.append(name)
