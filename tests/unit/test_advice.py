"""What is allowed in a mappings file, and may not be meant (business-central-sync 2.1, row 70)."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from schemas.advice import advice
from schemas.finding import Level
from schemas.mapping_file import read, standard_text
from tests.support.made import CITY, file, part


def test_uncoupling_where_new_records_are_carried_is_warned_of() -> None:
    both = file(part("OTHER"), part("CUSTOMER", on_delete="uncouple", only_coupled=False))
    (finding,) = advice(both.parts)
    assert (finding.level, finding.place) == (Level.WARNING, ("mappings", 1, "on_delete"))
    assert "created again" in finding.message


@pytest.mark.parametrize("settings", [{"on_delete": "uncouple"}, {"on_delete": "restore", "only_coupled": False}])
def test_what_is_meant_is_not_warned_of(settings: dict[str, object]) -> None:
    assert list(advice(file(part(**settings)).parts)) == []


def test_the_standard_mappings_need_no_advice() -> None:
    assert list(advice(read(standard_text()).parts)) == []


def told(*parts: dict[str, Any]) -> dict[str, str]:
    """Message by place."""
    made = file(*parts)
    assert made.mistakes == ()
    return {".".join(map(str, one.place)): one.message for one in advice(made.parts)}


def test_a_field_that_its_mapping_never_carries_is_warned_of() -> None:
    found = told(part(direction="to_sales"))
    assert found.keys() == {"mappings.0.fields.4.direction"}
    assert "never carried" in found["mappings.0.fields.4.direction"]


CURRENCY = part("CURRENCY", bc={"table": "currencies"}, sales={"table": "transactioncurrencies"})
CODE = {"bc": "currencyCode", "sales": "transactioncurrencyid", "lookup": "CURRENCY"}


@pytest.mark.parametrize(
    ("others", "settings", "warned"),
    [
        ([], {}, True),
        ([], {"depends_on": ["CURRENCY"]}, False),
        ([part("BETWEEN", depends_on=["CURRENCY"])], {"depends_on": ["BETWEEN"]}, False),
    ],
)
def test_a_looked_up_mapping_that_may_run_later_is_warned_of(
    others: list[dict[str, Any]], settings: dict[str, Any], warned: bool
) -> None:
    found = told(part(fields=[CITY, CODE], **settings), CURRENCY, *others)
    assert found.keys() == ({"mappings.0.fields.1.lookup"} if warned else set())


def test_a_lookup_step_is_a_lookup() -> None:
    step = {"bc": "currencyCode", "sales": "description", "direction": "to_sales"}
    step |= {"transform": [{"lookup": {"mapping": "CURRENCY", "field": "displayName"}}]}
    assert told(part(fields=[CITY, step]), CURRENCY).keys() == {"mappings.0.fields.1.transform"}


def test_two_mappings_that_look_each_other_up_are_not_warned_of_and_neither_is_one_that_looks_itself_up() -> None:
    """An account's primary contact, and a contact's account; an account's parent."""
    primary = {"bc": "primaryContact", "sales": "primarycontactid", "lookup": "CONTACTS", "clear_on_failure": True}
    parent = {"bc": "parentNumber", "sales": "parentaccountid", "lookup": "CUSTOMER", "clear_on_failure": True}
    company = {"bc": "companyNumber", "sales": "parentcustomerid", "lookup": "CUSTOMER"}
    contacts = part("CONTACTS", fields=[CITY, company], depends_on=["CUSTOMER"], bc={"table": "contacts"})
    assert told(part(fields=[CITY, primary, parent]), contacts) == {}


def test_checking_a_mappings_file_tells_it_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    text = standard_text().replace("    on_delete: uncouple\n", "    on_delete: uncouple\n    only_coupled: false\n")
    file.write_text(text, encoding="utf-8")
    told = CliRunner().invoke(app, ["mappings", "check", str(file), "--offline"])
    assert told.exit_code == 0, told.output
    line = text.splitlines().index("    on_delete: uncouple") + 1
    assert f"line {line}, mappings.1.on_delete (SALESPEOPLE): warning: " in " ".join(told.output.split())
