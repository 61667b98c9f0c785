"""Every ```console command of the documentation, run in the order of its page against a daemon at work.

A command that only starts something for ever, or needs real tenants, stands in an ```sh block and is not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import DaemonProcess, coupled
from tests.support.world import World

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_BIN = Path(sys.executable).parent
# `coupled errors` says by exit code 1 that there are failed records.
_FAILS = re.compile(r"# exits (\d)$")


def commands(page: Path) -> list[str]:
    blocks = _CONSOLE.findall(page.read_text(encoding="utf-8"))
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


DOCUMENTED = [page for page in PAGES if commands(page)]


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, str]]]:
    """A daemon on the embedded broker whose configuration is ./coupled.yaml, and the variables the pages name."""
    folder = tmp_path_factory.mktemp("docs")
    with World(folder) as world:
        world.prefix = "coupled"  # as the pages call the topics
        world.configure()
        with DaemonProcess(world):
            assert coupled(world, "full-sync", "--yes", "--keep").returncode == 0
            note = world.note() or {}
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


def test_the_documentation_has_commands_to_run() -> None:
    assert len(DOCUMENTED) >= 5


@pytest.mark.parametrize("page", DOCUMENTED, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_commands_work(page: Path, at_work: tuple[World, dict[str, str]]) -> None:
    world, env = at_work
    for command in commands(page):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=world.folder,
            env=env,
        )
        expected = _FAILS.search(command)
        assert done.returncode == (int(expected[1]) if expected else 0), f"{command}\n{done.stdout}\n{done.stderr}"
