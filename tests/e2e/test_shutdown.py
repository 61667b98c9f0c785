"""Told to stop, the daemon drains within its deadline; told twice, it ends at once, and nothing is lost."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.manager import ServiceManager
from tests.support.processes import DaemonProcess, coupled
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]


def test_a_second_signal_ends_a_drain_that_hangs_and_nothing_is_lost(still: World) -> None:
    world = still
    with DaemonProcess(world) as daemon:
        assert coupled(world, "full-sync", "--yes", "--restore").returncode == 0
        world.quiet()
        bc, sales, _ = world.pair(2, "customers", "accounts")
        world.sales.arm(kind="slow", seconds=60, method="PATCH", path="/accounts", count=1)
        world.bc.edit(bc, city="Lisboa")
        wait_until(lambda: not world.sales.armed(), 30, "the write that hangs")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: "daemon_stopping" in daemon.output(), 10, "the drain")
        assert daemon.alive
        assert daemon.terminate(timeout=5) == 128 + signal.SIGTERM
        assert "ended at once by a second signal" in daemon.output()
        assert "Traceback" not in daemon.output()
    with DaemonProcess(world) as daemon:
        world.shows(world.sales, sales, address1_city="Lisboa")
        world.quiet()
        assert world.differences() == []
        assert daemon.terminate() == 0


def test_a_request_that_never_ends_does_not_hold_the_stop_up(still: World) -> None:
    with DaemonProcess(still) as daemon:
        note = still.note()
        assert note
        host, _, port = str(note["web"]).rpartition("//")[2].partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"POST /api/commands HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n")
            client.sendall(b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 100")  # the body is waited for
            assert daemon.terminate(timeout=15) == 0


def _checked(world: World) -> int:
    """The health check of docker-compose.yml, on this daemon's port, with the Python of these tests."""
    compose = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    _, _, *words = compose["services"]["worker-1"]["healthcheck"]["test"]
    note = world.note()
    assert note
    program = words[-1].replace("http://127.0.0.1:8086", note["web"])
    assert program != words[-1]
    return subprocess.run([sys.executable, *words[:-1], program], capture_output=True, check=False).returncode


def test_who_watches_over_it_is_told_ready_well_and_stopping(still: World, tmp_path: Path) -> None:
    with ServiceManager(tmp_path / "notify") as systemd:
        env = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "3000000"}
        with DaemonProcess(still, env) as daemon:
            *before, ready = systemd.until(lambda told: "READY" in told)
            assert before == [{"STATUS": "Starting."}]
            assert "At work on 7 mappings" in ready["STATUS"]
            well = systemd.until(lambda told: "leads" in told["STATUS"])
            assert well[-1]["WATCHDOG"] == "1"
            assert _checked(still) == 0
            daemon.signal(signal.SIGTERM)
            *alive, stopping = systemd.until(lambda told: "STOPPING" in told)
            assert all(told["WATCHDOG"] == "1" for told in alive)
            assert stopping["STOPPING"] == "1"
            wait_until(lambda: not daemon.alive, 15, "the daemon's end")
