"""Each planted bug turns its test red: the promises are held by tests that can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
_COPIED = ("daemon", "consumers", "producers", "schemas", "tests", "deploy", "pyproject.toml")
_FAILED = 1


def _mutated(name: str, into: Path) -> Path:
    mutant = MUTANTS[name]
    for one in _COPIED:
        copy = shutil.copytree if (ROOT / one).is_dir() else shutil.copy
        copy(ROOT / one, into / one)
    file = into / mutant.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return into


def test_each_promise_has_one_and_each_names_one_test() -> None:
    """So that it is this test that finds it, and not another of its file by accident."""
    assert {mutant.promise for mutant in MUTANTS.values()} == set(range(1, 11))
    assert [name for name, mutant in MUTANTS.items() if "::" not in mutant.test] == []


def test_each_has_its_place_in_the_code_as_it_is() -> None:
    """In `make check`: whoever changes such a line plants the bug anew."""
    texts = {one.file: (ROOT / one.file).read_text(encoding="utf-8") for one in MUTANTS.values()}
    assert [name for name, one in MUTANTS.items() if texts[one.file].count(one.old) != 1] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_found(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-p", "tests.mutants.ends"]
    done = subprocess.run(
        [*command, MUTANTS[name].test],
        cwd=_mutated(name, tmp_path),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == _FAILED, done.stdout[-2000:] + done.stderr[-1000:]
    assert "F" in done.stdout.splitlines()[0], done.stdout[-2000:]
