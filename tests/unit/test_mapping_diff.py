"""Two versions of a mappings file: what differs, and the sweep that each difference needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.mapping_diff import Definition, Kind, MappingDiff, Sweep, commands, compare, owe, paid
from schemas.mapping_file import parse, standard_text
from schemas.side import Direction

FILE = """
mappings:
  - name: CURRENCY
    bc: {table: currencies}
    sales: {table: transactioncurrencies}
    direction: to_sales
    fields:
      - {bc: code, sales: isocurrencycode}
  - name: CUSTOMER
    bc: {table: customers, filter: "blocked eq '_x0020_'"}
    sales: {table: accounts, filter: "statecode eq 0"}
    direction: both
    fields:
      - {bc: displayName, sales: name, max_length: 100}
      - {bc: number, sales: accountnumber, direction: to_sales}
      - {bc: number, sales: accountnumber, direction: to_bc, on: insert}
      - {bc: city, sales: address1_city, status: disabled}
"""
NAME = "{bc: displayName, sales: name, max_length: 100}"
TO_SALES, TO_BC = Direction.TO_SALES, Direction.TO_BC
BOTH = (TO_SALES, TO_BC)
FULL, REPAIR = Sweep.FULL, Sweep.REPAIR
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def definitions(text: str = FILE) -> dict[str, Definition]:
    return dict(parse(text).definitions)


def changed(old: str, new: str) -> tuple[MappingDiff, ...]:
    assert old in FILE
    return compare(definitions(), definitions(FILE.replace(old, new, 1)))


def test_the_same_file_has_no_differences() -> None:
    assert compare(definitions(), definitions()) == ()
    standard = parse(standard_text()).definitions
    assert compare(standard, standard) == ()
    assert changed(f"      - {NAME}\n", f"\n      # a comment, and another order\n      - {NAME}\n") == ()


def test_a_disabled_field_is_written_but_no_part_of_the_definition() -> None:
    file = parse(FILE)
    line = {"bc": "city", "sales": "address1_city", "status": "disabled"}
    assert file.written["CUSTOMER"]["fields"] == [*file.definitions["CUSTOMER"]["fields"], line]
    assert file.written["CURRENCY"] == file.definitions["CURRENCY"]


@pytest.mark.parametrize(
    ("old", "new", "setting", "sweep", "ways"),
    [
        ("blocked eq '_x0020_'", "blocked ne 'All'", "bc.filter", FULL, (TO_SALES,)),
        (', filter: "statecode eq 0"', "", "sales.filter", FULL, (TO_BC,)),
        ("{table: customers,", "{table: vendors,", "bc.table", FULL, BOTH),
        ("direction: both", "direction: to_sales", "direction", None, ()),
        ("direction: both", "only_coupled: false", "only_coupled", None, ()),
        ("direction: both", "on_update_conflict: merge", "on_update_conflict", None, ()),
        ("direction: both", "on_delete: fail", "on_delete", None, ()),
        ("direction: both", "depends_on: [CURRENCY]", "depends_on", None, ()),
        (", status: disabled", "", "fields city ↔ address1_city", FULL, BOTH),
        (", status: disabled", ", direction: to_bc", "fields city ↔ address1_city", FULL, (TO_BC,)),
        ("city, sales: address1_city, status: disabled",
         "country, sales: address1_country, on: insert, direction: to_bc",
         "fields country ↔ address1_country", None, ()),
        (", on: insert", "", "fields number ↔ accountnumber on", FULL, (TO_BC,)),
        ("to_bc, on: insert", "to_bc, on: insert, max_length: 20",
         "fields number ↔ accountnumber max_length", None, ()),
        ("max_length: 100", "max_length: 50", "fields displayName ↔ name max_length", REPAIR, BOTH),
        ("max_length: 100", "transform: [trim]", "fields displayName ↔ name transform", REPAIR, BOTH),
        ("max_length: 100", "transform: [trim], transform_direction: to_bc",
         "fields displayName ↔ name transform", REPAIR, (TO_BC,)),
        ("max_length: 100", "max_length: 100, not_null: true", "fields displayName ↔ name not_null", None, ()),
        (f"      - {NAME}\n", "", "fields displayName ↔ name", None, ()),
    ],
)  # fmt: skip
def test_each_change_is_told_with_the_sweep_it_needs(
    old: str, new: str, setting: str, sweep: Sweep | None, ways: tuple[Direction, ...]
) -> None:
    [diff] = changed(old, new)
    assert (diff.name, diff.kind) == ("CUSTOMER", Kind.CHANGED)
    found = {change.setting: (change.sweep, change.ways) for change in diff.changes}
    assert found[setting] == (sweep, ways)
    assert diff.commands == ((sweep.command("CUSTOMER"),) if sweep else ())


def test_a_wider_direction_owes_only_the_new_way() -> None:
    [diff] = compare(definitions(FILE.replace("direction: both", "direction: to_sales")), definitions())
    assert {change.setting: change.ways for change in diff.changes if change.sweep}["direction"] == (TO_BC,)


def test_a_field_that_travels_both_ways_now_owes_only_the_new_way() -> None:
    one_way = FILE.replace("max_length: 100", "max_length: 100, direction: to_sales")
    [diff] = compare(definitions(one_way), definitions())
    [change] = diff.changes
    assert (change.setting, change.sweep, change.ways) == ("fields displayName ↔ name direction", FULL, (TO_BC,))


def test_mappings_that_came_and_went_are_told() -> None:
    both, only = definitions(), {"CUSTOMER": definitions()["CUSTOMER"]}
    [came], [went] = compare(only, both), compare(both, only)
    assert (came.name, came.kind, came.commands) == ("CURRENCY", Kind.ADDED, ("coupled full-sync CURRENCY",))
    assert (went.name, went.kind, went.commands) == ("CURRENCY", Kind.REMOVED, ())


def test_a_renamed_mapping_is_one_that_went_and_one_that_came() -> None:
    found = compare(definitions(), definitions(FILE.replace("name: CUSTOMER", "name: CLIENT")))
    assert {(diff.name, diff.kind) for diff in found} == {("CLIENT", Kind.ADDED), ("CUSTOMER", Kind.REMOVED)}


def test_what_is_named_twice_with_the_same_fields_is_compared_line_by_line() -> None:
    [diff] = changed("direction: to_bc, on: insert", "direction: to_bc, on: insert, not_null: true")
    assert [change.setting for change in diff.changes] == ["fields number ↔ accountnumber not_null"]


def owed_after(*edits: tuple[str, str]) -> dict[str, Any]:
    """An hour between the edits."""
    owed: dict[str, Any] = {}
    before = FILE
    for hour, (old, new) in enumerate(edits):
        after = before.replace(old, new, 1)
        given = definitions(after)["CUSTOMER"]
        for diff in compare(definitions(before), definitions(after)):
            owed = owe(owed, diff, given, NOON + timedelta(hours=hour))
        before = after
    return owed


FILTER = ("blocked eq '_x0020_'", "blocked ne 'All'")
FIELD = (", status: disabled", "")


def test_what_several_changes_owe_adds_up_and_counts_from_the_last() -> None:
    owed = owed_after(FILTER, FIELD)
    assert commands("CUSTOMER", owed) == {"coupled full-sync CUSTOMER": ["bc.filter", "fields city ↔ address1_city"]}
    assert datetime.fromisoformat(owed["full-sync to_sales"]["since"]) == NOON + timedelta(hours=1)


@pytest.mark.parametrize(("minutes", "left"), [(-1, True), (0, False), (5, False)])
def test_only_a_sweep_that_began_afterwards_pays(minutes: int, left: bool) -> None:
    owed = owed_after(FILTER)
    assert bool(paid(owed, FULL, TO_SALES, NOON + timedelta(minutes=minutes))) is left


def test_each_direction_is_paid_by_its_own_sweep() -> None:
    later = NOON + timedelta(hours=5)
    half = paid(owed_after(FIELD), FULL, TO_SALES, later)
    assert list(half) == ["full-sync to_bc"]
    assert paid(half, REPAIR, TO_BC, later) == half
    assert not paid(half, FULL, TO_BC, later)
    assert not paid(owed_after(FIELD), FULL, Direction.BOTH, later)


def test_a_direction_the_mapping_gave_up_owes_nothing() -> None:
    owed = owed_after(FIELD, ("direction: both", "direction: to_sales"))
    assert list(owed) == ["full-sync to_sales"]
