"""`coupled mappings`: the schema, the check with and without both sides, and what they exit with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import COUPLED, DaemonProcess, coupled, document
from tests.support.simulators import SECRET
from tests.support.world import World

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both simulators and a coupled.yaml; no daemon runs."""
    with World(tmp_path_factory.mktemp("mappings"), customers=2) as world:
        yield world


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder without coupled.yaml."""
    return subprocess.run(
        [*COUPLED, "mappings", *words], capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )


def written(folder: Path, old: str = "", new: str = "") -> Path:
    text = alone(folder, "show", "standard").stdout
    assert old in text
    file = folder / "mine.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_the_printed_file_names_its_schema_on_this_machine(tmp_path: Path) -> None:
    first, *rest = written(tmp_path).read_text(encoding="utf-8").splitlines()
    path = Path(first.removeprefix("# yaml-language-server: $schema="))
    printed = alone(tmp_path, "schema").stdout
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(printed)
    assert rest


def test_without_a_configuration_the_file_is_checked_alone(tmp_path: Path) -> None:
    done = alone(tmp_path, "check", str(written(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert "neither side was asked" in done.stdout


def test_every_mistake_of_the_file_itself_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "mappings:\n  - name: X\n    bc: {tabel: customers}\n    sales: {table: accounts}\n    feilds: []\n"
    )
    done = alone(tmp_path, "check", str(file), "--json")
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 2
    assert {(one["line"], one["hint"]) for one in found} >= {
        (3, "Did you mean 'table'?"),
        (5, "Did you mean 'fields'?"),
    }


def test_the_configured_file_is_checked_against_both_sides(world: World) -> None:
    done = coupled(world, "mappings", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "both sides serve" in done.stdout
    assert document(coupled(world, "mappings", "check", "--json"))["online"] is True
    assert document(coupled(world, "mappings", "check", "--json", "--offline"))["online"] is False


def test_what_a_side_does_not_serve_is_an_error_with_its_line(world: World) -> None:
    file = written(world.folder, "sales: telephone1", "sales: telefon1")
    line = (
        file.read_text(encoding="utf-8")
        .splitlines()
        .index(next(one for one in file.read_text(encoding="utf-8").splitlines() if "telefon1" in one))
    )
    done = coupled(world, "mappings", "check", str(file))
    assert done.returncode == 2
    assert f"mine.yaml, line {line + 1}, mappings.3.fields.7.sales (CUSTOMER): error: " in done.stdout
    assert "→ Did you mean 'telephone1'?" in done.stdout
    [error] = document(coupled(world, "mappings", "check", str(file), "--json"))["findings"]
    assert (error["mapping"], error["level"], error["line"]) == ("CUSTOMER", "error", line + 1)
    assert coupled(world, "mappings", "check", str(file), "--offline").returncode == 0


def test_mistakes_of_the_file_hide_none_that_a_side_knows(world: World) -> None:
    file = written(world.folder, "sales: telephone1", "sales: telefon1")
    text = file.read_text(encoding="utf-8").replace("name: CUSTOMER", "name: customer")
    file.write_text(text.replace("depends_on: [SALESPEOPLE,", "depends_on: [SALESPEPLE,"), encoding="utf-8")
    done = coupled(world, "mappings", "check", str(file), "--json")
    found = [(one["field"], one["hint"], one["mapping"]) for one in document(done)["findings"]]
    assert found == [
        ("mappings.3.name", "Write 'CUSTOMER'.", "customer"),
        ("mappings.3.depends_on.0", "Did you mean 'SALESPEOPLE'?", "customer"),
        ("mappings.3.fields.7.sales", "Did you mean 'telephone1'?", "customer"),
    ]
    assert done.returncode == 2
    told = coupled(world, "check", "--json")
    assert told.returncode == 0, told.stdout
    world.configure(mappings=file)
    try:
        found = [
            one["fix"] for one in document(coupled(world, "check", "--json"))["findings"] if one["state"] == "error"
        ]
    finally:
        world.configure()
    assert found == ["Write 'CUSTOMER'.", "Did you mean 'SALESPEOPLE'?", "Did you mean 'telephone1'?"]


def test_mistakes_of_the_file_are_told_though_a_side_does_not_answer(world: World) -> None:
    file = written(world.folder, "name: CUSTOMER", "name: customer")
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace(world.sales.host, f"http://127.0.0.1:{free_port()}"), encoding="utf-8")
    try:
        done = coupled(world, "mappings", "check", str(file))
    finally:
        world.configure()
    assert done.returncode == 2
    assert "'customer' is no name" in done.stdout
    assert "neither side was asked" in done.stdout
    assert "Sales at" in done.stderr


def test_a_warning_does_not_fail_the_check(world: World) -> None:
    file = written(world.folder, "sales: address1_city, max_length: 30", "sales: address1_city")
    done = coupled(world, "mappings", "check", str(file))
    assert done.returncode == 0
    assert "warning: city of customers takes 30 characters, but may get 80." in done.stdout


def test_a_side_that_does_not_answer_is_told_with_exit_code_3(world: World) -> None:
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace(world.sales.host, f"http://127.0.0.1:{free_port()}"), encoding="utf-8")
    try:
        done = coupled(world, "mappings", "check")
    finally:
        world.configure()
    assert done.returncode == 3
    assert "Sales" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def owes(world: World) -> dict[str, dict[str, list[str]]]:
    """Of the mappings that owe something."""
    return {one["name"]: one["owes"] for one in world.cli("status")["mappings"] if one["owes"]}


def test_a_changed_mapping_keeps_its_couplings_and_owes_a_sweep_until_it_has_run(tmp_path: Path) -> None:
    with World(tmp_path, customers=3) as world:
        assert coupled(world, "mappings", "diff").returncode == 2  # nothing to compare with
        with DaemonProcess(world):
            assert world.full_sync()["state"] == "done"
            assert world.cli("mappings", "diff") == {"source": "standard", "mappings": [], "owes": {}}
            before = {one["name"]: one["couplings"] for one in world.cli("status")["mappings"]}
        file = written(tmp_path, "blocked eq '_x0020_'", "blocked ne 'All'")
        text = file.read_text(encoding="utf-8")
        file.write_text(text[: text.index("  - name: RESOURCE-PRODUCT")], encoding="utf-8")
        told = coupled(world, "mappings", "diff", str(file))
        assert told.returncode == 0
        assert "bc.filter: blocked eq '_x0020_' → blocked ne 'All'\n    → coupled full-sync CUSTOMER" in told.stdout
        assert f"ITEM-PRODUCT: removed, whose {before['ITEM-PRODUCT']} couplings stay in the store" in told.stdout
        world.configure(mappings=file)
        with DaemonProcess(world) as daemon:
            after = {one["name"]: one["couplings"] for one in world.cli("status")["mappings"]}
            assert after == {name: count for name, count in before.items() if not name.endswith("PRODUCT")}
            assert "mapping_changed" in daemon.output()
            assert owes(world) == {"CUSTOMER": {"coupled full-sync CUSTOMER": ["bc.filter"]}}
            assert "Still to run: coupled full-sync CUSTOMER" in coupled(world, "status").stdout
            assert world.command("sync", mappings=["CUSTOMER"])["state"] == "done"
            assert world.cli("mappings", "diff")["owes"] == owes(world) != {}
            assert world.full_sync(mappings=["CUSTOMER"])["state"] == "done"
            assert owes(world) == {}
