"""A worker of an earlier version beside one of this, on one PostgreSQL and one Apache Kafka, as in an upgrade.

The earlier version is the last one in the history of this repository whose store had another schema.
"""

from __future__ import annotations

import io
import signal
import subprocess
import tarfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from daemon.store.revisions import KNOWN
from tests.support.commands import Commands
from tests.support.crew import Crew, People, increasing
from tests.support.customers import TABLES, unequal
from tests.support.waiting import wait_until
from tests.support.workers import Histories, Witness
from tests.support.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.large]
ROOT = Path(__file__).parents[2]
_CODE = ("daemon", "consumers", "producers", "schemas")


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The folder of the earlier version's code."""
    newest = next((ROOT / "daemon/store/migrations/versions").glob(f"{KNOWN[-1]}_*.py")).relative_to(ROOT)
    made = _git("log", "--format=%H", "--diff-filter=A", "-1", "--", str(newest)).decode().strip()
    assert made, f"{newest} is not in the history: clone all of it"
    folder = tmp_path / "earlier"
    with tarfile.open(fileobj=io.BytesIO(_git("archive", f"{made}^", *_CODE))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout


def _schema(database: str) -> str:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert found
    return str(found[0])


@pytest.mark.timeout(300)
def test_a_worker_of_this_version_takes_over_from_an_earlier_one_under_load(
    shared: World, postgres: str, earlier: Path
) -> None:
    witnesses = Witness(shared.simulators.apps[0]), Witness(shared.simulators.apps[1])
    histories, people = Histories(shared.simulators.apps), People(shared)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(shared, witnesses))
        crew.start("anna", "berta", code=earlier)
        commands = stack.enter_context(Commands(shared.settings.kafka.bootstrap_servers, shared.prefix))
        stack.enter_context(people)
        assert commands.end(commands.command("full-sync", answer="restore"), 150)["state"] == "done"
        assert _schema(postgres) == KNOWN[-2]
        crew.start("carla")
        assert _schema(postgres) == KNOWN[-1]  # beneath the others
        people.go_on()
        assert crew.end(crew.leader(), signal.SIGTERM) == 0
        crew.led_by(*crew.workers)
        people.go_on()
        assert commands.end(commands.command("sync"), 150)["state"] == "done"
        crew.end(next(name for name in crew.workers if name != "carla"), signal.SIGTERM)
        crew.led_by("carla")
        people.go_on()
        people.stop()
        wait_until(lambda: not unequal(shared), 60, "both sides to be equal")
        shared.quiet(tables=TABLES)
        assert unequal(shared) == []
    assert increasing(histories, "sales", "accounts", "address1_line2") == []
    assert increasing(histories, "bc", "customers", "phoneNumber") == []
