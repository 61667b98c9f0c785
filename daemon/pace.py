"""How fast requests of one side may follow each other, and how long a side that refuses is left alone."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

# What Dataverse says on each answer: how many requests are left of this window on the server that answered (B6).
_REMAINING = "x-ms-ratelimit-burst-remaining-xrm-requests"
# How many requests at once it recommends at present (B6).
_AT_ONCE = "x-ms-dop-hint"


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` requests for ever, and `burst` more at once after a rest; a part of a batch counts as a request.

    With `below`, only while the side says that fewer than so many remain.
    """

    per_second: float
    burst: int = 1
    below: int = 0


class Pace:
    """A token bucket: what it lets through in any `t` seconds is at most burst + t · per_second."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._on = bool(rate and not rate.below)
        self._full = 0.0

    def heard(self, headers: Mapping[str, str]) -> None:
        """Takes note of what an answer says remains."""
        remaining = headers.get(_REMAINING, "")
        if self._rate and self._rate.below and remaining.isdigit():
            self._on = int(remaining) < self._rate.below

    def take(self, parts: int, now: float) -> float:
        """Takes the tokens for a request, and tells how many seconds to wait before it is sent."""
        if not self._rate or not self._on or not parts:
            return 0.0
        self._full = max(self._full, now) + parts / self._rate.per_second
        return max(0.0, self._full - now - self._rate.burst / self._rate.per_second)


class Slots:
    """How many requests run at once, `usual` at first and never more than `most`.

    As many as the side recommends, if it does (B6). If not, one more each time as many as that have gone well. Half as
    many when it refuses, and from there one more at a time, up to what it recommends. Without `most` always `usual`.
    """

    def __init__(self, usual: int, most: int = 0) -> None:
        self._now, self._most = float(usual), max(usual, most)
        self._adapts = most > 0
        self._recommended: int | None = None
        self._refused_at: float | None = None
        self._running, self._changed = 0, asyncio.Condition()

    def heard(self, headers: Mapping[str, str]) -> None:
        """Takes note of what an answer recommends."""
        hint = headers.get(_AT_ONCE, "")
        if self._adapts and hint.isdigit():
            self._recommended = max(1, min(int(hint), self._most))
            self._now = min(self._now, self._recommended) if self._refused_at is not None else float(self._recommended)

    def went(self, sent: float) -> None:
        """A request that was sent then went well."""
        if not self._adapts or (self._refused_at is not None and sent <= self._refused_at):
            return
        ceiling = self._recommended or self._most
        self._now = min(self._now + 1 / self._now, ceiling)
        if self._now >= ceiling:
            self._refused_at = None

    def refused(self, sent: float, now: float) -> None:
        """A request that was sent then was refused for there being too many. Those under way together count once."""
        if self._adapts and (self._refused_at is None or sent > self._refused_at):
            self._now, self._refused_at = max(1.0, self._now / 2), now

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._running < int(self._now))
            self._running += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._changed:
            self._running -= 1
            self._changed.notify_all()


class Refusals:
    """How long to leave a side alone that refuses without saying until when: longer each time it refuses again."""

    def __init__(self, back_off: Callable[[int], float]) -> None:
        self._back_off = back_off
        self._steps, self._grown = 0, float("-inf")

    def refused(self, sent: float, now: float) -> float:
        """Seconds to wait. Requests that were under way when the last wait began say nothing new."""
        if sent <= self._grown:
            return 0.0
        self._steps, self._grown = self._steps + 1, now
        return self._back_off(self._steps)

    def taken(self, sent: float) -> None:
        """The side took a request that was sent after the last refusal."""
        if sent > self._grown:
            self._steps = 0


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds a Retry-After header asks for; None if it says nothing that lies ahead.

    A date counts from the answer's own, since clocks differ; from `now` if it has none (wire-protocols D123).
    """
    text = headers.get("Retry-After", "")
    try:
        return max(float(text), 0.0) or None
    except ValueError:
        wait = (_time(text) or 0.0) - (_time(headers.get("Date", "")) or now)
        return wait if wait > 0 else None


def _time(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None
