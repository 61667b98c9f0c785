"""A plugin of pytest: the process ends with its tests, whatever threads a planted bug has left behind."""

from __future__ import annotations

import os
import sys

import pytest

_STATUS = [1]


def pytest_sessionfinish(exitstatus: int) -> None:
    _STATUS.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    sys.stdout.flush()
    os._exit(_STATUS[-1])
