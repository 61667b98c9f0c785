"""What is wrong is said once, on stderr, with what to do and the exit code of DESIGN 6; never with a secret."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import coupled
from tests.support.simulators import SECRET
from tests.support.world import World

pytestmark = pytest.mark.e2e


def _refused(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """One clear error: a line that names what is wrong, a hint, and nothing else to be afraid of."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("coupled: ")]
    assert len(errors) == 1, done.stderr
    assert "→" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in errors[0], errors[0]
    assert SECRET not in done.stderr


def _edited(world: World, old: str, new: str) -> World:
    text = world.config.read_text(encoding="utf-8")
    assert old in text
    world.config.write_text(text.replace(old, new, 1), encoding="utf-8")
    return world


def _with_secret(world: World, value: str) -> None:
    """The first client secret in the file itself."""
    _edited(world, f"client_secret_file: {world.secret}", f"client_secret: {value}")


def test_a_file_that_is_no_yaml_is_a_usage_error_with_its_line(still: World) -> None:
    _edited(still, "sales:", "sales: [")
    _refused(coupled(still, "run"), 2, "coupled.yaml", "line")


def test_a_secret_that_is_there_twice_or_is_no_yaml_is_not_shown(still: World) -> None:
    for wrong in (f"other, client_secret: {SECRET}", f"*{SECRET}", f"!!int {SECRET}"):
        still.configure()
        _with_secret(still, wrong)
        _refused(coupled(still, "run"), 2, "coupled.yaml, line ", "it is not YAML")


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_secret_that_is_written_out_is_a_usage_error_and_not_shown(still: World, command: str) -> None:
    _with_secret(still, SECRET)
    done = coupled(still, command)
    _refused(done, 2, "coupled.yaml, line 4, business_central.auth.client_secret: a secret is written out")
    assert "→ Name a file in client_secret_file, or write ${NAME}" in done.stderr


def test_a_file_that_is_not_there_is_a_usage_error(still: World) -> None:
    still.config.unlink()
    _refused(coupled(still, "run"), 2, "coupled.yaml")


def test_an_unknown_setting_is_a_usage_error_that_names_the_right_one(still: World) -> None:
    _edited(still, "poll_seconds", "poll_second")
    _refused(coupled(still, "run"), 2, "line", "capture.poll_second", "poll_seconds")


def test_a_missing_environment_variable_is_a_usage_error(still: World) -> None:
    _with_secret(still, '"${COUPLED_TEST_MISSING}"')
    _refused(coupled(still, "run"), 2, "COUPLED_TEST_MISSING")


def _with_mappings(world: World, old: str, new: str) -> World:
    """The standard file, with one thing changed."""
    file = world.folder / "mine.yaml"
    text = subprocess.run([*_show()], capture_output=True, text=True, check=True, timeout=60, cwd=world.folder).stdout
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    world.configure(mappings=file)
    return world


def test_a_mapping_of_a_field_that_a_side_does_not_have_is_a_usage_error(still: World) -> None:
    _with_mappings(still, "sales: telephone1", "sales: telefon1")
    _refused(coupled(still, "run"), 2, "mine.yaml, line ", "telefon1", "CUSTOMER")


def test_a_filter_that_would_match_nothing_is_a_usage_error_with_its_line(still: World) -> None:
    _with_mappings(still, "blocked eq '_x0020_'", "blocked eq 'Shop'")
    _refused(coupled(still, "run"), 2, "mine.yaml, line ", "mappings.3.bc.filter (CUSTOMER): blocked has no value")


def test_a_mapping_with_a_word_that_no_mapping_knows_is_a_usage_error(still: World) -> None:
    file = still.folder / "mine.yaml"
    file.write_text(
        "mappings:\n  - name: X\n    bc: {table: customers}\n    sale: {table: accounts}\n"
        "    fields: [{bc: displayName, sales: name}]\n",
        encoding="utf-8",
    )
    still.configure(mappings=file)
    _refused(coupled(still, "run"), 2, "mine.yaml", "line", "sale")


@pytest.mark.parametrize("side", ["business_central", "sales"])
def test_a_wrong_secret_is_told_and_never_shown(still: World, side: str) -> None:
    text = still.config.read_text(encoding="utf-8")
    before, mark, after = text.partition(f"{side}:")
    wrong = "not-the-right-secret"
    (still.folder / "other").write_text(wrong, encoding="utf-8")
    still.config.write_text(before + mark + after.replace(str(still.secret), "other", 1), encoding="utf-8")
    done = coupled(still, "run")
    _refused(done, 3, "Business Central" if side == "business_central" else "Sales")
    assert wrong not in done.stderr


@pytest.mark.parametrize("side", ["bc", "sales"])
def test_a_side_that_does_not_answer_is_unreachable(still: World, side: str) -> None:
    host = (still.bc if side == "bc" else still.sales).host
    text = still.config.read_text(encoding="utf-8").replace(host, f"http://127.0.0.1:{free_port()}")
    still.config.write_text(text, encoding="utf-8")
    _refused(coupled(still, "run"), 3, "Business Central" if side == "bc" else "Sales")


def test_a_kafka_that_does_not_answer_is_unreachable(still: World) -> None:
    port = free_port()
    still.configure(bootstrap=f"127.0.0.1:{port}")
    with ThreadPoolExecutor() as pool:  # each waits a while for a broker that may be starting
        for done in pool.map(lambda word: coupled(still, word), ("run", "sync")):
            _refused(done, 3, "Kafka", str(port))


def test_a_company_that_is_not_there_is_a_usage_error_that_lists_those_that_are(still: World) -> None:
    _edited(still, "company: CRONUS", "company: KRONOS")
    done = coupled(still, "run")
    _refused(done, 2, "KRONOS")
    assert "CRONUS" in done.stderr


def test_a_command_without_a_daemon_says_how_to_start_one(still: World) -> None:
    for words in (["sync"], ["full-sync", "--yes"], ["pause"]):
        done = coupled(still, *words)
        _refused(done, 3, "No daemon")
        assert "coupled run" in done.stderr


def test_a_full_synchronisation_that_nobody_can_confirm_is_refused(still: World) -> None:
    done = coupled(still, "full-sync")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert "duplicate" in done.stderr


def test_keep_and_restore_at_once_are_refused(still: World) -> None:
    assert coupled(still, "full-sync", "--yes", "--keep", "--restore").returncode == 2


def test_looking_before_the_first_start_says_how_to_start(still: World) -> None:
    for words in (["status"], ["jobs"], ["errors"], ["couplings", "CUSTOMER"]):
        done = coupled(still, *words, "--json")
        assert done.returncode in (2, 3)
        assert done.stdout == ""
        assert "coupled run" in done.stderr
        assert not Path(still.folder / "coupled.db").exists()


def _show() -> list[str]:
    from tests.support.processes import COUPLED

    return [*COUPLED, "mappings", "show", "standard"]
