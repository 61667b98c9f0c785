"""What SIGTERM and Ctrl-C do to a daemon: the first one lets it drain, a second one ends it at once."""

import asyncio
import contextlib
import os
import signal
from types import FrameType

_NOW = b"coupled: ended at once by a second signal. What was at hand is delivered again at the next start.\n"


def heed(stop: asyncio.Event) -> None:
    """From now on the first signal sets `stop`, in the running loop; the next ends the process with 128 and its number.

    That loses nothing: what is not through is not acknowledged (promise 1), as after a kill. To be called once, in the
    main thread. The second is heeded even while the loop is busy, or is over and threads are waited for.
    """
    loop = asyncio.get_running_loop()
    told = False

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal told
        if told or loop.is_closed():
            os.write(2, _NOW)  # neither logs nor buffers: whatever we interrupt may hold their locks
            os._exit(128 + number)
        told = True
        loop.call_soon_threadsafe(stop.set)

    _wake_by_signals(loop)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, handler)


def _wake_by_signals(loop: asyncio.AbstractEventLoop) -> None:
    """A signal that comes in the moment before the loop goes to sleep would be handled when something else wakes it."""
    reads, writes = os.pipe()
    for one in (reads, writes):
        os.set_blocking(one, False)
    with contextlib.suppress(NotImplementedError):  # a loop that cannot wait for a pipe wakes by itself
        loop.add_reader(reads, os.read, reads, 4096)
        signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
