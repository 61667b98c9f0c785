"""A daemon from the nursery, as the harness sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Self

_ENDS = 60.0


class Nursery:
    """Where daemons come from, one at a time."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.chaos.nursery"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, **wanted: object) -> int:
        """The pid of a new one."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return int(self.line())

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


class Child:
    """`coupled run`, killed at that step if it comes by."""

    def __init__(self, nursery: Nursery, config: Path, log: Path, step: str = "", when: float = 1) -> None:
        argv = ["run", "--config", str(config)]
        self.log = log
        self.pid = nursery.ask(argv=argv, log=str(log), step=step, when=when)
        self._ended = Event()
        Thread(target=self._wait, args=(nursery,), daemon=True).start()

    def _wait(self, nursery: Nursery) -> None:
        nursery.line()
        self._ended.set()

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def ended(self, seconds: float) -> bool:
        """Waits so long for its end."""
        return self._ended.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, if nobody did it yet."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; it drains."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)
        assert self.ended(_ENDS), f"the daemon did not end: {self.log}"
