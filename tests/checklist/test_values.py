"""What becomes of a value, rows 96–101: comparison, transformations, disabled fields, templates, directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from schemas.mapping_file import parse
from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, pair
from tests.support.stage import Stage
from tests.support.stage_mappings import field

NOBODY = "00000000-0000-4000-8000-00000000dead"
Fields = Sequence[Mapping[str, Any]]


def also(**row: Any) -> Callable[[Fields], Fields]:
    """One more field row."""
    return lambda fields: [*fields, row]


@pytest.mark.parametrize(
    ("name", "value"), [("address1_country", " de "), ("address1_line1", "Main Street 1 "), ("address1_city", "Ulm ")]
)
async def test_row_096_codes_compare_in_upper_case_and_texts_without_outer_spaces(
    stage: Stage, name: str, value: str
) -> None:
    bc, sales = await pair(stage, country="DE", addressLine1="Main Street 1", city="Ulm")
    before, mark = stage.bc.get(bc), stage.bc.mark()
    stage.sales.edit(sales, **{name: value})
    await stage.live()
    assert stage.bc.writes(mark) == []
    assert stage.bc.get(bc) == before


async def test_row_096_the_shorter_length_wins(stage: Stage) -> None:
    long = "A street name that is far too long for the thirty characters of a city"
    bc, sales = await pair(stage)
    stage.sales.edit(sales, address1_city=long)
    await stage.live()
    assert stage.bc.get(bc)["city"] == long[:30].strip()
    assert stage.sales.get(sales)["address1_city"] == long
    marks = stage.bc.mark(), stage.sales.mark()
    await stage.sync("CUSTOMER")
    await stage.full_sync(*CUSTOMERS)
    assert stage.bc.writes(marks[0]) + stage.sales.writes(marks[1]) == []


async def test_row_097_a_transformation_runs_in_its_direction_before_the_comparison(stage: Stage) -> None:
    only_back = {"transform": [{"regex_replace": {"^(?!S-)": "S-"}}], "transform_direction": "to_bc"}
    await stage.configure(CUSTOMER={"fields": field("address1_city", **only_back)})
    bc, sales = await pair(stage, city="Ulm")
    assert stage.sales.get(sales)["address1_city"] == "Ulm"
    stage.sales.edit(sales, address1_city="Bonn")
    await stage.live()
    assert stage.bc.get(bc)["city"] == "S-Bonn"
    mark = stage.bc.mark()
    stage.sales.edit(sales, address1_city="S-Bonn")
    await stage.live()
    assert stage.bc.writes(mark) == []


async def test_row_098_a_disabled_field_is_not_transferred(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"fields": field("address1_city", status="disabled")})
    bc, sales = await pair(stage, city="Ulm")
    assert stage.sales.get(sales)["address1_city"] is None
    stage.sales.edit(sales, address1_city="Bonn")
    await stage.live()
    assert stage.bc.get(bc)["city"] == "Ulm"


async def test_row_099_a_template_gives_its_values_to_new_records_only(stage: Stage) -> None:
    template = {"name": "NEW", "side": "sales", "values": {"address1_city": "Template", "creditonhold": True}}
    await stage.configure(CUSTOMER={"templates": [template]})
    _, sales = await pair(stage, city="Ulm", country="DE")
    made = stage.sales.get(sales)
    assert (made["address1_city"], made["creditonhold"], made["address1_country"]) == ("Template", True, "DE")
    stage.sales.edit(sales, creditonhold=False)
    await stage.live()
    await stage.full_sync(*CUSTOMERS)
    assert stage.sales.get(sales)["creditonhold"] is False


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"paymentTermsId": NOBODY}, "paymentTermsId"),
        ({"noSuchField": "x"}, "noSuchField"),
    ],
)
async def test_row_099_a_template_that_cannot_be_applied_fails_the_record_and_leaves_nothing(
    stage: Stage, values: dict[str, Any], said: str
) -> None:
    """Terms that do not exist, and a field that does not: the file alone cannot know, and the start may not be told.

    The original leaves the inserted record behind, without a coupling.
    """
    template = {"name": "NEW", "side": "bc", "values": values}
    await stage.configure(CUSTOMER={"templates": [template]})
    key = account(stage)
    done = await stage.full_sync(*CUSTOMERS)
    assert done["CUSTOMER", TO_BC] == {"failed": 1}
    assert (stage.bc.rows("customers"), await stage.couplings("CUSTOMER")) == ([], {})
    [error] = await stage.errors()
    assert (error.sales_id, said in error.problem.message) == (key, True)

    await stage.configure(CUSTOMER={"templates": [{**template, "values": {"taxLiable": True}}]})
    await stage.command("retry")
    await stage.live()
    [made] = stage.bc.rows("customers")
    assert (made["displayName"], made["taxLiable"]) == ("Fabrikam", True)
    assert await stage.errors() == []


async def test_row_099_nor_in_sales(stage: Stage) -> None:
    template = {"name": "NEW", "side": "sales", "values": {"nosuchcolumn": 1}}
    await stage.configure(CUSTOMER={"templates": [template]})
    customer(stage)
    done = await stage.full_sync(*CUSTOMERS)
    assert done["CUSTOMER", TO_SALES] == {"failed": 1}
    assert (stage.sales.rows("accounts"), await stage.couplings("CUSTOMER")) == ([], {})
    [error] = await stage.errors()
    assert "nosuchcolumn" in error.problem.message


async def test_row_100_the_first_template_by_priority_whose_filter_matches_is_taken(stage: Stage) -> None:
    def template(name: str, priority: int, filter_text: str) -> dict[str, Any]:
        values = {"description": name}
        return {"name": name, "side": "sales", "priority": priority, "filter": filter_text, "values": values}

    templates = [template("ANY", 9, ""), template("GERMAN", 2, "country eq 'DE'"), template("ULM", 1, "city eq 'Ulm'")]
    await stage.configure(CUSTOMER={"templates": templates})
    made = {
        city: customer(stage, city, city=city, country=country)
        for city, country in (("Ulm", "DE"), ("Bonn", "DE"), ("Bern", "CH"))
    }
    await stage.full_sync(*CUSTOMERS)
    told = {city: stage.sales.get(f"accounts({key})")["description"] for city, key in made.items()}
    assert told == {"Ulm": "ULM", "Bonn": "GERMAN", "Bern": "ANY"}


def test_row_101_a_direction_in_which_no_field_travels_is_refused() -> None:
    assert parse(_FILE, "mine.yaml")["CUSTOMER"].direction.value == TO_SALES
    with pytest.raises(ConfigurationError, match=r"mine.yaml, line \d+.*no enabled field travels to_bc"):
        parse(_FILE.replace("direction: to_sales", "direction: both", 1), "mine.yaml")


_FILE = """mappings:
  - name: CUSTOMER
    bc: {table: customers}
    sales: {table: accounts}
    direction: to_sales
    fields:
      - {bc: displayName, sales: name, direction: to_sales}
"""
