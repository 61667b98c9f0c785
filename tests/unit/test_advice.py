"""What is allowed in a mappings file, and may not be meant (business-central-sync 2.1, row 70)."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from schemas.advice import advice
from schemas.finding import Level
from schemas.mapping_file import parse, standard_text
from tests.support.made import mappings, part


def test_uncoupling_where_new_records_are_carried_is_warned_of() -> None:
    both = mappings(part("OTHER"), part("CUSTOMER", on_delete="uncouple", only_coupled=False))
    (finding,) = advice(both)
    assert (finding.level, finding.place) == (Level.WARNING, ("mappings", 1, "on_delete"))
    assert "created again" in finding.message


@pytest.mark.parametrize("settings", [{"on_delete": "uncouple"}, {"on_delete": "restore", "only_coupled": False}])
def test_what_is_meant_is_not_warned_of(settings: dict[str, object]) -> None:
    assert list(advice(mappings(part(**settings)))) == []


def test_the_standard_mappings_need_no_advice() -> None:
    assert list(advice(parse(standard_text()))) == []


def test_checking_a_mappings_file_tells_it_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    text = standard_text().replace("    on_delete: uncouple\n", "    on_delete: uncouple\n    only_coupled: false\n")
    file.write_text(text, encoding="utf-8")
    told = CliRunner().invoke(app, ["mappings", "check", str(file), "--offline"])
    assert told.exit_code == 0, told.output
    line = text.splitlines().index("    on_delete: uncouple") + 1
    assert f"line {line}, mappings.1.on_delete (SALESPEOPLE): warning: " in " ".join(told.output.split())
