"""Child processes that cannot outlive their parent.

Promised: a `TiedProcess` ends when the process that started it ends, even when that one is killed with SIGKILL (on
Linux; elsewhere only an orderly exit of the parent ends the child).
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

# Runs in a fresh interpreter that then becomes the broker: `preexec_fn` would run Python code in a forked copy of a
# process with threads, which can deadlock. The comparison closes the gap in which the parent dies before prctl.
_TIE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class TiedProcess:
    """A child process that ends when its parent does. Its output goes to `log`, or nowhere."""

    def __init__(self, command: Sequence[str], log: Path | None = None, env: dict[str, str] | None = None) -> None:
        self._command = list(command)
        self._log = log
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None
        self._started = threading.Event()
        self._ended = threading.Event()

    def start(self) -> None:
        """Start the child. Raises OSError if the program cannot be run.

        The kernel ties a child to the *thread* that started it, so a thread of its own starts it and waits for it:
        calling this from a short-lived worker thread must not kill the child when that thread ends.
        """
        threading.Thread(target=self._live, name=f"child {Path(self._command[0]).name}", daemon=True).start()
        self._started.wait()
        if self._error is not None:
            raise self._error
        atexit.register(self.stop)

    def _live(self) -> None:
        try:
            with self._output() as output:
                self._process = subprocess.Popen(  # noqa: S603 - the command is the caller's own, no shell
                    self._tied_command(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    start_new_session=True,  # a terminal's Ctrl-C is for the daemon, which drains before it stops us
                )
        except OSError as error:
            self._error = error
            self._ended.set()
            return
        finally:
            self._started.set()
        self._process.wait()
        self._ended.set()

    def _output(self) -> IO[bytes]:
        if self._log is None:
            return open(os.devnull, "wb")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        return self._log.open("wb")

    def _tied_command(self) -> list[str]:
        if sys.platform != "linux":
            return self._command
        return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *self._command]

    @property
    def pid(self) -> int | None:
        """The child's process id, None before the start."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the child has been started and has not ended."""
        return self._process is not None and not self._ended.is_set()

    @property
    def exit_code(self) -> int | None:
        """How the child ended (negative: by which signal), None while it runs."""
        return self._process.returncode if self._process else None

    def kill(self) -> None:
        """End the child with SIGKILL, without a chance to tidy up. May be called twice."""
        atexit.unregister(self.stop)
        if self._process is not None and self.alive:
            self._process.kill()
            self._ended.wait()

    def stop(self, grace: float = 3.0) -> None:
        """End the child: SIGTERM, and SIGKILL after `grace` seconds. May be called twice."""
        atexit.unregister(self.stop)
        if self._process is None or not self.alive:
            return
        self._process.terminate()
        if not self._ended.wait(grace):
            self.kill()


def wait_until(ready: Callable[[], bool], alive: Callable[[], bool], seconds: float) -> bool:
    """Ask `ready` until it says yes (True), or until the time is over or the process has ended (False)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        if ready():
            return True
        time.sleep(0.01)
    return False
