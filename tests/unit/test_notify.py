"""What a service manager is told, on a real socket: ready, well only while it is, stopping; and its unit file."""

from __future__ import annotations

import asyncio
import configparser
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.notify import Manager, manager_of, told
from tests.support.manager import ServiceManager
from tests.support.real_parts import missing

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "coupled.service"


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceManager]:
    address = tmp_path / "notify" if request.param == "path" else f"@coupled-{uuid.uuid4().hex}"
    with ServiceManager(address) as manager:
        yield manager


def variables(systemd: ServiceManager, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "60000", **more}


async def test_it_is_told_ready_well_and_stopping(systemd: ServiceManager) -> None:
    async with told(manager_of(variables(systemd)), list, lambda: "At work\non 7 mappings. "):
        first = await asyncio.to_thread(systemd.next)
        assert first == {"READY": "1", "STATUS": "At work on 7 mappings."}
        for _ in range(3):
            alive = await asyncio.to_thread(systemd.next)
            assert alive == {"WATCHDOG": "1", "STATUS": "At work on 7 mappings."}
    last = await asyncio.to_thread(systemd.until, lambda one: "STOPPING" in one)
    assert last[-1]["STOPPING"] == "1"


async def test_there_is_no_sign_of_life_once_some_work_has_ended(systemd: ServiceManager) -> None:
    ended: list[str] = []
    async with told(manager_of(variables(systemd)), lambda: ended, lambda: ""):
        await asyncio.to_thread(systemd.until, lambda one: "WATCHDOG" in one)
        ended.append("capture bc customers")
        await asyncio.to_thread(systemd.until, lambda one: one["STATUS"].startswith("Not well"))
        after = [await asyncio.to_thread(systemd.next) for _ in range(3)]
        assert after == [{"STATUS": "Not well: capture bc customers ended."}] * 3
        ended.clear()
        await asyncio.to_thread(systemd.until, lambda one: "WATCHDOG" in one)


async def test_there_is_no_sign_of_life_while_the_event_loop_does_not_turn(systemd: ServiceManager) -> None:
    async with told(manager_of(variables(systemd)), list, lambda: ""):
        await asyncio.to_thread(systemd.until, lambda one: "WATCHDOG" in one)
        with pytest.raises(TimeoutError):  # what was sent before is read, and then there is nothing: the loop is ours
            systemd.until(lambda one: False, timeout=0.5)


@pytest.mark.parametrize(
    ("environment", "manager"),
    [
        ({}, Manager()),
        ({"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "1000000"}, Manager()),
        ({"NOTIFY_SOCKET": "/run/x"}, Manager("/run/x")),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1500000"}, Manager("/run/x", 1.5)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}, Manager("@x")),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, Manager("@x", 3.0)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"}, Manager("@x")),
    ],
)
def test_the_variables_say_whom_to_tell_and_who_watches(environment: dict[str, str], manager: Manager) -> None:
    assert manager_of(environment) == manager


def test_it_is_told_three_times_within_the_watchdogs_patience() -> None:
    assert Manager("@x", 3.0).every == 1.0
    assert Manager("@x", 600.0).every == Manager("@x").every == 10.0


async def test_a_manager_that_is_not_there_stops_nobody(tmp_path: Path) -> None:
    async with told(Manager(str(tmp_path / "gone")), list, lambda: ""):
        pass


def test_the_unit_is_told_what_the_daemon_tells() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    service = unit["Service"]
    assert (service["Type"], service["KillMode"], service["Restart"]) == ("notify", "mixed", "on-failure")
    assert service["RestartPreventExitStatus"] == "2"
    assert int(service["WatchdogSec"]) >= 3 * Manager("@x", float(service["WatchdogSec"])).every


def test_systemd_understands_the_unit_and_finds_it_safe(tmp_path: Path) -> None:
    """With a program that is there; whether the installed one is does not matter here."""
    program = shutil.which("systemd-analyze")
    if program is None:
        missing("systemd", "systemd-analyze is not installed", "COUPLED_REQUIRE_SYSTEMD")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/coupled/.venv/bin/coupled", "/bin/true")
    copy = tmp_path / "coupled.service"
    copy.write_text(text, encoding="utf-8")
    for words in (["verify"], ["security", "--offline=true", "--threshold=20"]):
        done = subprocess.run([program, *words, str(copy)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Unknown" not in done.stderr
