"""The stage that the checklist's tests play on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import house
from tests.support.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Two systems with hardly a record, the standard mappings, and a daemon that has not looked yet."""
    async with Stage(tmp_path, house.BC, house.SALES) as made:
        yield made
