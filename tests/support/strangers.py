"""Clients nobody here wrote, in environments of their own, and the programs that drive them against a simulator.

    python -m tests.support.strangers      # only get the clients, as `make test` does

A Python environment and a node_modules folder are made once under .coupled/strangers/ from files with hashes, outside
ours: what the clients want must not decide what the daemon gets. A program prints one JSON document; pytest judges it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from daemon.sandbox.serving import server
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "contract" / "strangers"
CACHE = ROOT / ".coupled" / "strangers"
_COMPLETE = "complete"  # holds the lock file the folder was made from; written last
_FETCH_SECONDS = 300
_RUN_SECONDS = 60


class StrangersUnavailable(RuntimeError):
    """The clients cannot be had here; the text is one line: why, and what to do."""


def python_clients() -> Path:
    """The Python interpreter that has the clients of requirements.lock."""
    lock = PROGRAMS / "python" / "requirements.lock"
    target = CACHE / "python"
    interpreter = target / "bin" / "python"
    if not _complete(target, lock):
        shutil.rmtree(target, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(target)], CACHE)
        pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        _run([*pip, "install", "--require-hashes", "-r", str(lock)], CACHE)
        _finish(target, lock)
    return interpreter


def node_clients() -> Path:
    """The node_modules folder with the clients of package-lock.json."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise StrangersUnavailable("Node.js is not installed (apt install nodejs npm)")
    lock = PROGRAMS / "node" / "package-lock.json"
    target = CACHE / "node"
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
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StrangersUnavailable(f"{Path(command[0]).name} did not fetch the clients: {error}") from None
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise StrangersUnavailable(f"{Path(command[0]).name} could not fetch the clients: {' '.join(said[:2])[:300]}")


def run_python(program: str, *arguments: str, **environment: str) -> Any:
    """What `strangers/python/<program>` prints."""
    return _output([str(python_clients()), str(PROGRAMS / "python" / program), *arguments], environment)


def run_node(program: str, *arguments: str) -> Any:
    """What `strangers/node/<program>` prints."""
    modules = {"NODE_PATH": str(node_clients())}
    return _output(["node", str(PROGRAMS / "node" / program), *arguments], modules)


def _output(command: Sequence[str], environment: Mapping[str, str]) -> Any:
    settings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@contextlib.contextmanager
def served(app: ASGIApp, certificate: Path | None = None, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of an application behind a real socket, with TLS if there is a certificate (key in the same file)."""
    port = free_port()
    pem = str(certificate) if certificate else None
    made = server(app, port, host=host, log_level="critical", ssl_certfile=pem)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    wait_until(lambda: made.started or not thread.is_alive(), 30, "the simulator")
    yield f"{'https' if pem else 'http'}://{host}:{port}"
    made.should_exit = True
    thread.join(10)


if __name__ == "__main__":
    try:
        python_clients()
        node_clients()
    except StrangersUnavailable as refusal:
        sys.exit(str(refusal))
