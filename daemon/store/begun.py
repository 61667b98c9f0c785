"""Changes that were begun and are not recorded (promises 2 and 3)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.columns import table_of
from daemon.store.coupling_writes import KEPT, PAIR, row_of
from daemon.store.database import Database, chunks, upsert
from daemon.store.tables import CouplingRow
from daemon.store.tables_begun import BegunRow, IntentRow
from schemas.coupling import Coupling
from schemas.outcome import Begun, Settled
from schemas.side import Side


async def write(database: Database, changes: Sequence[Begun], now: datetime) -> None:
    """Stored when this returns; only then may the partners be changed."""
    rows = [
        {
            "mapping": one.mapping,
            "bc_id": one.bc_id,
            "side": one.side.value,
            "sent": dict(one.sent),
            "cause": dict(one.cause),
            "version": one.version,
            "sequence": one.sequence,
            "created_at": now,
        }
        for one in sorted(changes, key=lambda one: (one.mapping, one.bc_id))
    ]
    if not rows:
        return
    async with database.write() as connection:
        statement = upsert(connection, BegunRow)
        new = {name: statement.excluded[name] for name in rows[0].keys() - {"mapping", "bc_id"}}
        await connection.execute(statement.on_conflict_do_update(index_elements=["mapping", "bc_id"], set_=new), rows)


async def name_partners(database: Database, partners: Mapping[tuple[str, str], str], now: datetime) -> None:
    """An intent that is there keeps what was sent."""
    if not partners:
        return
    rows = [
        {"mapping": mapping, "sales_id": sales_id, "fields": {}, "created_at": now, "bc_id": bc_id}
        for (mapping, sales_id), bc_id in sorted(partners.items())
    ]
    async with database.write() as connection:
        statement = upsert(connection, IntentRow)
        keys = ["mapping", "sales_id"]
        statement = statement.on_conflict_do_update(index_elements=keys, set_={"bc_id": statement.excluded.bc_id})
        await connection.execute(statement, rows)


async def read(database: Database, mapping: str, bc_ids: Iterable[str]) -> dict[str, Begun]:
    row, found = BegunRow, {}
    async with database.read() as connection:
        for chunk in chunks(bc_ids):
            query = select(row.bc_id, row.side, row.sent, row.cause, row.version, row.sequence)
            query = query.where(row.mapping == mapping, row.bc_id.in_(chunk))
            for bc_id, side, *rest in await connection.execute(query):
                found[bc_id] = Begun(mapping, bc_id, Side(side), *rest)
    return found


async def recover(database: Database, couplings: Sequence[Coupling], now: datetime) -> None:
    """In one transaction. A pair that is no more stays uncoupled."""
    if not couplings:
        return
    columns = table_of(CouplingRow).c
    the_pair = [columns[name] == bindparam(f"of_{name}") for name in PAIR]
    statement = update(CouplingRow).where(*the_pair).values({name: bindparam(f"new_{name}") for name in KEPT})
    rows = [row_of(one, now) for one in sorted(couplings, key=lambda one: (one.mapping, one.bc.id))]
    async with database.write() as connection:
        mine = [one for one in rows if await _was_begun(connection, one["mapping"], one["bc_id"])]
        given = [{f"of_{n}": one[n] for n in PAIR} | {f"new_{n}": one[n] for n in KEPT} for one in mine]
        if given:
            await connection.execute(statement, given)


async def _was_begun(connection: AsyncConnection, mapping: str, bc_id: str) -> bool:
    """It is no more when this is answered. Nor was it if another worker has recorded what became of it."""
    row = BegunRow
    ended = await connection.execute(delete(row).where(row.mapping == mapping, row.bc_id == bc_id))
    return bool(ended.rowcount)


async def end(connection: AsyncConnection, settled: Iterable[Settled]) -> None:
    """What became of these is known."""
    over: Mapping[str, list[str]] = defaultdict(list)
    for one in settled:
        bc_id, _ = one.ids()
        if one.ends_change and bc_id:
            over[one.mapping].append(bc_id)
    row = BegunRow
    for mapping, ids in sorted(over.items()):
        for chunk in chunks(ids):
            await connection.execute(delete(row).where(row.mapping == mapping, row.bc_id.in_(chunk)))
