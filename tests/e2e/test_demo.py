"""The first thing a user tries."""

from __future__ import annotations

import os
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
