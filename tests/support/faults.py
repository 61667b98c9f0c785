"""How a fault of a simulator is called where it is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "drop": "connection cut",
    "truncate": "answer cut short",
    "html": "a page as the answer",
    "half": "half an answer",
    "repeat": "the answer twice",
}


def called(fault: Mapping[str, Any]) -> str:
    """Such as `503 after it was applied`."""
    what = _KINDS.get(fault.get("kind", ""), str(fault.get("status", "")))
    return f"{what} after it was applied" if fault.get("after_commit") else what
