"""The mistakes of a mappings file itself: all at once, each with its line, its field and what to write (DESIGN 4)."""

import pytest

from schemas.errors import ConfigurationError
from schemas.mapping_file import MappingsFile, examine, parse
from tests.unit.test_mapping_file import GOOD

CURRENCY, CUSTOMER = "mappings.0.", "mappings.1."
FIELD = "mappings.1.fields.0"
NAME = "sales: name}"
WHOLE = "{bc: displayName, sales: name}"
DEPENDS = "depends_on: [CURRENCY]"
CODE = "lookup: CURRENCY}"


def place(finding: object) -> str:
    return ".".join(map(str, getattr(finding, "place")))  # noqa: B009


def told(text: str) -> dict[tuple[int, str], str]:
    """Message and hint by line and place."""
    file = examine(text, "my.yaml")
    return {(file.line(one.place), place(one)): f"{one.message} → {one.hint}" for one in file.mistakes}


@pytest.mark.parametrize(
    ("old", "new", "where", "reason", "hint"),
    [
        ("direction: to_sales", "direction: to_slaes", CURRENCY + "direction", "to_sales, to_bc or both", "'to_sales'"),
        ("direction: to_sales", "direction: sideways", CURRENCY + "direction", "to_sales", "direction: to_sales"),
        ("direction: to_sales", "on_delete: explode", CURRENCY + "on_delete", "uncouple", "on_delete: ignore"),
        ("table: accounts", "tabel: accounts", CUSTOMER + "sales.tabel", "no such setting", "'table'"),
        ("{table: accounts}", "accounts", CUSTOMER + "sales", "a table", "sales: {table: accounts}"),
        ("{table: accounts}", "{id: a}", CUSTOMER + "sales.table", "'table' is missing", "table: accounts"),
        (DEPENDS, "depends_on: CURRENCY", CUSTOMER + "depends_on", "a list", "[CURRENCY]"),
        (DEPENDS, "depends_on: [CURENCY]", CUSTOMER + "depends_on.0", "no mapping 'CURENCY'", "'CURRENCY'"),
        (DEPENDS, "depends_on: [CUSTOMER]", CUSTOMER + "depends_on", "depends on itself, through itself", "out"),
        (DEPENDS, "uncouple_with: [X]", CUSTOMER + "uncouple_with.0", "looks up 'X'", "CURRENCY"),
        (DEPENDS, "only_coupled: maybe", CUSTOMER + "only_coupled", "true or false", "only_coupled: true"),
        (DEPENDS, "couple_existing: true", CUSTOMER + "couple_existing", "needs match_on", "match_on: [[{bc"),
        (DEPENDS, "match_on: [[]]", CUSTOMER + "match_on.0", "all records one", "{bc: email"),
        (DEPENDS, "match_on: [[{bc: a, sales: transactioncurrencyid}]]", CUSTOMER + "match_on.0.0.sales",
         "a look-up", "A number"),
        (CODE, "lookup: CURENCY}", "mappings.1.fields.1.lookup", "no mapping 'CURENCY'", "'CURRENCY'"),
        (CODE, "lookup: CURRENCY, transform: [upper]}", "mappings.1.fields.1.transform", "no effect", "out"),
        ("name: CUSTOMER", "name: CURRENCY", CUSTOMER + "name", "two mappings are named 'CURRENCY'", "CURRENCY-2"),
        ("name: CUSTOMER", "name: customer", CUSTOMER + "name", "capitals, digits", "'CUSTOMER'"),
        ("name: CUSTOMER", "name: 7", CUSTOMER + "name", "it takes text", '"7"'),
        ("eq '_x0020_'", "equals '_x0020_'", CUSTOMER + "bc.filter", "not an OData filter", "'eq'"),
        ("eq '_x0020_'", "in ('a','b')", CUSTOMER + "bc.filter", "uses 'in', which is not", "Write it out"),
        ("\"blocked eq '_x0020_'\"", "true", CUSTOMER + "bc.filter", "it takes text", '"true"'),
        ("blocked eq '_x0020_'", "true", CUSTOMER + "bc.filter", "a comparison belongs", "Write it as"),
        (WHOLE, "{bc: displayName}", FIELD, "`bc` and `sales`", "`sales`"),
        (NAME, "sales: [a, b, c]}", FIELD + ".sales", "not more", "[firstname, lastname]"),
        (NAME, "sales: 7}", FIELD + ".sales", "text or a list", '"7"'),
        (NAME, "sales: name, max_length: 0}", FIELD + ".max_length", "greater than 0", "no limit"),
        (NAME, "sales: name, max_length: x}", FIELD + ".max_length", "a whole number", "max_length: 30"),
        (NAME, "sales: name, colour: red}", FIELD + ".colour", "no such setting: 'colour'", "There are: bc,"),
        (NAME, "sales: name, required: true, not_null: true}", FIELD + ".not_null", "a blank", "`not_null` out"),
        (NAME, "sales: name, blank_outside: true}", FIELD + ".blank_outside", "needs a `lookup`", "`lookup`"),
        (NAME, "sales: name, transform: trim}", FIELD + ".transform", "a list", "[trim, {round: 2}]"),
        (NAME, "sales: name, transform: [uper]}", FIELD + ".transform.0", "'uper'", "'upper'"),
        (NAME, "sales: name, transform: [{round: x}]}", FIELD + ".transform.0", "decimals", "{round: 2}"),
        (NAME, "sales: name, transform: [{regex_match: '('}]}", FIELD + ".transform.0", "expression", "{regex_match: "),
        (NAME, "sales: name, transform: [{trim: 1, round: 2}]}", FIELD + ".transform.0", "one name", "{round: 2}"),
        (NAME, "sales: name, transform: [{lookup: X}]}", FIELD + ".transform.0", "`mapping` and `field`", "{lookup: {"),
        (NAME, "sales: name, transform: [{lookup: {mapping: CURRENCY, field: code}}]}", FIELD + ".transform.0",
         "one way only", "`direction`"),
        (NAME, "sales: name, direction: to_sales, transform: [{lookup: {mapping: CURRENCY, field: cod}}]}",
         FIELD + ".transform.0", "field 'cod' that is mapped", "'code'"),
        (NAME, "sales: name, transform_direction: to_bc}", FIELD + ".transform_direction", "a `transform`", "both"),
        (NAME, "sales: name, direction: to_bc, constant: 1}", FIELD, "one side's field", "constant: 3"),
        (WHOLE, "{sales: name, constant: 1}", FIELD, "a direction towards it", "direction: to_sales"),
        (WHOLE, "{sales: name, constant: [1], direction: to_sales}", FIELD + ".constant", "a number", "constant: 3"),
        (WHOLE, "{bc: a, constant: 2026-01-01, direction: to_bc}", FIELD + ".constant", "text", '"2026-01-01"'),
        (WHOLE, "displayName", FIELD, "it takes a table", "fields: [{bc: displayName, sales: name}]"),
        (WHOLE, "{bc: number, generate: 'V', direction: to_bc}", FIELD + ".generate", "one place", "SP NO. {:05d}"),
        (WHOLE, "{bc: number, generate: 'V{:d}{x}', direction: to_bc}", FIELD + ".generate", "one place", "{:05d}"),
        (WHOLE, "{bc: number, generate: 'V{', direction: to_bc}", FIELD + ".generate", "one place", "{:05d}"),
        (WHOLE, "{bc: number, generate: 'V{:5s}', direction: to_bc}", FIELD + ".generate", "one place", "{:05d}"),
        (WHOLE, "{sales: name, generate: 'V{}', direction: to_sales}", FIELD + ".generate", "Central only", "out"),
        (WHOLE, "{bc: number, generate: 'V{}', constant: 1, direction: to_bc}", FIELD + ".generate", "not both", "out"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_where_it_stands_and_what_to_write(
    old: str, new: str, where: str, reason: str, hint: str
) -> None:
    assert old in GOOD
    text, line = GOOD.replace(old, new, 1), GOOD[: GOOD.index(old)].count("\n") + 1
    [(at, said)] = told(text).items()
    assert at == (line, where)
    message, _, advised = said.partition(" → ")
    assert reason in message
    assert hint in advised
    with pytest.raises(ConfigurationError) as refusal:
        parse(text, "my.yaml")
    problem = refusal.value.problem
    assert problem.code == "mappings-invalid"
    assert problem.message.startswith(f"my.yaml, line {line}, {where} (")
    assert problem.message.endswith(f"): {message}")
    assert "coupled mappings show standard" in problem.hint


@pytest.mark.parametrize("pattern", ["SP NO. {:05d}", "V{}", "{0}", "{{{}}}"])
def test_a_pattern_with_one_place_for_a_number_is_right(pattern: str) -> None:
    assert told(GOOD.replace(WHOLE, f"{{bc: number, generate: '{pattern}', direction: to_bc}}\n      - {WHOLE}")) == {}


SEVERAL = """\
mappings:
  - name: CURRENCY
    bc: {table: currencies, filter: "code in ('A','B')"}
    sales: {tabel: transactioncurrencies}
    direction: to_sales
    fields:
      - {bc: code, sales: isocurrencycode, on: insert}
      - {bc: displayName, sales: currencyname, transform: [uper, {round: x}]}
  - name: customer
    bc: {table: customers, filter: "blocked = 'x'"}
    sales: {table: accounts}
    depends_on: [CURENCY]
    direction: to_slaes
    feilds:
      - {bc: displayName, sales: name, max_length: 0}
      - {bc: addressLine1, sales: address1_line1}
      - {bc: currencyCode, sales: transactioncurrencyid, lookup: CURENCY}
      - {sales: customertypecode, constant: 3}
      - {bc: city, sales: address1_city}
"""
ALL = {
    (3, "mappings.0.bc.filter"),
    (4, "mappings.0.sales.tabel"),
    (8, "mappings.0.fields.1.transform.0"),
    (8, "mappings.0.fields.1.transform.1"),
    (9, "mappings.1.name"),
    (10, "mappings.1.bc.filter"),
    (12, "mappings.1.depends_on.0"),
    (13, "mappings.1.direction"),
    (14, "mappings.1.feilds"),
    (15, "mappings.1.feilds.0.max_length"),
    (17, "mappings.1.feilds.2.lookup"),
    (18, "mappings.1.feilds.3"),
}


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    found = told(SEVERAL)
    assert set(found) == ALL
    assert [line for line, _ in found] == sorted(line for line, _ in found)


def test_a_refusal_counts_the_others() -> None:
    with pytest.raises(
        ConfigurationError, match=r"line 3, mappings.0.bc.filter.* `coupled mappings check` tells 11 more"
    ):
        parse(SEVERAL, "my.yaml")


def test_what_is_left_without_the_mistakes_is_what_was_meant() -> None:
    file = examine(SEVERAL, "my.yaml")
    assert {one.name: [rule.name for rule in one.fields] for one in file.mappings.all} == {
        "CURRENCY": ["code ↔ isocurrencycode"],
        "CUSTOMER": ["addressLine1 ↔ address1_line1", "city ↔ address1_city"],
    }
    assert file.rest.origin(("mappings", 1, "fields", 1, "bc")) == ("mappings", 1, "feilds", 4, "bc")
    assert file.mapping(("mappings", 1, "feilds", 4)) == "customer"


ALONE = GOOD.replace(DEPENDS, "depends_on: [OTHER]")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        # Nothing of what depends on the mapping, looks it up, or takes its fields.
        ("{table: currencies}", "7", "mappings.0.bc"),
        ("bc: code, sales: isocurrencycode", "bc: 7, sales: x", "mappings.0.fields.0.bc"),
        ("direction: to_sales", "direction: 7", "mappings.0.direction"),
        # Nothing of what needs a setting that cannot be understood.
        (DEPENDS, "couple_existing: true\n    match_on: 7", "mappings.1.match_on"),
        (CODE, "lookup: CURRENCY, max_length: x}\n    uncouple_with: [CURRENCY]", "mappings.1.fields.1.max_length"),
    ],
)
def test_what_is_wrong_for_want_of_a_wrong_part_is_not_told(old: str, new: str, where: str) -> None:
    assert old in GOOD
    assert [at for _, at in told(GOOD.replace(old, new, 1))] == [where]


def test_circles_through_others_are_told_once() -> None:
    circle = GOOD.replace("direction: to_sales", DEPENDS.replace("CURRENCY", "CUSTOMER"))
    [(at, said)] = told(circle).items()
    assert at == (5, "mappings.0.depends_on")
    assert "'CURRENCY' depends on itself, through CUSTOMER" in said


def test_a_direction_that_no_field_travels_is_told_at_the_fields() -> None:
    [(at, said)] = told(GOOD.replace("isocurrencycode}", "isocurrencycode, direction: to_bc}")).items()
    assert at == (6, "mappings.0.fields")
    assert "no enabled field travels to_sales" in said


TWICE = "sales: name}\n      - {bc: searchName, sales: name"


@pytest.mark.parametrize(
    ("new", "places"),
    [
        (f"{TWICE}}}", {"mappings.1.fields.1.sales"}),
        (f"{TWICE}, direction: to_sales}}", {"mappings.1.fields.1.sales"}),
        ("sales: name}\n      - {bc: displayName, sales: fax}", {"mappings.1.fields.1.bc"}),
        ("sales: [firstname, name]}\n      - {bc: x, sales: name}", {"mappings.1.fields.1.sales"}),
        ("sales: name}\n      - {sales: name, constant: A, direction: to_sales}", {"mappings.1.fields.1.sales"}),
        ("sales: name, on: insert}\n      - {bc: x, sales: name}", {"mappings.1.fields.1.sales"}),
        # One each way, one that is off, another moment, a default where there is no value.
        ("sales: name, direction: to_sales}\n      - {bc: displayName, sales: name, direction: to_bc}", set()),
        (f"{TWICE}, status: disabled}}", set()),
        ("sales: name}\n      - {sales: name, constant: A, direction: to_sales, on: after_insert}", set()),
        ("sales: x}\n      - {sales: name, constant: A, direction: to_sales, on: insert}\n"
         "      - {bc: y, sales: name, not_null: true}", set()),
    ],
)  # fmt: skip
def test_two_lines_that_write_one_field_at_once_are_told(new: str, places: set[str]) -> None:
    found = told(GOOD.replace(NAME, new, 1))
    assert {at for _, at in found} == places
    assert all("only the later value would arrive" in said for said in found.values())


def test_a_line_that_writes_what_several_others_write_is_told_once() -> None:
    line = "      - {sales: statecode, constant: 0, direction: to_sales}\n"
    file = examine(GOOD + line * 3)
    assert [place(one) for one in file.mistakes] == [f"mappings.1.fields.{number}.sales" for number in (3, 4)]


@pytest.mark.parametrize(("text", "line"), [("mappings: [", 1), ("mappings:\n  - {name: A\n  - b", 3)])
def test_what_is_not_yaml_says_where(text: str, line: int) -> None:
    [((at, _), said)] = told(text).items()
    assert (at, said.startswith("it is not YAML")) == (line, True)


@pytest.mark.parametrize("text", ["", "mappings: []", "7", "- name: A", "mappings: {}", "- 7", "{7: x}", "a: {b: [c]}"])
def test_a_file_that_leaves_nothing_is_all_mistakes(text: str) -> None:
    file: MappingsFile = examine(text)
    assert file.mistakes
    assert file.mappings.all == ()
