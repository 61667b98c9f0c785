"""Waiting for what other threads and processes do: always for a fact, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_SOONEST, _SELDOM, AT_LEAST = 0.03, 0.5, 240.0


def wait_until(predicate: Callable[[], T], timeout: float, what: str) -> T:
    """The first true value of `predicate`; AssertionError naming `what` if there is none within `timeout` seconds.

    Or within four minutes, if that is longer: a slow machine is no mistake, and it costs nothing where all goes well.
    """
    begun, timeout = time.monotonic(), max(timeout, AT_LEAST)
    while True:
        found = predicate()
        if found:
            return found
        waited = time.monotonic() - begun
        if waited > timeout:
            raise AssertionError(f"waited {timeout:g} s in vain for {what} (last seen: {found!r})")
        # Asking takes the processor from what is waited for, so it is asked the less often the longer it takes.
        time.sleep(min(max(_SOONEST, waited / 10), _SELDOM))
