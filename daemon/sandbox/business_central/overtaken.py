"""Messages that a later one to the same address overtakes (wire-protocols D72): several jobs send at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class Overtaken:
    """One message of each address may wait here until the next has been sent, or until none came in time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._held: dict[str, tuple[datetime, bytes]] = {}

    def hold(self, url: str, content: bytes, seconds: float) -> bool:
        """Keep a message back, at most so long; not if another one waits already, which this one is to overtake."""
        if url in self._held:
            return False
        self._held[url] = (self._now() + timedelta(seconds=seconds), content)
        return True

    def follow(self, url: str) -> list[bytes]:
        """What a message just sent to this address has overtaken."""
        held = self._held.pop(url, None)
        return [] if held is None else [held[1]]

    def due(self) -> list[tuple[str, bytes]]:
        """What nothing came to overtake."""
        due = [url for url, (at, _) in self._held.items() if at <= self._now()]
        return [(url, self._held.pop(url)[1]) for url in due]
