"""Faults that a test arms on a simulator (wire-protocols D5 123)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAGE = b"<html><body><h1>Bad gateway</h1></body></html>"


@dataclass
class Fault:
    """One armed fault: the next `count` requests whose verb and path fit are answered with it.

    `kind` is `status` (the service's error body), `html` (a gateway's page), `truncate` (the true answer breaks off
    half-way), `half` (a complete message with the first half of the true body), `repeat` (the true body twice), `slow`
    (the second half of it only after `seconds`), `drop` (the connection dies before a byte of the answer), `late` (it
    dies so, and the request takes effect `seconds` of the simulated clock afterwards). `after_commit` lets the request
    take effect first; where the true answer is used, it always does. The first `skip` that fit are let through.
    """

    status: int = 503
    count: int = 1
    method: str = ""
    path: str = ""
    retry_after: float | None = None
    after_commit: bool = False
    kind: str = "status"
    seconds: float = 60
    skip: int = 0

    @property
    def truthful(self) -> bool:
        """Whether the true answer is sent, though not as it should be."""
        return self.kind in {"truncate", "half", "repeat", "slow"}

    def fits(self, method: str, path: str, *, part: bool = False) -> bool:
        """Whether this fault is still armed for such a request; an empty verb or path fits every one.

        A part of a batch has no connection of its own that could be slow or break off.
        """
        whole = self.kind in {"truncate", "slow", "late"}
        return self.count > 0 and self.method.upper() in ("", method) and self.path in path and not (part and whole)

    def spoilt(self, body: bytes) -> bytes:
        """What becomes of a true body that is sent as a complete one."""
        return body * 2 if self.kind == "repeat" else body[: len(body) // 2]


class Dropped(Exception):
    """A fault of one part of a batch lets the whole connection die."""


class Faults:
    """The armed faults, first armed, first taken."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        """Add a fault behind those already armed."""
        self.armed.append(fault)

    def take(self, method: str, path: str, *, part: bool = False) -> Fault | None:
        """Use up one count of the first fault that fits, if any does."""
        fault = next((fault for fault in self.armed if fault.fits(method, path, part=part)), None)
        if fault is None:
            return None
        if fault.skip > 0:
            fault.skip -= 1
            return None
        fault.count -= 1
        self.armed = [one for one in self.armed if one.count > 0]
        return fault

    def clear(self) -> None:
        """Disarm everything."""
        self.armed = []


_FAULT_TYPES: dict[str, tuple[type, ...]] = {
    "status": (int,),
    "count": (int,),
    "method": (str,),
    "path": (str,),
    "retry_after": (int, float, type(None)),
    "after_commit": (bool,),
    "kind": (str,),
    "seconds": (int, float),
    "skip": (int,),
}


def fault_problem(body: Mapping[str, Any]) -> str:
    """What is wrong with a fault as sent by a test, or nothing."""
    for name, value in body.items():
        if name not in _FAULT_TYPES:
            return f"unknown field {name}"
        if not isinstance(value, _FAULT_TYPES[name]):
            return f"{name} has the wrong type"
    known = ("status", "html", "truncate", "half", "repeat", "slow", "drop", "late")
    return "" if body.get("kind", "status") in known else f"kind must be one of {', '.join(known)}"
