"""The mappings file: a good one becomes rules, a bad one is refused with line, field and reason (DESIGN 4)."""

import pytest

from schemas.errors import ConfigurationError
from schemas.field_mapping import When
from schemas.mapping import OnUpdateConflict
from schemas.mapping_file import parse, standard_text
from schemas.rows import select
from schemas.side import Direction, Side

GOOD = """\
mappings:
  - name: CURRENCY
    bc: {table: currencies}
    sales: {table: transactioncurrencies}
    direction: to_sales
    fields:
      - {bc: code, sales: isocurrencycode}
  - name: CUSTOMER
    bc: {table: customers, filter: "blocked eq '_x0020_'"}
    sales: {table: accounts}
    depends_on: [CURRENCY]
    fields:
      - {bc: displayName, sales: name}
      - {bc: currencyCode, sales: transactioncurrencyid, lookup: CURRENCY}
"""


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        parse(text, "my.yaml")
    problem = refusal.value.problem
    assert problem.code == "mappings-invalid"
    assert "coupled mappings show standard" in problem.hint
    return problem.message


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_a_good_file_becomes_mappings() -> None:
    found = parse(GOOD, "my.yaml")
    assert [mapping.name for mapping in found.all] == ["CURRENCY", "CUSTOMER"]
    customer = found["CUSTOMER"]
    assert (customer.direction, customer.only_coupled) == (Direction.BOTH, True)
    assert customer.on_update_conflict is OnUpdateConflict.FAIL
    assert customer.sales.id == "accountid"
    lookup = customer.fields[1]
    assert lookup.bind == "transactioncurrencyid/transactioncurrencies"
    assert lookup.lookup is not None
    assert (lookup.lookup.by, lookup.lookup.to) == ("code", "id")


def test_a_disabled_line_is_as_if_it_were_not_there() -> None:
    off = parse(changed("sales: name}", "sales: name, status: disabled}"), "my.yaml")["CUSTOMER"]
    assert [rule.bc for rule in off.fields] == [("currencyCode",)]
    assert off.mapped(Side.SALES) == ("transactioncurrencyid",)


def test_a_mapping_all_of_whose_lines_are_disabled_is_refused() -> None:
    message = refused(changed("sales: isocurrencycode}", "sales: isocurrencycode, status: disabled}"))
    assert message.startswith("my.yaml, line 6, mappings.0.fields")
    assert "no enabled field travels to_sales" in message


@pytest.mark.parametrize("way", ["to_sales", "to_bc"])
def test_a_wider_direction_that_no_enabled_line_travels_is_refused(way: str) -> None:
    one_way = GOOD.replace("sales: name}", f"sales: name, direction: {way}}}")
    one_way = one_way.replace("lookup: CURRENCY}", f"lookup: CURRENCY, direction: {way}}}")
    other = "to_bc" if way == "to_sales" else "to_sales"
    with pytest.raises(ConfigurationError, match=f"no enabled field travels {other}"):
        parse(one_way)
    narrow = one_way.replace("    depends_on", f"    direction: {way}\n    depends_on")
    assert parse(narrow)["CUSTOMER"].direction is Direction(way)


def test_the_key_a_file_gives_is_what_is_asked_for() -> None:
    """A table whose records have no `number`."""
    terms = parse(changed("{table: customers,", "{table: paymentTerms, key: code,"), "my.yaml")["CUSTOMER"]
    columns = select(Side.BC, "paymentTerms", [terms])
    assert "code" in columns
    assert "number" not in columns


@pytest.mark.parametrize(("text", "line"), [("mappings: [", 1), ("mappings:\n  - {name: A\n  - b", 3)])
def test_what_is_not_yaml_says_where(text: str, line: int) -> None:
    assert refused(text).startswith(f"my.yaml, line {line}: it is not YAML")


@pytest.mark.parametrize("text", ["", "mappings: []", "7", "- name: A", "mappings: {}"])
def test_a_file_without_mappings_is_refused(text: str) -> None:
    assert refused(text)


def test_the_standard_file_has_the_seven_mappings_in_their_order() -> None:
    standard = parse(standard_text())
    names = [mapping.name for mapping in standard.in_order()]
    assert names == [
        "CURRENCY",
        "SALESPEOPLE",
        "UNITOFMEASURE",
        "CUSTOMER",
        "CONTACTS",
        "RESOURCE-PRODUCT",
        "ITEM-PRODUCT",
    ]
    assert all(mapping.only_coupled for mapping in standard.all)
    assert standard["CONTACTS"].fields[2].bind == "parentcustomerid_account/accounts"
    units = standard["ITEM-PRODUCT"].fields
    assert {rule.bind for rule in units if rule.lookup} == {"defaultuomid/uoms", "defaultuomscheduleid/uomschedules"}
    constants = {rule.sales: rule.constant for rule in units if rule.when is When.INSERT and not rule.bc}
    assert constants[("producttypecode",)] == 1


def test_mappings_run_in_file_order_each_after_those_it_depends_on() -> None:
    found = parse(changed("depends_on: [CURRENCY]", "only_coupled: false") + "    on_delete: fail\n")
    assert [mapping.name for mapping in found.in_order(["CUSTOMER", "CURRENCY"])] == ["CURRENCY", "CUSTOMER"]
    standard = parse(standard_text())
    assert [m.name for m in standard.in_order(["CONTACTS", "CURRENCY"])] == ["CURRENCY", "CONTACTS"]
    assert standard.in_order([]) == ()


def test_only_tables_that_something_reads_are_captured() -> None:
    captured = parse(standard_text()).captured()
    assert (Side.BC, "currencies") in captured
    assert (Side.SALES, "transactioncurrencies") not in captured
    assert captured.count((Side.SALES, "products")) == 1


def test_tables_that_are_only_written_to_are_followed_where_a_deletion_there_means_something() -> None:
    standard = parse(standard_text())
    assert set(standard.followed()) - set(standard.captured()) == {(Side.BC, "salespeoplePurchasers")}
