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
from tests.contract.sandbox import business_central_support, dataverse_support
from tests.contract.sandbox.dataverse_support import CREDENTIALS
from tests.support.ports import free_port
from tests.support.strangers import served
from tests.support.waiting import wait_until

MAIN: dict[str, list[str]] = {
    "bc": ["customers", "items", "contacts"],
    "sales": ["accounts", "products", "contacts"],
}


@pytest.fixture(params=["bc", "sales"])
def side(request: pytest.FixtureRequest) -> Iterator[tuple[alone.Which, str]]:
    with served(alone.app(request.param, 300, 1)) as url:
        yield request.param, url


def test_the_first_request_printed_answers(side: tuple[alone.Which, str]) -> None:
    which, url = side
    text = alone.notice(which, int(url.rpartition(":")[2]))
    assert all(f"{name} " in text for name in ("Address", "Tenant", "Client", "Secret", "Scope", "Records"))
    (command,) = [line for line in text.splitlines() if line.startswith("curl")]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30)
    assert len(json.loads(done.stdout)["value"]) == 1


@pytest.mark.parametrize("records", [1, 50, 300])
@pytest.mark.parametrize("which", ["bc", "sales"])
def test_each_main_table_has_so_many_records(which: alone.Which, records: int) -> None:
    rows = alone.rows(which, records, 1)
    for table in MAIN[which]:
        assert records <= len(rows[table]) <= records * 1.5, table
    for name in ("number", "productnumber"):
        for table in MAIN[which]:
            found = [row[name] for row in rows[table] if name in row]
            assert len(set(found)) == len(found), table
    assert rows == alone.rows(which, records, 1)


@pytest.mark.parametrize("records", [2_000, pytest.param(100_000, marks=pytest.mark.large)])
@pytest.mark.parametrize("which", ["bc", "sales"])
@pytest.mark.timeout(900)
def test_so_many_records_of_each_main_table_are_served(which: alone.Which, records: int) -> None:
    with _run(which, "--records", str(records), within=600) as http:
        host, audience = str(http.base_url).rstrip("/"), "https://api.businesscentral.dynamics.com"
        form = {**CREDENTIALS, "scope": f"{audience if which == 'bc' else host}/.default"}
        token = http.post("/contoso/oauth2/v2.0/token", data=form).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        company = f"{business_central_support.ROOT}/{business_central_support.COMPANY}"
        root = company if which == "bc" else dataverse_support.ROOT.rstrip("/")
        counted = http.get("/").json()["rows" if which == "bc" else "sets"]
        before = _peak(http)
        for table in MAIN[which]:
            assert counted[table] >= records
            seen = _paged(http, f"{root}/{table}", pages=20)
            assert len(seen) == min(20_000, counted[table])
        assert before < 150_000 + 14 * records, "KiB: what the rows need"
        assert _peak(http) < before + 100_000, "KiB: and reading them needs little more"


def _paged(http: httpx.Client, url: str, pages: int) -> set[str]:
    """The etags of the first so many pages of a thousand."""
    seen: set[str] = set()
    for _ in range(pages):
        page = http.get(url, headers={"Prefer": "odata.maxpagesize=1000"}).json()
        seen |= {row["@odata.etag"] for row in page["value"]}
        url = page.get("@odata.nextLink", "")
        if not url:
            break
    return seen


def _peak(http: httpx.Client) -> int:
    """The most memory that the process behind this address has held, in KiB."""
    status = Path(f"/proc/{http.headers['X-Process']}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


@contextlib.contextmanager
def _run(which: str, *options: str, within: float = 60) -> Iterator[httpx.Client]:
    """`coupled sandbox bc` or `sales` as a process of its own, whose number the client carries."""
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
            named = {"X-Process": str(process.pid)}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=named, timeout=60) as http:
                wait_until(lambda: _answers(http), within, "the simulator")
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
