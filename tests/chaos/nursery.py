"""Daemons to be killed, forked from a process that has already imported all they need: a start costs no four seconds.

Each line on stdin asks for one: {"argv", "log", "step", "when"} (no step: it is killed by nobody here). Answered by
its pid, and by another line when it has ended. When stdin ends, so do we, and with us the daemon.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

import daemon.serve  # noqa: F401 - imported here, so that no child has to
from daemon.cli import main
from tests.chaos.steps import arm

_DIE_WITH_PARENT = 1


def _live(wanted: dict[str, Any]) -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if wanted["step"]:
        arm(wanted["step"], wanted["when"])
    sys.argv = ["coupled", *wanted["argv"]]
    main()


def _forked(wanted: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _live(wanted)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


def serve() -> None:
    """One after the other."""
    for line in sys.stdin:
        pid = _forked(json.loads(line))
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    serve()
