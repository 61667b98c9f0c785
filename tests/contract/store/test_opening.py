"""Opening: migrated by the program itself, safe when two start together, clear when impossible (promise 10)."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, text

from daemon.settings import Store as StoreSettings
from daemon.store.columns import Base
from daemon.store.engine import Store, async_url, open_readonly, open_store, where
from daemon.store.migrate import downgrade
from schemas.errors import ConfigurationError, CoupledError, Refused, Unreachable
from schemas.outcome import Outcome
from tests.support.postgres import PostgresServer

from .made import CUSTOMER, NOWHERE, coupled, ended


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))


async def test_migrations_make_the_schema_of_the_models(store: Store) -> None:
    async with store.database.read() as connection:
        assert await connection.run_sync(_differences) == []


async def test_migrations_can_be_taken_back(store: Store) -> None:
    await downgrade(store.database)

    async with store.database.read() as connection:
        kinds = {
            difference[0] for difference in await connection.run_sync(_differences) if isinstance(difference, tuple)
        }
    assert kinds == {"add_table", "add_index"}


async def test_workers_that_start_together_migrate_once(url: str) -> None:
    stores = await asyncio.gather(*(open_store(url) for _ in range(4)))

    assert [await one.views.coupling_counts() for one in stores] == [{}] * 4
    for one in stores:
        await one.close()


async def test_what_was_recorded_is_there_when_opened_again(url: str) -> None:
    first = await open_store(url)
    await first.memory.record([coupled("b1", "s1")], NOWHERE)
    await first.close()
    second = await open_store(url)

    assert await second.views.coupling_counts() == {CUSTOMER: 1}
    await second.close()


async def test_reading_only_reads(store: Store, url: str) -> None:
    await store.memory.record([coupled("b1", "s1")], NOWHERE)
    reader = await open_readonly(url)

    assert await reader.views.coupling_counts() == {CUSTOMER: 1}
    with pytest.raises(Unreachable, match=r"(?i)read-?only"):
        await reader.memory.record([ended("b1", Outcome.MODIFIED, missed=True)], NOWHERE)
    await reader.close()


async def test_reading_an_empty_database_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="coupled run"):
        await open_readonly(url)


async def test_reading_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="coupled run"):
        await open_readonly(f"sqlite:///{tmp_path / 'none.db'}")

    assert os.listdir(tmp_path) == []


async def test_a_file_without_our_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    with pytest.raises(Refused, match="coupled run"):
        await open_readonly(f"sqlite:///{tmp_path / 'empty.db'}")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/coupled.db",
        "postgresql://ann:hunter2@127.0.0.1:1/coupled",
        "postgresql://ann@127.0.0.1:1/coupled?password=hunter2",
    ],
)
async def test_a_database_that_cannot_be_opened(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        await open_store(url)

    assert caught.value.problem.hint
    assert "hunter2" not in _said(caught.value)


@pytest.mark.parametrize("opening", [open_store, open_readonly])
async def test_a_file_that_is_no_database(tmp_path: Path, opening: Callable[[str], Awaitable[Store]]) -> None:
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, " * 100)

    with pytest.raises(Unreachable, match=r"letter\.db cannot be used: file is not a database"):
        await opening(f"sqlite:///{tmp_path / 'letter.db'}")


async def test_a_password_is_not_repeated_when_the_server_refuses(postgres: str) -> None:
    with pytest.raises(Unreachable, match="nowhere") as caught:
        await open_store(postgres.replace("coupled@", "coupled:hunter2@").rpartition("/")[0] + "/nowhere")

    assert "hunter2" not in _said(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:hunter2@h/d",
        "ann:hunter2",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
    ],
)
async def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await open_store(url)

    assert "sqlite:///FILE" in str(caught.value)
    assert "hunter2" not in _said(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://ann:hunter2@h:1/d", "postgresql://ann:***@h:1/d"),
        ("postgresql://ann@h/d?password=hunter2&sslmode=require", "postgresql://ann@h/d"),
        ("postgresql://h/d?user=ann&password=hunter2", "postgresql://h/d"),
        ("sqlite:////data/coupled.db", "sqlite:////data/coupled.db"),
    ],
)
def test_a_url_is_shown_and_named_in_errors_without_its_password(url: str, expected: str) -> None:
    assert StoreSettings(url=SecretStr(url)).shown == expected
    assert where(async_url(url)) == expected


def _said(error: CoupledError) -> str:
    """Everything a log of the error with its causes would tell."""
    told: list[str] = []
    one: BaseException | None = error
    while one is not None:
        told.append(f"{one!r} {one}")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n".join(told)


@pytest.mark.parametrize("opening", [open_store, open_readonly])
async def test_postgresql_compiles_no_queries_for_us(postgres_database: str, opening: Any) -> None:
    """It would take longer than most of them."""
    await (await open_store(postgres_database)).close()
    async with await opening(postgres_database) as store, store.database.read() as connection:
        assert (await connection.execute(text("SHOW jit"))).scalar_one() == "off"


@pytest.mark.parametrize(("said", "cost"), [("", "1.1"), ("2.5", "2.5"), ("1.1", "1.1")])
async def test_postgresql_counts_in_indexes_unless_an_administrator_says_what_a_page_costs(
    postgres_server: PostgresServer, said: str, cost: str
) -> None:
    url = postgres_server.new_database()
    if said:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {connection.info.dbname} SET random_page_cost = {said}")
    async with await open_store(url) as store, store.database.read() as asking:
        assert (await asking.execute(text("SHOW random_page_cost"))).scalar_one() == cost
