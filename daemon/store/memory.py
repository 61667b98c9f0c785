"""The store as the synchroniser sees it: `consumers.ports.Memory`, on SQLite and PostgreSQL alike."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, select

from consumers.ports import Applied
from daemon.store import begun
from daemon.store.coupling_rows import coupling, id_column, load_references
from daemon.store.database import Database, chunks, upsert
from daemon.store.history import History
from daemon.store.lookups import look_up
from daemon.store.recording import record_batch
from daemon.store.retries import Retries
from daemon.store.tables import (
    CouplingRow,
    MappingStateRow,
    ProgressRow,
    RunRow,
)
from daemon.store.tables_begun import IntentRow, SequenceRow
from schemas.change import Version
from schemas.coupling import Coupling, Lookups, Reference
from schemas.flags import Flags
from schemas.job import RunState
from schemas.mapping import TableMapping
from schemas.outcome import Begun, Intent, Settled
from schemas.side import Side


class SqlMemory:
    """Couplings, look-ups, intents, numbers and the record of what was done.

    What `record` and `intend` have returned from survives SIGKILL (promises 1, 2 and 6).
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def turn(self, mapping: str) -> AsyncIterator[None]:
        """One batch of a mapping at a time, in this process and among all workers on the database (promise 2)."""
        async with self._turns[mapping], self._database.turn(f"mapping {mapping}"):
            yield

    async def applied(self, topic: str, log_id: str) -> Applied:
        """How far the topic is applied; nothing is, if what is stored was for another log."""
        row = ProgressRow
        query = select(row.partition, row.last_offset).where(row.topic == topic, row.log_id == log_id)
        async with self._database.read() as connection:
            found = await connection.execute(query)
            return Applied(topic, log_id, {row.partition: row.last_offset for row in found})

    async def skipped(self, mapping: str, side: Side, ids: Iterable[str] | None = None) -> frozenset[str]:
        return await Retries(self._database).skipped(mapping, side, ids)

    async def failed(self, mapping: str, side: Side, ids: Iterable[str]) -> Mapping[str, Version]:
        return await Retries(self._database).versions(mapping, side, ids)

    async def ended(self, mapping: str, side: Side, ids: Iterable[str]) -> Mapping[str, datetime]:
        return await History(self._database).ended(mapping, side, ids)

    async def flags(self, mappings: Sequence[TableMapping]) -> Mapping[str, Flags]:
        """The file's settings; a stored "only coupled" overrides them, a running run that cleared it overrides both."""
        runs = select(RunRow.cleared).where(RunRow.state == RunState.RUNNING.value)
        async with self._database.read() as connection:
            states = {row.name: row for row in await connection.execute(select(*MappingStateRow.__table__.columns))}
            cleared = {name for names in await connection.scalars(runs) for name in names}
        flags = {}
        for mapping in mappings:
            state = states.get(mapping.name)
            stored = mapping.only_coupled if state is None or state.only_coupled is None else state.only_coupled
            paused = state is not None and state.paused_at is not None
            flags[mapping.name] = Flags(only_coupled=stored and mapping.name not in cleared, paused=paused)
        return flags

    async def couplings(
        self, mappings: Iterable[str], side: Side, ids: Iterable[str]
    ) -> Mapping[tuple[str, str], Coupling]:
        """By (mapping, id on `side`); those that are not coupled are absent."""
        wanted, column = list(mappings), id_column(side)
        found: list[Row[Any]] = []
        async with self._database.read() as connection:
            for chunk in chunks(ids):
                query = select(*CouplingRow.__table__.columns)
                found += (
                    await connection.execute(query.where(CouplingRow.mapping.in_(wanted), column.in_(chunk)))
                ).all()
            references = await load_references(connection, (row.id for row in found))
        loaded = (coupling(row, references) for row in found)
        return {(one.mapping, one.half(side).id): one for one in loaded}

    async def lookups(self, wanted: Iterable[Reference]) -> Lookups:
        async with self._database.read() as connection:
            return await look_up(connection, wanted)

    async def intents(self, mapping: str, sales_ids: Iterable[str]) -> Mapping[str, Intent]:
        found: dict[str, Intent] = {}
        async with self._database.read() as connection:
            for chunk in chunks(sales_ids):
                some = await begun.intents(connection, mapping, IntentRow.sales_id.in_(chunk))
                found |= {one.sales_id: one for one in some}
        return found

    async def open_intents(self, mapping: str) -> list[Intent]:
        async with self._database.read() as connection:
            return await begun.intents(connection, mapping)

    async def intend(self, intents: Sequence[Intent]) -> None:
        await begun.intend(self._database, intents, self._now())

    async def name_partners(self, partners: Mapping[tuple[str, str], str]) -> None:
        await begun.name_partners(self._database, partners, self._now())

    async def withdraw(self, mapping: str, side: Side, key: str) -> None:
        await begun.withdraw(self._database, mapping, side, key)

    async def begin(self, changes: Sequence[Begun]) -> None:
        await begun.write(self._database, changes, self._now())

    async def recover(self, couplings: Sequence[Coupling], late: Sequence[Begun]) -> None:
        await begun.recover(self._database, couplings, late, self._now())

    async def changes_begun(self, mapping: str, bc_ids: Iterable[str]) -> Mapping[str, Sequence[Begun]]:
        return await begun.read(self._database, mapping, bc_ids)

    async def numbers(self, sequence: str, count: int) -> int:
        """Drawn numbers are never drawn again, by no worker, whatever becomes of them (promise 2)."""
        if count < 1:
            raise ValueError(f"at least one number must be drawn, not {count}")
        async with self._database.write() as connection:
            statement = upsert(connection, SequenceRow).values(name=sequence, last=count)
            statement = statement.on_conflict_do_update(
                index_elements=["name"], set_={"last": SequenceRow.last + count}
            )
            last: int = (await connection.execute(statement.returning(SequenceRow.last))).scalar_one()
        return last - count + 1

    async def record(self, settled: Sequence[Settled], applied: Applied) -> list[Settled]:
        """One transaction: couplings, job counters, failures, missed marks, finished intents, changes begun, progress.

        Answers the batch as recorded: a coupling that would break 1:1 has become `failed` with the code
        `already-coupled`, and nothing else of the batch is touched by that (promise 7). Overtaken, with nothing
        recorded, if another worker was first.
        """
        return await self._database.transact(
            partial(record_batch, settled=list(settled), applied=applied, now=self._now())
        )
