"""The first signal is told to the loop; the second ends the process, whatever it is at."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Each says `ready` when it is at what a second signal has to cut short.
_DRAINING = """
import asyncio, sys
from daemon.signals import heed

async def main():
    stop = asyncio.Event()
    heed(stop)
    print("started", flush=True)
    await stop.wait()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
_BUSY = _DRAINING.replace("await asyncio.Event().wait()", "exec('while True: pass')")
_THREAD = _DRAINING.replace(
    "await asyncio.Event().wait()",
    "import threading; asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)",
)
# The signal reaches another thread, so that nothing interrupts the sleep of the loop.
_ASLEEP = """
import asyncio, signal, threading
from daemon.signals import heed

def signalled():
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

async def main():
    stop = asyncio.Event()
    heed(stop)
    threading.Timer(0.2, signalled).start()
    await stop.wait()

asyncio.run(main())
"""


def test_a_signal_wakes_a_loop_that_sleeps() -> None:
    subprocess.run([sys.executable, "-c", _ASLEEP], check=True, timeout=30)


@pytest.mark.parametrize("program", [_DRAINING, _BUSY, _THREAD], ids=["draining", "loop busy", "thread waited for"])
@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(signal.SIGTERM, signal.SIGTERM, 143), (signal.SIGTERM, signal.SIGINT, 130), (signal.SIGINT, signal.SIGTERM, 143)],
)
def test_a_second_signal_ends_it_at_once(
    program: str, first: signal.Signals, second: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stderr
        try:
            assert child.stdout.readline() == "started\n"
            child.send_signal(first)
            assert child.stdout.readline() == "ready\n"
            child.send_signal(second)
            assert child.wait(10) == code
        finally:
            child.kill()
        assert child.stderr.read().startswith("coupled: ended at once by a second signal.")
