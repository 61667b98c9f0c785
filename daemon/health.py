"""What of a worker is up, and when each table was last read: for `/readyz`, `/healthz` and the metrics."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol

from daemon.rounds import Place


class Told(Protocol):
    """Who is told what is up and what is not, and why; see `Health`."""

    def up(self, name: str) -> None: ...

    def down(self, name: str, reason: str) -> None: ...


@dataclass
class Health:
    """What is up. Names of what is not, with the reason, are what /readyz shows."""

    reasons: dict[str, str] = field(default_factory=lambda: {"daemon": "starting"})
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    seen: dict[Place, float] = field(default_factory=dict)
    ended: dict[Place, float] = field(default_factory=dict)

    def up(self, name: str) -> None:
        self.reasons.pop(name, None)

    def read(self, place: Place) -> None:
        """Capture has just read the table to its end, whether or not anything had changed."""
        self.seen[place] = self.ended[place] = time.monotonic()

    def tried(self, place: Place) -> None:
        """Capture begins to read the table; of one that was never read to its end the age counts from now on."""
        self.seen.setdefault(place, time.monotonic())

    def unread(self, place: Place) -> None:
        """Another worker captures the table, or nobody wants its changes now."""
        self.seen.pop(place, None)
        self.ended.pop(place, None)

    def ages(self) -> dict[Place, float]:
        """Seconds since each table was last read to its end, or since the first try of one that never was."""
        now = time.monotonic()
        return {place: now - at for place, at in self.seen.items()}

    def reads(self) -> dict[Place, float]:
        """As `ages`, of those that were read to their end since we look."""
        now = time.monotonic()
        return {place: now - at for place, at in self.ended.items()}

    def down(self, name: str, reason: str) -> None:
        self.reasons[name] = reason

    def stuck(self, topic: str, reason: str | None) -> None:
        """A batch of a topic cannot be done now, and why; or (None) it could."""
        if reason is None:
            self.up(topic)
        else:
            self.down(topic, reason)

    async def unready(self) -> list[str]:
        return [f"{name}: {reason}" for name, reason in self.reasons.items()]

    def stalled(self) -> list[str]:
        """Work that has ended, though it never should."""
        return [task.get_name() for task in self.tasks if task.done()]
