"""A command in a terminal of its own, as a user sits before it."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
from collections.abc import Sequence
from fcntl import ioctl
from pathlib import Path
from select import select
from struct import pack
from termios import TIOCSWINSZ
from typing import Self

from tests.support.waiting import wait_until


class Terminal:
    """`seen` is all that was written to it so far. Of 40 lines with 120 columns."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.seen = ""
        self._code: int | None = None
        self._pid, self._ours = pty.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # of a shell's background job it is ignored
            os.chdir(folder)
            ioctl(0, TIOCSWINSZ, pack("HHHH", 40, 120, 0, 0))
            os.execv(command[0], command)

    def shows(self, text: str, timeout: float = 30) -> None:
        wait_until(lambda: text in self._read(), timeout, f"{text!r} in the terminal")

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self, timeout: float = 15) -> int:
        """How it ended."""
        wait_until(self._ended, timeout, "the end of the command")
        assert self._code is not None
        return self._code

    def _ended(self) -> bool:
        self._read()
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code is not None

    def _read(self) -> str:
        while select([self._ours], [], [], 0)[0]:
            try:
                self.seen += os.read(self._ours, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
        return self.seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ended():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._ours)
