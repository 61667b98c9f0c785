"""`coupled sandbox bc` and `coupled sandbox sales`: one simulator alone, and the first request it prints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from daemon.sandbox import alone
from tests.support.strangers import served


@pytest.fixture(params=["bc", "sales"])
def side(request: pytest.FixtureRequest) -> Iterator[tuple[alone.Which, str]]:
    with served(alone.app(request.param, 300, 1)) as url:
        yield request.param, url


def test_the_first_request_printed_answers(side: tuple[alone.Which, str]) -> None:
    which, url = side
    text = alone.notice(which, int(url.rpartition(":")[2]))
    assert all(f"{name} " in text for name in ("Address", "Tenant", "Client", "Secret", "Scope"))
    (command,) = [line for line in text.splitlines() if line.startswith("curl")]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30)
    assert len(json.loads(done.stdout)["value"]) == 1


@pytest.mark.parametrize("records", [1, 50, 300])
@pytest.mark.parametrize("which", ["bc", "sales"])
def test_the_largest_table_has_about_so_many_records(which: alone.Which, records: int) -> None:
    rows = alone.rows(which, records, 1)
    assert records <= len(rows["contacts"]) <= records + 5
    assert rows == alone.rows(which, records, 1)
