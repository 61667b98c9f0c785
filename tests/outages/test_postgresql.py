"""PostgreSQL taken away from a daemon at work, and given back: it says what is wrong and what to do, goes on by itself,
loses nothing and does nothing twice (promises 1, 2 and 5)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import count

import httpx
import psycopg
import pytest

from daemon.store.revisions import KNOWN
from schemas.outcome import Outcome
from tests.support.postgres import WORKER, Fragile
from tests.support.processes import DaemonProcess, coupled
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
CARRIED = ["CURRENCY", "SALESPEOPLE", "CUSTOMER"]
TABLES = frozenset(["bc:customers", "sales:accounts"])
# Each takes ten seconds of the processor; a slice of them is in every run.
LARGE = pytest.mark.large
_names = count(1)
PROMISE = "The daemon goes on by itself, and nothing is lost."


@pytest.fixture(scope="module")
def database(fragile: Fragile) -> str:
    return fragile.worker_database()


@pytest.fixture(scope="module")
def first(fragile: Fragile, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where a daemon whose store is no file notes its addresses
        with World(folder, store=database, customers=5, poll=0.5) as world, DaemonProcess(world) as daemon:
            assert world.full_sync("keep", mappings=CARRIED)["state"] == "done"
            yield world
            assert "Traceback" not in daemon.output().partition("batch_failed")[0]
            assert daemon.terminate(30) == 0


@pytest.fixture
def world(first: World) -> Iterator[World]:
    """A daemon at work between two systems whose customers are equal; so it must be found afterwards."""
    yield first
    wait_until(lambda: not differences(first), 60, "both sides to be equal")
    wait_until(lambda: not unready(first), 60, "the daemon to be ready")
    first.quiet(tables=TABLES)
    assert differences(first) == []
    assert outcomes_add_up(first)


def differences(world: World) -> list[str]:
    return [line for line in world.differences() if "customers" in line]


def unready(world: World) -> list[str]:
    note = world.note()
    assert note
    reasons: list[str] = httpx.get(f"{note['web']}/readyz").json()["reasons"]
    return reasons


def told(world: World, *parts: str) -> str:
    """What /readyz says, once it says all that, wherever."""

    def said() -> str:
        return next((one for one in unready(world) if all(part in one for part in parts)), "")

    return wait_until(said, 40, f"/readyz to tell {parts}")


def people_work(world: World) -> None:
    """A record is born on each side, and one is edited on each."""
    number = next(_names)
    world.bc.create("customers", displayName=f"Born in BC {number}", email=f"bc{number}@outage.example")
    world.sales.create(
        "accounts", name=f"Born in Sales {number}", customertypecode=3, emailaddress1=f"s{number}@o.example"
    )
    world.expected["customers"] += 2
    bc = world.pair(0, "customers", "accounts")[0]
    other = world.pair(1, "customers", "accounts")[1]
    world.bc.edit(bc, city=f"Town {number}")
    world.sales.edit(other, address1_city=f"City {number}")


def outcomes_add_up(world: World) -> bool:
    """Every published record of every job has one outcome."""
    rows = world.cli("jobs")
    return all(job["published"] == sum(job[outcome.value] for outcome in Outcome) for job in rows)


@contextlib.contextmanager
def held(fragile: Fragile, database: str, table: str) -> Iterator[None]:
    """Nobody writes to the table meanwhile: who wants to stands in the middle of a transaction."""
    name = database.rpartition("/")[2]
    with contextlib.suppress(psycopg.OperationalError), fragile.connection(name) as holder, holder.transaction():
        holder.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield


def waiting(fragile: Fragile, database: str) -> int:
    """Transactions of the daemon that stand in the middle."""
    name = database.rpartition("/")[2]
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event = 'relation'"
    return int(fragile.ask(query, name)[0][0])


@pytest.mark.parametrize("table", ["couplings", *(pytest.param(one, marks=LARGE) for one in ("positions", "progress"))])
def test_a_server_that_crashes_in_the_middle_of_a_transaction(
    world: World, fragile: Fragile, database: str, table: str
) -> None:
    with held(fragile, database, table):
        people_work(world)
        wait_until(lambda: waiting(fragile, database), 30, "a transaction that stands in the middle")
        fragile.crash()
    try:
        reason = told(world, "store:", "cannot be used", "Connection refused")  # once it is down
        assert "Check that PostgreSQL runs there" in reason
    finally:
        fragile.resume()


def test_a_crash_in_the_middle_of_a_run(world: World, fragile: Fragile, database: str) -> None:
    with world.commands() as commands:
        with held(fragile, database, "jobs"):
            run = commands.command("full-sync", answer="keep", mappings=CARRIED)
            wait_until(lambda: waiting(fragile, database), 30, "a transaction that stands in the middle")
            fragile.crash()
        told(world, "store:", "Connection refused")
        fragile.resume()
        assert commands.end(run)["state"] == "done"


@LARGE
def test_commands_say_what_is_wrong_while_the_server_is_away(world: World, fragile: Fragile) -> None:
    fragile.crash()
    try:
        done = coupled(world, "status")
        assert done.returncode == 3
        assert "Check that PostgreSQL runs there" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        fragile.resume()


@LARGE
def test_no_connection_is_left(world: World, fragile: Fragile, database: str) -> None:
    name = database.rpartition("/")[2]
    others: list[psycopg.Connection] = []
    here = "FROM pg_stat_activity WHERE datname = %s"

    def ours() -> int:
        fragile.ask(f"SELECT pg_terminate_backend(pid) {here}", name)
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.append(fragile.connection(user=WORKER))
        return int(fragile.ask(f"SELECT count(*) {here}", name)[0][0])

    try:
        wait_until(lambda: not ours(), 30, "the daemon to have no connection")
        people_work(world)
        told(world, "store:", "slots", "Raise max_connections", PROMISE)
    finally:
        for other in others:
            other.close()


@LARGE
def test_a_server_that_takes_no_writes(world: World, fragile: Fragile) -> None:
    """As the old primary after a failover does."""
    fragile.settle("default_transaction_read_only", "on")
    try:
        told(world, "store:", "read-only", "lead store.url to the primary", PROMISE)
        people_work(world)
        told(world, "live:bc:customers", "read-only transaction", "lead store.url to the primary", PROMISE)
    finally:
        with fragile.connection() as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
            admin.execute("SELECT pg_reload_conf()")


# What the next version might bring: a newer schema only adds to an older one (docs/operate.md, "Upgrading").
NEXT = (
    "CREATE TABLE of_the_next (number int PRIMARY KEY)",
    "ALTER TABLE couplings ADD COLUMN of_the_next text NOT NULL DEFAULT ''",
    "UPDATE alembic_version SET version_num = '9999'",
)
BACK = (
    "DROP TABLE of_the_next",
    "ALTER TABLE couplings DROP COLUMN of_the_next",
    f"UPDATE alembic_version SET version_num = '{KNOWN[-1]}'",
)


@contextlib.contextmanager
def upgraded(fragile: Fragile, database: str) -> Iterator[None]:
    """A worker of the next version has been started beside the one at work."""

    def apply(statements: tuple[str, ...]) -> None:
        with fragile.connection(database.rpartition("/")[2]) as admin, admin.transaction():
            for one in statements:
                admin.execute(one)

    apply(NEXT)
    try:
        yield
    finally:
        apply(BACK)


def test_an_upgrade_beneath_a_worker_of_this_version(world: World, fragile: Fragile, database: str) -> None:
    """It goes on, and may be stopped whenever one likes; another of this version is not started any more."""
    with upgraded(fragile, database):
        people_work(world)
        wait_until(lambda: not differences(world), 60, "both sides to be equal")
        assert world.command("sync", mappings=CARRIED)["state"] == "done"
        assert unready(world) == []
        before = fragile.ask("SELECT * FROM alembic_version", database=database.rpartition("/")[2])
        done = coupled(world, "run")
        assert done.returncode == 2, done.stderr
        assert "A newer version of coupled has brought the store to schema 9999" in done.stderr
        assert "Install that version here too" in done.stderr
        assert "Traceback" not in done.stderr
        assert fragile.ask("SELECT * FROM alembic_version", database=database.rpartition("/")[2]) == before
        people_work(world)
        wait_until(lambda: not differences(world), 60, "both sides to be equal")


FILL = """
INSERT INTO couplings (mapping, bc_id, sales_id, bc_version, sales_version, bc_sequence, sales_sequence,
                       bc_base, sales_base, created_at, updated_at)
SELECT 'FILLER', 'b' || n, 's' || n, '', '', 0, 0, '{}', '{}', now(), now() FROM generate_series(%s::int, %s::int) n
"""


def test_a_disk_that_is_full(world: World, fragile: Fragile, database: str) -> None:
    name = database.rpartition("/")[2]
    # Larger than any other file of the server, so that this table, and no other file, finds no room.
    fragile.ask(FILL, 1, 30_000, database=name)
    size = int(fragile.ask("SELECT pg_relation_size('couplings')", database=name)[0][0])
    fragile.limit_files(size + 100)
    try:
        _fill_up(fragile, name)
        people_work(world)
        told(world, "could not extend file", "Make room on the disk of PostgreSQL", PROMISE)
    finally:
        fragile.limit_files(-1)
        fragile.ask("DELETE FROM couplings WHERE mapping = 'FILLER'", database=name)


def _fill_up(fragile: Fragile, name: str) -> None:
    """The last page too."""
    with fragile.connection(name) as admin:
        for number in range(30_001, 31_000):
            try:
                admin.execute(FILL, (number, number))
            except psycopg.errors.DiskFull:
                return
    raise AssertionError("there is always room")
