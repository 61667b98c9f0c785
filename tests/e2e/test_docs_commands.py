"""Every ```console command of the documentation, run in the order of its page against a daemon at work.

A command that only starts something for ever, or needs real tenants, stands in an ```sh block and is not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import pytest

from tests.support.processes import DaemonProcess
from tests.support.world import World

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
# The full synchronisation first, so that the other pages find something.
FIRST = ROOT / "docs" / "full-synchronisation.md"
PAGES = [FIRST, ROOT / "README.md", *sorted(set((ROOT / "docs").rglob("*.md")) - {FIRST})]
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_BIN = Path(sys.executable).parent
# `coupled errors` says by exit code 1 that there are failed records.
_FAILS = re.compile(r"# exits (\d)$")
# Not left out where another page had it: what comes between is about the pause.
_AGAIN = re.compile(r"coupled (pause|resume)\b")
_LOOKS = re.compile(r"coupled (status|jobs|job|errors|couplings|mappings show|dead-letters list)\b")


# The records that the pages name.
_NUMBER, _NAME = "10000", "Adatum Corporation"
_ACCOUNT, _CUSTOMER = "5c8ab3f4-1d7e-4f0a-9a55-0d1c2f6f1b11", "8e3c0b8e-62a4-4b9e-8ad6-0d3e5f8f0a01"
_OTHER = "d41c7f52-0a6e-4f0e-9b1b-6a3a0c1e2f90"
_EXAMPLES = (_NUMBER, _NAME, _ACCOUNT, _CUSTOMER, _OTHER)


def commands(page: Path) -> list[str]:
    blocks = _CONSOLE.findall(page.read_text(encoding="utf-8"))
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


DOCUMENTED = [page for page in PAGES if commands(page)]


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, str]]]:
    """A daemon on the embedded broker whose configuration is ./coupled.yaml, and the variables the pages name."""
    folder = tmp_path_factory.mktemp("docs")
    with World(folder, customers=5, poll=2) as world:
        world.prefix = "coupled"  # as the pages call the topics
        world.configure()
        with DaemonProcess(world):
            note = world.note() or {}
            world.full_sync()  # so that every page finds something, alone too
            yield (
                world,
                {
                    **os.environ,
                    "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}",
                    "CONSOLE": str(note["web"]),
                    "KAFKA": str(note["bootstrap"]),
                    "BC": world.bc.host,
                    "SALES": world.sales.host,
                },
            )


@pytest.fixture(scope="module")
def done_before() -> set[str]:
    return set()


def test_the_documentation_has_commands_to_run() -> None:
    assert len(DOCUMENTED) >= 5


@pytest.mark.parametrize("page", DOCUMENTED, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_commands_work(page: Path, at_work: tuple[World, dict[str, str]], done_before: set[str]) -> None:
    """In order; those that only look, side by side."""
    world, env = at_work
    fresh = [command for command in commands(page) if command not in done_before or _AGAIN.match(command)]
    done_before.update(fresh)
    with ThreadPoolExecutor(4) as pool:
        for looking, group in groupby(fresh, lambda command: bool(_LOOKS.match(command))):
            for complaint in (
                pool.map(lambda command: run(command, world, env), group)
                if looking
                else (run(command, world, env) for command in group)
            ):
                assert not complaint, complaint


def of_this_world(command: str, world: World) -> str:
    """The number, name and ids of records of this world in place of those that the page names."""
    _, account, record = world.pair(0, "customers", "accounts")
    there = account.partition("(")[2].rstrip(")")
    _, _, other = world.pair(1, "customers", "accounts")
    named = (record["number"], record["displayName"], there, record["id"], other["id"])
    for example, real in zip(_EXAMPLES, named, strict=True):
        command = command.replace(example, str(real))
    return command


def run(command: str, world: World, env: dict[str, str]) -> str:
    """Nothing, or how it failed."""
    if any(example in command for example in _EXAMPLES):
        command = of_this_world(command, world)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        cwd=world.folder,
        env=env,
    )
    expected = _FAILS.search(command)
    right = done.returncode == (int(expected[1]) if expected else 0)
    return "" if right else f"{command}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}"
