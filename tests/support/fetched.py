"""Packages in environments of their own, outside ours: what they want must not decide what the daemon gets.

Each is made once, from a lock file with hashes, and anew when that file has changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_COMPLETE = "complete"  # holds the lock file the folder was made from; written last
_SECONDS = 300


class Unfetched(RuntimeError):
    """The packages cannot be had here; the text is one line: why, and what to do."""


def python_of(lock: Path, target: Path) -> Path:
    """The Python interpreter that has what a requirements file pins. Unfetched if it cannot be had."""
    interpreter = target / "bin" / "python"
    if not _complete(target, lock):
        shutil.rmtree(target, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(target)], target.parent)
        pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        _run([*pip, "install", "--require-hashes", "-r", str(lock)], target.parent)
        _finish(target, lock)
    return interpreter


def modules_of(lock: Path, target: Path) -> Path:
    """The node_modules folder with what a package-lock.json pins. Unfetched if it cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Unfetched("Node.js is not installed (apt install nodejs npm)")
    if not _complete(target, lock):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ("package.json", lock.name, ".npmrc"):
            shutil.copy(lock.with_name(name), target)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], target)
        _finish(target, lock)
    return target / "node_modules"


def _complete(target: Path, lock: Path) -> bool:
    marker = target / _COMPLETE
    return marker.is_file() and marker.read_bytes() == lock.read_bytes()


def _finish(target: Path, lock: Path) -> None:
    (target / _COMPLETE).write_bytes(lock.read_bytes())


def _run(command: Sequence[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unfetched(f"{Path(command[0]).name} did not fetch the packages: {error}") from None
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise Unfetched(f"{Path(command[0]).name} could not fetch the packages: {' '.join(said[:2])[:300]}")
