"""One database, SQLite or PostgreSQL: transactions to read, to write, and to write again after losing a race."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from daemon.store.columns import Base
from daemon.store.trouble import read_only, refuses_what_it_is_given, sqlstate, unreachable

T = TypeVar("T")
# SQLite answers long IN lists slowly, and older builds refuse more than 999 values.
CHUNK = 500
ATTEMPTS = 5
# PostgreSQL: the transaction lost to another one (serialization failure, deadlock) and may be repeated.
LOST = frozenset({"40001", "40P01"})
KEEPALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


class Raced(Exception):
    """Another worker wrote between our look and our write; raised inside `transact` to look again."""


class Database:
    """The engine, and the only ways to use it. `where` names the database in errors, without credentials.

    Unreachable, with a hint, whenever the database does not answer (promise 10: never with a password in it). Any other
    error says that it answers, and cannot hold what it was given. `turns` are connections to wait on, where several
    processes share the database; apart from the others, so that those who wait never keep the others from working.
    """

    def __init__(self, engine: AsyncEngine, where: str, turns: AsyncEngine | None = None) -> None:
        self.engine = engine
        self.where = where
        self._turns = turns
        # SQLite has one writer at a time; waiting in a queue here is fair, waiting in its busy handler is not.
        one_writer = engine.dialect.name == "sqlite"
        self._turn: AbstractAsyncContextManager[object] = asyncio.Lock() if one_writer else nullcontext()
        self._writing = engine.execution_options(writes=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        with self._answering():
            async with self.engine.connect() as connection:
                yield connection

    async def usable(self) -> None:
        """Unreachable if it cannot be used now, or takes no writes.

        Connections to a server that takes no writes are let go: it may have been the primary before a failover, and
        only new ones find the server that is it now.
        """
        async with self.read() as connection:
            if connection.dialect.name == "sqlite":
                await connection.execute(select(1))
            elif await connection.scalar(select(func.current_setting("transaction_read_only"))) == "on":
                await self.close()
                raise read_only(self.where)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed as a whole at the end of the block, or not at all."""
        with self._answering():
            async with self._turn, self._writing.begin() as connection:
                yield connection

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Inside, no other process on the database is in the turn of that name; it ends with the process at the latest.

        A lock of a transaction, so that nothing can leave it behind. Should its connection be lost meanwhile, the
        work inside goes on: what is recorded is fenced besides.
        """
        if self._turns is None:
            yield
            return
        with self._answering():
            connection = await self._turns.connect()
        try:
            with self._answering():
                await connection.execute(_waiting_for(name))
            yield
        finally:
            with suppress(DBAPIError, OSError):
                await asyncio.shield(connection.close())

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction, from the start again if another worker's transaction got in its way."""
        with self._answering():
            for _ in range(ATTEMPTS - 1):
                try:
                    return await self._once(work)
                except (Raced, IntegrityError):
                    continue
                except OperationalError as error:
                    if sqlstate(error) not in LOST:
                        raise
            return await self._once(work)

    async def _once(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with self._turn, self._writing.begin() as connection:
            return await work(connection)

    async def close(self) -> None:
        await self.engine.dispose()
        if self._turns is not None:
            await self._turns.dispose()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout, Raced, OSError) as error:
            if refuses_what_it_is_given(error):
                raise
            raise unreachable(self.where, error) from error


def _waiting_for(name: str) -> Select[*tuple[Any, ...]]:
    """Has the lock when it is answered. A worker whose machine is gone is noticed in a minute, not in two hours; one
    that is at work is not taken for an idle one."""
    settings = {**KEEPALIVE, "idle_in_transaction_session_timeout": "0"}
    told = [func.set_config(setting, value, True) for setting, value in settings.items()]
    return select(*told, func.pg_advisory_xact_lock(_key(name)))


def _key(name: str) -> int:
    """PostgreSQL's advisory locks have 64-bit numbers for names."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def upsert(connection: AsyncConnection, table: type[Base]) -> "postgresql.Insert | sqlite.Insert":
    """`insert … on conflict` of the connection's database."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table)


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The distinct values, in order, at most `size` at a time: the IN lists of one query each."""
    distinct = iter(dict.fromkeys(values))
    while chunk := list(islice(distinct, size)):
        yield chunk
