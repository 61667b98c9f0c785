"""From every schema there ever was to today's, with data; and the older daemon that is still at work meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, Engine, event, inspect, text

from consumers.ports import Applied
from daemon.store.engine import Store, open_readonly, open_store
from daemon.store.tidying import tidy
from schemas.coupling import Reference
from schemas.errors import Refused
from schemas.job import JobState, Keep, RunState
from schemas.side import Direction, Side

from .conftest import Clock
from .made import CUSTOMER
from .samples import ADDED, AT, OldStore, revisions, rows_of

REVISIONS = revisions()
LATEST = REVISIONS[-1]


@pytest.fixture(params=REVISIONS)
async def old(request: pytest.FixtureRequest, url: str) -> AsyncIterator[OldStore]:
    """A store of that schema, with a row in each of its tables."""
    async with _filled(url, request.param) as made:
        yield made


@pytest.fixture
async def oldest(url: str) -> AsyncIterator[OldStore]:
    async with _filled(url, REVISIONS[0]) as made:
        yield made


@asynccontextmanager
async def _filled(url: str, revision: str) -> AsyncIterator[OldStore]:
    made = OldStore(url, revision)
    await made.make()
    await made.write(rows_of(revision, 1))
    yield made
    await made.close()


def test_every_revision_has_its_sample() -> None:
    assert list(ADDED) == REVISIONS


async def test_what_an_older_version_has_written_is_there_after_the_upgrade(
    old: OldStore, url: str, clock: Clock
) -> None:
    filled = {name: set(values) for name, values in rows_of(old.revision, 1).items()}
    assert filled == {name: set(table.columns.keys()) for name, table in old.tables.items()}, "samples.py lacks some"
    before = await old.read()
    store = await open_store(url, now=clock)

    assert await old.read() == before
    await _is_readable(store, 1)
    await _is_usable(store)
    await store.close()


async def test_an_older_worker_goes_on_beside_a_newer_one(old: OldStore, url: str, clock: Clock) -> None:
    """It writes and reads by what it knows of the schema, after the newer one has brought that up to date: no column
    has gone, has changed, or has to be known."""
    store = await open_store(url, now=clock)
    async with store.database.read() as connection:
        today = await connection.run_sync(_schema)
    for name, table in old.tables.items():
        known = {column.name: (str(column.type), bool(column.nullable)) for column in table.columns}
        assert {column: today[name][column] for column in known} == known
    await old.write(rows_of(old.revision, 2))
    await old.change(1)
    await old.change(2)

    assert {len(rows) for rows in (await old.read()).values()} == {2}
    await _is_readable(store, 1)
    await _is_readable(store, 2)
    await tidy(store.database, AT)
    due = await store.retries.due(clock(), 10, [(CUSTOMER, Direction.TO_SALES)])
    assert {"f1", "f2"} <= {one.key for one in due}, "what failed in an older worker's hands is carried again too"
    await store.close()


async def _is_readable(store: Store, n: int) -> None:
    """By the methods the daemon reads with."""
    coupling = (await store.memory.couplings([CUSTOMER], Side.BC, [f"b{n}"]))[CUSTOMER, f"b{n}"]
    assert (coupling.sales.id, coupling.sales.version, coupling.sales.sequence) == (f"s{n}", 'W/"77"', 2**40)
    assert coupling.bc.base == {"displayName": "Æther Ltd", "creditLimit": 12.5}
    wanted = Reference(CUSTOMER, Side.BC, "number", f"C{n}")
    assert (await store.memory.lookups([wanted])).get(wanted) is not None
    [run] = [one for one in await store.jobs.active_runs() if one.id == f"run-{n}"]
    assert (run.state, run.answer, run.created, run.cleared) == (RunState.AWAITING_ANSWER, Keep.KEEP, AT, (CUSTOMER,))
    job = await store.jobs.job(n)
    assert job
    assert (job.state, job.published, job.swept, sum(job.counters.values())) == (JobState.RUNNING, 5, True, 5)
    [failure] = [one for one in await store.views.failures(CUSTOMER) if one.source_key == f"f{n}"]
    assert (failure.problem.code, failure.attempts, failure.first_at) == ("http-400", 1, AT)
    assert f"f{n}" in {one.key for one in await store.retries.failed(CUSTOMER, Direction.TO_SALES, "", 100)}
    assert (await store.memory.applied(f"topic-{n}", "log-1")).offsets == {0: 40}
    assert await store.positions.resume(f"live:bc:table{n}", "log-1") == {"modified": "2026-02-01T08:00:00Z"}
    state = await store.states.get(f"MAPPING-{n}")
    assert (state.only_coupled, state.paused_at) == (False, AT)
    logged = await store.commands.get(f"command-{n}")
    assert logged
    assert (logged.state, logged.received_at) == (RunState.ACCEPTED, AT)
    assert (await store.memory.intents(CUSTOMER, [f"i{n}"]))[f"i{n}"].fields == {"displayName": "To be created"}
    await store.memory.changes_begun(CUSTOMER, [f"b{n}"])
    for listed in (store.definitions.known(), store.webhooks.subscriptions(), store.webhooks.noted()):
        await listed
    await store.blanks.listed()
    await store.findings.of_job(n, None, 0, 10)
    await store.surveys.page(n, Side.BC, "", 10)


async def _is_usable(store: Store) -> None:
    """What was begun goes on where it was."""
    assert await store.memory.numbers("numbers-1", 1) == 18
    await store.memory.record([], Applied("topic-1", "log-1", {0: 41}, {0: 40}))
    assert await store.positions.settle("live:bc:table1")
    assert not await store.commands.receive("command-1", {}, RunState.ACCEPTED), "it is known"
    await store.jobs.finish_job(1, JobState.FINISHED, AT)


def _schema(connection: Connection) -> dict[str, dict[str, tuple[str, bool]]]:
    """Of each table, the type of each column, and whether it may be null."""
    seen = inspect(connection)
    return {
        table: {column["name"]: (str(column["type"]), column["nullable"]) for column in seen.get_columns(table)}
        for table in seen.get_table_names()
    }


async def test_a_migration_that_is_cut_off_leaves_the_older_store_as_it_was(oldest: OldStore, url: str) -> None:
    before = await oldest.read()
    with pytest.raises(RuntimeError, match="cut off"):
        await _migrated_until(url, "UPDATE alembic_version")

    assert await oldest.read() == before
    store = await open_store(url)
    await _is_readable(store, 1)
    await store.close()


async def _migrated_until(url: str, statement: str) -> None:
    """Fails right after the last change of the last revision."""

    def cut(*given: object) -> None:
        if str(given[2]).startswith(statement) and f"'{LATEST}'" in str(given[2]):
            raise RuntimeError("cut off")

    event.listen(Engine, "after_cursor_execute", cut)
    try:
        await (await open_store(url)).close()
    finally:
        event.remove(Engine, "after_cursor_execute", cut)


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(store: Store, url: str) -> None:
    async with store.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="A newer version of coupled") as caught:
        await open_store(url)

    assert "Install that version" in caught.value.problem.hint
    async with store.database.read() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


async def test_a_store_of_a_newer_version_can_be_looked_at(store: Store, url: str) -> None:
    """Who looks does no harm, and a newer schema only adds."""
    async with store.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    reader = await open_readonly(url)

    assert await reader.views.coupling_counts() == {}
    await reader.close()


async def test_a_store_of_an_older_version_cannot_be_looked_at_and_says_why(oldest: OldStore, url: str) -> None:
    assert oldest.revision != LATEST
    with pytest.raises(Refused, match="An older version of coupled") as caught:
        await open_readonly(url)

    assert "Start the daemon of this version" in caught.value.problem.hint
