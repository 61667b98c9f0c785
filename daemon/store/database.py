"""One database, SQLite or PostgreSQL: transactions to read, to write, and to write again after losing a race."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from itertools import islice
from typing import TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from daemon.store.tables import Base
from schemas.errors import Unreachable

T = TypeVar("T")
# SQLite answers long IN lists slowly, and older builds refuse more than 999 values.
CHUNK = 500
ATTEMPTS = 5
# PostgreSQL: the transaction lost to another one (serialization failure, deadlock) and may be repeated.
LOST = frozenset({"40001", "40P01"})


class Raced(Exception):
    """Another worker wrote between our look and our write; raised inside `transact` to look again."""


class Database:
    """The engine, and the only ways to use it. `where` names the database in errors, without credentials.

    Unreachable, with a hint, whenever the database does not answer (promise 10: never with a password in it).
    """

    def __init__(self, engine: AsyncEngine, where: str) -> None:
        self.engine = engine
        self.where = where
        # SQLite has one writer at a time; waiting in a queue here is fair, waiting in its busy handler is not.
        one_writer = engine.dialect.name == "sqlite"
        self._turn: AbstractAsyncContextManager[object] = asyncio.Lock() if one_writer else nullcontext()
        self._writing = engine.execution_options(writes=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        with self._answering():
            async with self.engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed as a whole at the end of the block, or not at all."""
        with self._answering():
            async with self._turn, self._writing.begin() as connection:
                yield connection

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction, from the start again if another worker's transaction got in its way."""
        with self._answering():
            for _ in range(ATTEMPTS - 1):
                try:
                    return await self._once(work)
                except (Raced, IntegrityError):
                    continue
                except OperationalError as error:
                    if getattr(error.orig, "sqlstate", None) not in LOST:
                        raise
            return await self._once(work)

    async def _once(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with self._turn, self._writing.begin() as connection:
            return await work(connection)

    async def close(self) -> None:
        await self.engine.dispose()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, DataError, ProgrammingError):
            # The database is well: we asked for something wrong.
            raise
        except (DBAPIError, OSError) as error:
            raise unreachable(self.where, error) from error


def unreachable(where: str, error: Exception, secret: str | None = None) -> Unreachable:
    """What the driver said, in one line, without the password should it ever repeat it (promise 10)."""
    text = str(getattr(error, "orig", None) or error).strip().splitlines()
    said = text[0] if text else type(error).__name__
    if secret:
        said = said.replace(secret, "***")
    hint = (
        "Check that its folder exists, can be written to and has room, and that no other program locks the file."
        if where.startswith("sqlite")
        else "Check that PostgreSQL runs there, that the database exists, and that user and password are right."
    )
    return Unreachable("store-unreachable", f"The store {where} cannot be used: {said.rstrip('.')}.", hint)


def upsert(connection: AsyncConnection, table: type[Base]) -> "postgresql.Insert | sqlite.Insert":
    """`insert … on conflict` of the connection's database."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table)


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The distinct values, in order, at most `size` at a time: the IN lists of one query each."""
    distinct = iter(dict.fromkeys(values))
    while chunk := list(islice(distinct, size)):
        yield chunk
