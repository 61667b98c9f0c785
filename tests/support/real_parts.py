"""Real servers that a machine may lack: their tests are skipped with one line at the end, or fail where required."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

_MISSING: dict[str, str] = {}


def missing(part: str, reason: str, required_by: str) -> NoReturn:
    """Skip the running test because `part` cannot be had; fail it when the variable `required_by` is 1."""
    if os.environ.get(required_by) == "1":
        pytest.fail(f"{part} is required ({required_by}=1) but cannot be had: {reason}", pytrace=False)
    _MISSING[part] = reason
    pytest.skip(f"{part} cannot be had here")


def summary() -> list[str]:
    """One line for each part whose tests did not run."""
    return [f"{part} tests NOT run: {reason}" for part, reason in _MISSING.items()]
