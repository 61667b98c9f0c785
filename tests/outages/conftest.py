"""Worlds whose parts are taken away while the daemon works, and given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import Fragile, PostgresUnavailable
from tests.support.real_parts import missing


@pytest.fixture(scope="module")
def fragile() -> Iterator[Fragile]:
    """A PostgreSQL server of the module's own."""
    server = Fragile()
    try:
        server.start()
    except PostgresUnavailable as refusal:
        missing("PostgreSQL", str(refusal), "COUPLED_REQUIRE_POSTGRES")
    yield server
    server.stop()
