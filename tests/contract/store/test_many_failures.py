"""Thousands of open failures slow nothing else down (promise 7).

What an operation asks the database is taken down and asked again, counted: SQLite counts the steps of its machine,
PostgreSQL the rows that it looks at. No clock is read.
"""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest

from daemon.store import causes
from daemon.store.engine import Store
from schemas.coupling import Reference
from schemas.outcome import Outcome
from schemas.side import Direction, Side

from .asking import Asked, asked
from .conftest import Clock
from .made import CUSTOMER, NOWHERE, conflict, coupled, ended, failed

MANY = 1500
SERVED = [(CUSTOMER, Direction.TO_SALES), (CUSTOMER, Direction.TO_BC)]
NOBODY = Reference(CUSTOMER, Side.BC, "contact", "nobody")
# Of how many failures a single operation may look at, and the steps SQLite may take: the batches here are of twenty.
ROWS, STEPS = 900, 40_000


def _of(kind: str, number: int) -> Any:
    key, partner = f"b{number:06}", f"s{number:06}"
    more: dict[str, Any] = {
        "transient": {"transient": True},
        "waiting": {"waits_for": Reference(CUSTOMER, Side.BC, "contact", f"CT{number}")},
        "conflict": {"outcome": Outcome.CONFLICT, "partner": partner},
    }.get(kind, {"partner": partner})
    return failed(key, **more)


@pytest.fixture(params=[("failed", "transient"), ("skipped", "waiting", "conflict")], ids=" ".join)
async def kinds(request: pytest.FixtureRequest, store: Store, url: str) -> Sequence[str]:
    """What the failures are, in turn. A query that looks for one of another kind must not look through all."""
    kinds: Sequence[str] = request.param
    made = [_of(kinds[number % len(kinds)], number) for number in range(MANY)]
    await store.memory.record(made, NOWHERE)
    if "skipped" in kinds:
        twice = [failed(one.change.key, partner=one.partner) for one in made[kinds.index("skipped") :: len(kinds)]]
        await store.memory.record(twice, NOWHERE)
    analyse(url)
    return kinds


def analyse(url: str) -> None:
    """So that the database plans as it does for tables of long standing."""
    with closing(_raw(url)) as connection:
        connection.execute("VACUUM" if url.startswith("sqlite") else "VACUUM ANALYZE")
        connection.execute("ANALYZE")


def _raw(url: str) -> Any:
    """Each statement by itself, and what it changes is taken back where it matters."""
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    return psycopg.connect(url, autocommit=True)


def costs(url: str, statements: Asked, about: str = "failures") -> dict[str, int]:
    """By statement about that table."""
    with closing(_raw(url)) as connection:
        count = _steps if url.startswith("sqlite") else _rows
        return {statement: count(connection, statement, given) for statement, given in statements if about in statement}


def _steps(connection: sqlite3.Connection, statement: str, given: Any) -> int:
    steps = 0

    def another() -> int:
        nonlocal steps
        steps += 100
        return 0

    connection.set_progress_handler(another, 100)
    connection.execute(statement, given).fetchall()
    connection.set_progress_handler(None, 0)
    connection.rollback()
    return steps


def _rows(connection: psycopg.Connection[Any], statement: str, given: Any) -> int:
    connection.execute("SET enable_seqscan = off")  # it would read a table as small as this one as a whole
    with connection.transaction(force_rollback=True):
        [(plan,)] = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given).fetchall()  # type: ignore[arg-type]
    return _looked_at((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def _looked_at(node: dict[str, Any]) -> int:
    """Rows that are read, and pairs of them that are compared in vain."""
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    here = int((removed + (node["Actual Rows"] if _reads(node["Node Type"]) else 0)) * node["Actual Loops"])
    return here + sum(map(_looked_at, node.get("Plans", ())))


def _reads(node: str) -> bool:
    return "Scan" in node and node not in ("Subquery Scan", "Bitmap Index Scan")


def check(url: str, statements: Asked) -> None:
    found = costs(url, statements)
    assert found, "nothing was asked of the failures"
    most = STEPS if url.startswith("sqlite") else ROWS
    assert {statement: cost for statement, cost in found.items() if cost > most} == {}


BATCH = [f"n{number}" for number in range(20)]
Operation = Callable[[Store, Clock], Awaitable[Any]]


async def _retried(store: Store, clock: Clock) -> None:
    assert await store.retries.due(clock(), 200, SERVED) == []


async def _retried_elsewhere(store: Store, clock: Clock) -> None:
    """All of them are due, and of a mapping that is not served now."""
    clock.forward(7200)
    assert await store.retries.due(clock(), 200, [("OTHER", Direction.TO_SALES)]) == []


async def _retried_some(store: Store, clock: Clock) -> None:
    clock.forward(7200)
    await store.retries.due(clock(), 50, SERVED)


async def _recorded(store: Store, clock: Clock) -> None:
    good = [ended(key, Outcome.MODIFIED, partner=f"p-{key}") for key in BATCH]
    await store.memory.record([*good, coupled("c1", "d1", contact="CTX"), failed("new")], NOWHERE)


async def _begun(store: Store, clock: Clock) -> None:
    assert await store.memory.skipped(CUSTOMER, Side.BC, BATCH) == frozenset()
    assert await store.memory.skipped(CUSTOMER, Side.SALES, BATCH) == frozenset()
    assert await store.memory.failed(CUSTOMER, Side.BC, BATCH) == {}


async def _listed(store: Store, clock: Clock) -> None:
    assert len(await store.views.failures(limit=50)) == 50
    page = await store.views.failures(CUSTOMER, limit=50)
    assert len(page) == 50
    behind = await store.views.failures(CUSTOMER, limit=50, after=(page[-1].last_at, page[-1].id))
    assert not {one.id for one in page} & {one.id for one in behind}
    assert len(behind) == 50


async def _swept(store: Store, clock: Clock) -> None:
    page = await store.retries.failed(CUSTOMER, Direction.TO_SALES, "", 50)
    assert len(page) == 50
    assert len(await store.retries.failed(CUSTOMER, Direction.TO_SALES, page[-1].key, 50)) == 50


OPERATIONS = (_begun, _recorded, _listed, _retried, _retried_elsewhere, _retried_some, _swept)


async def test_what_is_done_for_every_batch_and_every_second_looks_at_few(
    store: Store, kinds: Sequence[str], url: str, clock: Clock
) -> None:
    for operation in OPERATIONS:
        with asked(store) as statements:
            await operation(store, clock)
        check(url, statements)
    await _counted(store, url)


async def _counted(store: Store, url: str) -> None:
    """Which reads an index, and no more."""
    with asked(store) as statements:
        counts = await store.views.failure_counts()
        number = await store.views.failures_count(CUSTOMER)
    assert [(one.mapping, one.open, one.resolved) for one in counts] == [(CUSTOMER, MANY + 1, 0)]
    assert number == MANY + 1  # the one that `_recorded` adds
    with closing(_raw(url)) as connection:
        plans = [_plan(connection, statement, given) for statement, given in statements if _counts(statement)]
    assert len(plans) == 2
    assert [plan for plan in plans if not ("COVERING INDEX" in plan or "Index Only Scan" in plan)] == []


async def test_a_database_that_has_no_statistics_finds_the_few_too(store: Store, url: str) -> None:
    """SQLite has none unless somebody makes them: it does not know that there are few conflicts, or failures of a pair,
    and takes one of several indexes that would do."""
    await store.memory.record([_of("failed", number) for number in range(MANY)], NOWHERE)
    with asked(store) as statements:
        await store.views.failure_counts()
        await store.views.cause_numbers()
        assert len(await store.pairs.failures(CUSTOMER, {Side.BC: "b000007", Side.SALES: "nobody"})) == 1
    few = [one for one in statements if "failures_1" in one[0] or "ORDER BY failures.last_at" in one[0]]
    assert len(few) == 3
    most = 2_000 if url.startswith("sqlite") else 100
    assert {statement: cost for statement, cost in costs(url, few).items() if cost > most} == {}


async def test_examples_are_read_of_as_many_causes_as_there_are(store: Store) -> None:
    """More than a database takes in one question, with all that is asked of each."""
    unknown = [(CUSTOMER, "to_sales", "http-400", f"{number:012x}") for number in range(17_000)]
    async with store.database.read() as connection:
        assert await causes.examples(connection, unknown) == {}


async def test_a_few_examples_are_read_of_each_cause(store: Store, kinds: Sequence[str], url: str) -> None:
    """All are counted, in an index; which one, PostgreSQL decides by how large the table is."""
    with asked(store) as statements:
        assert await store.views.causes()
    counted = [one for one in statements if _counts(one[0])]
    check(url, [one for one in statements if "ORDER BY failures.last_at" in one[0]])
    assert len(counted) == 1
    with closing(_raw(url)) as connection:
        plan = _plan(connection, *counted[0])
    assert ("COVERING INDEX" if url.startswith("sqlite") else "Index") in plan


async def test_a_few_examples_are_read_of_conflicts_that_both_sides_have_told(store: Store, url: str) -> None:
    """Of one side all are listed already: none of them is passed over in search of one that is not."""
    told = [[conflict(f"b{n:06}", f"s{n:06}", side, "city") for n in range(MANY)] for side in Side]
    for made in told:
        await store.memory.record(made, NOWHERE)
    analyse(url)
    with asked(store) as statements:
        [cause] = await store.views.causes()
    assert (cause.count, len({one.bc_id for one in cause.examples})) == (MANY, 3)
    check(url, [one for one in statements if "ORDER BY failures.last_at" in one[0]])


def _counts(statement: str) -> bool:
    """All of them; that a conflict is there twice, an index tells that holds nothing but conflicts."""
    return "failures" in statement and "count(" in statement and "EXISTS" not in statement


def _plan(connection: Any, statement: str, given: Any) -> str:
    """A small table would be read as a whole."""
    word = "EXPLAIN QUERY PLAN"
    if not isinstance(connection, sqlite3.Connection):
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        word = "EXPLAIN"
    return "\n".join(str(row[-1]) for row in connection.execute(f"{word} {statement}", given).fetchall())


async def test_the_records_of_a_cause_are_read_once_in_pages(store: Store, kinds: Sequence[str], url: str) -> None:
    """All pages together look at no more than there is: none of them sorts, or passes over, what the others show."""
    largest = max(await store.views.causes(), key=lambda one: one.count)
    with asked(store) as statements:
        pages = [len(page) async for page in store.retries.hit(CUSTOMER, [largest.id], None)]
    assert sum(pages) == largest.count
    assert len(pages) > 1
    with closing(_raw(url)) as connection:
        count = _steps if url.startswith("sqlite") else _rows
        together = sum(count(connection, statement, given) for statement, given in statements)
    assert together <= (STEPS if url.startswith("sqlite") else MANY + 100)
