"""Programs nobody here wrote, in environments of their own.

Clients are driven against a simulator by programs of ours; others judge our files.

    python -m tests.support.strangers      # only get the clients, as `make test` does

They stand under .coupled/strangers/. A program prints one JSON document; pytest judges it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from daemon.sandbox.serving import server
from tests.support.fetched import ROOT, Unfetched, modules_of, python_of
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PROGRAMS = ROOT / "tests" / "contract" / "strangers"
CACHE = ROOT / ".coupled" / "strangers"
_RUN_SECONDS = 60


def python_clients() -> Path:
    """The Python interpreter that has the clients of requirements.lock. Unfetched if it cannot be had."""
    return python_of(PROGRAMS / "python" / "requirements.lock", CACHE / "python")


def node_clients() -> Path:
    """The node_modules folder with the clients of package-lock.json. Unfetched if it cannot be had."""
    return modules_of(PROGRAMS / "node" / "package-lock.json", CACHE / "node")


def run_python(program: str, *arguments: str, **environment: str) -> Any:
    """What `strangers/python/<program>` prints."""
    return _output([str(python_clients()), str(PROGRAMS / "python" / program), *arguments], environment)


def judged(module: str, *arguments: str) -> tuple[bool, str]:
    """Whether a command of theirs (`python -m module`) is content, and what it says."""
    done = _run([str(python_clients()), "-m", module, *arguments], {})
    return done.returncode == 0, done.stdout + done.stderr


def run_node(program: str, *arguments: str) -> Any:
    """What `strangers/node/<program>` prints."""
    modules = {"NODE_PATH": str(node_clients())}
    return _output(["node", str(PROGRAMS / "node" / program), *arguments], modules)


def _output(command: Sequence[str], environment: Mapping[str, str]) -> Any:
    done = _run(command, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    settings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False)


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
    except Unfetched as refusal:
        sys.exit(str(refusal))
