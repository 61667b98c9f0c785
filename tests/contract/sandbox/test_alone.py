"""`coupled sandbox bc` and `coupled sandbox sales`: one simulator alone, and the first request it prints."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from daemon.sandbox import alone
from tests.support.ports import free_port
from tests.support.strangers import served
from tests.support.waiting import wait_until


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


@contextlib.contextmanager
def _run(which: str, *options: str) -> Iterator[httpx.Client]:
    """`coupled sandbox bc` or `sales` as a process of its own."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("coupled")),
        "sandbox",
        which,
        "--port",
        str(port),
        "--records",
        "1",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
                wait_until(lambda: _answers(http), 60, "the simulator")
                yield http
        finally:
            process.terminate()


def _answers(http: httpx.Client) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return http.get("/_sandbox/clock").is_success
    return False


@pytest.mark.parametrize("which", ["bc", "sales"])
def test_d_123_an_answer_is_dated_once_by_the_simulators_own_clock(which: str) -> None:
    with _run(which) as http:
        http.post("/_sandbox/clock", json={"offset_seconds": -86_400})
        (date,) = http.post("/contoso/oauth2/v2.0/token").headers.get_list("Date")
        behind = time.time() - parsedate_to_datetime(date).timestamp()
        assert 86_395 < behind < 86_500


@pytest.mark.parametrize("which", ["bc", "sales"])
def test_d_123_the_latency_of_the_command_line(which: str) -> None:
    with _run(which, "--latency", "60") as http:
        assert http.get("/_sandbox/latency").json() == {"seconds": 60}
