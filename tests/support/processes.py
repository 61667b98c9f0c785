"""`coupled` as real processes: commands run to their end, and a daemon that can be killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Self

from daemon.child import TiedProcess
from tests.support.waiting import wait_until
from tests.support.world import World

COUPLED = (sys.executable, "-m", "daemon")


def coupled(
    world: World, *words: str, env: Mapping[str, str] | None = None, timeout: float = 200
) -> subprocess.CompletedProcess[str]:
    """One command, run to its end, with no terminal."""
    return subprocess.run(
        [*COUPLED, *words, "--config", str(world.config)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=world.folder,
        env={**os.environ, **(env or {})},
    )


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document on stdout."""
    return json.loads(done.stdout)


class DaemonProcess:
    """`coupled run`; ends with the test at the latest. Its output is in `log`."""

    def __init__(self, world: World, env: Mapping[str, str] | None = None) -> None:
        self._world = world
        number = len(list(world.folder.glob("daemon-*.log")))
        self.log = world.folder / f"daemon-{number}.log"
        command = [*COUPLED, "run", "--config", str(world.config)]
        self._child = TiedProcess(command, log=self.log, env={**os.environ, **(env or {})})

    def __enter__(self) -> Self:
        self._child.start()
        wait_until(self._up, 60, "the daemon's start")
        return self

    def _up(self) -> bool:
        assert self._child.alive, self.output()
        note = self._world.note()
        return note is not None and note["pid"] == self._child.pid

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def alive(self) -> bool:
        return self._child.alive

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self._send(signal.SIGKILL)

    def terminate(self, timeout: float = 60) -> int:
        """SIGTERM, and how it ended."""
        self._send(signal.SIGTERM, timeout)
        code = self._child.exit_code
        assert code is not None
        return code

    def signal(self, number: signal.Signals) -> None:
        """Sent, and not waited for."""
        assert self._child.pid
        os.kill(self._child.pid, number)

    def _send(self, number: signal.Signals, timeout: float = 60) -> None:
        self.signal(number)
        wait_until(lambda: not self._child.alive, timeout, "the daemon's end")

    def __exit__(self, *_: object) -> None:
        self._child.stop()


class Waiting:
    """A command in the background, such as a `full-sync` that is to be cut off."""

    def __init__(self, world: World, words: Sequence[str]) -> None:
        self._child = TiedProcess([*COUPLED, *words, "--config", str(world.config)])

    def __enter__(self) -> Self:
        self._child.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()
