"""What a service manager is told, by the protocol of sd_notify(3): ready, still well, stopping, and how it stands."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

_log = structlog.get_logger(__name__)
# How often it is told how things stand, in seconds; more often where the manager waits for less than three times that.
_OFTEN = 10.0
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Manager:
    """Whoever started us with a socket to tell; nobody, if `address` is empty. `watchdog`: seconds after which a silent
    daemon is taken for hung, 0 if nobody watches."""

    address: str = ""
    watchdog: float = 0.0

    @property
    def every(self) -> float:
        return min(self.watchdog / 3, _OFTEN) if self.watchdog else _OFTEN

    def tell(self, **words: str) -> None:
        """One datagram. It never fails: what nobody hears is logged, and the daemon goes on."""
        if not self.address:
            return
        text = "\n".join(f"{name}={value}" for name, value in words.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.settimeout(1.0)
                link.connect(self.address.replace("@", "\0", 1) if self.address[0] == "@" else self.address)
                link.send(text.encode())
        except OSError as error:
            _log.warning("manager_not_told", address=self.address, error=str(error))


def manager_of(environment: Mapping[str, str]) -> Manager:
    """The one of these variables. A watchdog that is another process's is none of ours."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"} or not hasattr(socket, "AF_UNIX"):
        return Manager()
    watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    microseconds = environment.get("WATCHDOG_USEC", "")
    return Manager(address, int(microseconds) / 1e6 if watched and microseconds.isdigit() else 0.0)


@contextlib.asynccontextmanager
async def told(manager: Manager, ailing: Callable[[], Sequence[str]], state: Callable[[], str]) -> AsyncIterator[None]:
    """Ready now, well for as long as the event loop turns and nothing is `ailing`, and stopping at the end.

    `state`: how things stand, in one line.
    """
    manager.tell(READY="1", STATUS=_line(state()))
    telling = asyncio.create_task(_telling(manager, ailing, state), name="service manager")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        manager.tell(STOPPING="1", STATUS="Draining; a second signal ends it at once.")


async def _telling(manager: Manager, ailing: Callable[[], Sequence[str]], state: Callable[[], str]) -> None:
    while manager.address:
        wrong = ailing()
        if wrong:  # no sign of life: the manager starts us again
            manager.tell(STATUS=_line(f"Not well: {', '.join(wrong)} ended."))
        else:
            manager.tell(WATCHDOG="1", STATUS=_line(state()))
        await asyncio.sleep(manager.every)


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
