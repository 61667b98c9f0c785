"""Both simulators and the daemon as processes of their own, on the embedded broker and SQLite."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from daemon.broker import free_port, read_runtime, runtime_file
from daemon.child import TiedProcess, wait_until
from daemon.config import load
from daemon.sandbox.serve import Places, configuration, configure
from daemon.settings import Settings

_START_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class World:
    settings: Settings
    web: str
    daemon_pid: int
    bc_host: str
    sales_host: str

    def marks(self) -> dict[str, int]:
        """Where both request logs are now."""
        return {side: _log(host, 10**9)["total"] for side, host in self._hosts()}

    def requests(self, since: dict[str, int]) -> dict[str, dict[str, int]]:
        """By side, since the marks: HTTP requests, and reads and writes, of which one `$batch` request may hold many.

        Sign-in is left out, and capture's own polling, which goes by time and not by records.
        """
        return {side: _counted(_log(host, since[side])["entries"]) for side, host in self._hosts()}

    def _hosts(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return ("bc", self.bc_host), ("sales", self.sales_host)

    def cpu_seconds(self) -> float:
        """User and system time of the daemon process so far; the broker is a process of its own."""
        fields = Path(f"/proc/{self.daemon_pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_rss_mb(self) -> float:
        status = Path(f"/proc/{self.daemon_pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def world(folder: Path, customers: int, poll_seconds: float, store: str = "sqlite:///coupled.db") -> Iterator[World]:
    """Up and answering; RuntimeError with the end of the log if a process does not start."""
    places = Places(free_port(), free_port(), customers)
    written = configuration(places, free_port(), poll_seconds).replace("sqlite:///coupled.db", store)
    config = configure(folder, written)
    settings = load(config, {})
    me = [sys.executable, "-m", "daemon"]
    ports = ["--bc-port", str(places.bc_port), "--sales-port", str(places.sales_port), "--customers", str(customers)]
    bc_host = places.bc_url.partition("/v2.0")[0]
    note = folder / runtime_file(settings.store.url.get_secret_value())
    with contextlib.ExitStack() as stack:
        sandbox = TiedProcess([*me, "sandbox", *ports], log=folder / "sandbox.log")
        daemon = TiedProcess([*me, "run", "--config", str(config)], log=folder / "daemon.log")
        for process, log, ready in (
            (sandbox, "sandbox.log", lambda: _answers(bc_host) and _answers(places.sales_url)),
            (daemon, "daemon.log", lambda: read_runtime(note) is not None),
        ):
            process.start()
            stack.callback(process.stop)
            if not wait_until(ready, lambda process=process: process.alive, _START_SECONDS):  # type: ignore[misc]
                raise RuntimeError((folder / log).read_text(encoding="utf-8", errors="replace")[-2000:])
        time.sleep(poll_seconds)  # the first look of capture at every table is not what is measured
        noted = read_runtime(note)
        assert noted
        yield World(settings, str(noted["web"]), daemon.pid or 0, bc_host, places.sales_url)


def _answers(host: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(host).status_code > 0
    return False


def _log(host: str, since: int) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{host}/_sandbox/requests", params={"since": since}, timeout=30).json()
    return found


def _counted(entries: list[dict[str, Any]]) -> dict[str, int]:
    own = [e for e in entries if "/oauth2/" not in e["path"] and not _is_poll(e["path"])]
    return {
        "requests": sum(not e["part"] for e in own),
        "reads": sum(e["method"] == "GET" for e in own),
        "writes": sum(e["write"] for e in own),
        "refused": sum(e["status"] == 429 for e in own),
    }


def _is_poll(path: str) -> bool:
    return "deltatoken" in path or "lastModifiedDateTime%20gt" in path or "currencyExchangeRates" in path
