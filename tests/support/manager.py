"""A service manager's end of sd_notify(3): a real datagram socket, and what was told on it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Self

Told = dict[str, str]


class ServiceManager:
    """Listens at `address`, a path or an abstract name that begins with `@`."""

    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))

    def next(self, timeout: float = 10) -> Told:
        """The next datagram. TimeoutError if none comes."""
        self._socket.settimeout(timeout)
        return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().splitlines())

    def until(self, right: Callable[[Told], bool], timeout: float = 60) -> list[Told]:
        """All that is told up to the first that is right. TimeoutError if nothing at all comes for so long."""
        seen = [self.next(timeout)]
        while not right(seen[-1]):
            seen.append(self.next(timeout))
        return seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
