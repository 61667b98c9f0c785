"""The first thing a user tries."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import COUPLED

pytestmark = pytest.mark.e2e


def test_the_demo_shows_everything_and_ends_well(tmp_path: Path) -> None:
    words = ["demo", "--once", "--port", "0", "--customers", "15"]
    env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*COUPLED, *words], capture_output=True, text=True, timeout=110, check=False, cwd=tmp_path, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert done.stdout.count("arrived after") == 6
    assert "RESOURCE-PRODUCT" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_stopped_leaves_no_secret_behind(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    words = ["demo", "--port", "0", "--customers", "5"]
    with subprocess.Popen([*COUPLED, *words], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=env) as demo:
        assert demo.stdout
        said = []
        for line in demo.stdout:
            said.append(line)
            if "Running until" in line:
                demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 0, said
    (command,) = [line.split()[2] for line in said if line.startswith("Command line")]
    assert shutil.which(command)
    assert list(tmp_path.iterdir()) == []
