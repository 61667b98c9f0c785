"""`coupled check` as a user meets it: before the first run, while the daemon runs, and with something wrong."""

from __future__ import annotations

import pytest

from tests.support.ports import free_port
from tests.support.processes import DaemonProcess, coupled, document
from tests.support.simulators import SECRET
from tests.support.world import World

pytestmark = pytest.mark.e2e


def test_before_the_first_run_it_changes_nothing_and_ends_well(still: World) -> None:
    marks = still.marks()
    done = coupled(still, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 error(s), 0 warning(s)" in done.stdout
    assert "started by `coupled run`" in done.stdout
    assert still.bc.writes(marks[0]) == still.sales.writes(marks[1]) == []
    assert not (still.folder / "coupled.db").exists()


def test_while_the_daemon_runs_it_finds_its_broker_and_store(world: World) -> None:
    with DaemonProcess(world):
        done = coupled(world, "check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = {one["about"]: one["says"] for one in document(done)["findings"] if one["what"] == "connection"}
    assert "answers; 1 broker" in told["Kafka"]
    assert "is there" in told["store"]


def test_several_mistakes_are_told_at_once_and_exit_2(still: World) -> None:
    mine = still.folder / "mine.yaml"
    mine.write_text("mappings:\n  - name: X\n    bc: {table: customers}\n    sale: {table: accounts}\n", "utf-8")
    still.configure(mappings=mine)
    still.config.write_text(still.config.read_text("utf-8").replace("CRONUS", "KRONOS"), "utf-8")
    done = coupled(still, "check", "--json")
    assert done.returncode == 2, done.stderr
    found = document(done)
    assert found["exit"] == 2
    wrong = [one for one in found["findings"] if one["state"] == "error"]
    assert {one["about"] for one in wrong} == {"mappings", "Business Central"}
    assert all(one["fix"] for one in wrong)


def test_everything_that_is_away_is_told_at_once_and_exit_3(still: World) -> None:
    still.configure(bootstrap=f"127.0.0.1:{free_port()}")
    gone = still.config.read_text("utf-8").replace(still.bc.host, f"http://127.0.0.1:{free_port()}")
    still.config.write_text(gone, "utf-8")
    done = coupled(still, "check")
    assert done.returncode == 3, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("error")]
    assert [line.split()[1].rstrip(",") for line in lines] == ["Business", "Kafka"]
    assert "Sales, connection: Signed in." in done.stdout
    assert SECRET not in done.stdout + done.stderr
