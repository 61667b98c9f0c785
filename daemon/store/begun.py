"""Creations and changes that were begun and are not recorded (promises 2 and 3)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.columns import Base, table_of
from daemon.store.coupling_writes import KEPT, PAIR, row_of
from daemon.store.database import Database, chunks, upsert
from daemon.store.tables import CouplingRow
from daemon.store.tables_begun import BegunRow, IntentRow, LateRow
from schemas.coupling import Coupling
from schemas.outcome import Begun, Intent, Settled
from schemas.side import Side


async def intend(database: Database, intents: Sequence[Intent], now: datetime) -> None:
    """Stored when this returns; only then may the records be created."""
    rows = [
        {
            "mapping": one.mapping,
            "sales_id": one.sales_id,
            "fields": dict(one.fields),
            "created_at": one.sent_at or now,
            "lost_at": one.lost_at,
            "bc_id": one.bc_id,
        }
        for one in intents
    ]
    await _put(database, IntentRow, rows, ("fields", "created_at", "lost_at", "bc_id"))


async def intents(connection: AsyncConnection, mapping: str, *only: ColumnElement[bool]) -> list[Intent]:
    """Those of a mapping, or only some of them."""
    row = IntentRow
    query = select(row.sales_id, row.fields, row.lost_at, row.bc_id, row.created_at)
    found = await connection.execute(query.where(row.mapping == mapping, *only))
    return [Intent(mapping, *one) for one in found]


async def name_partners(database: Database, partners: Mapping[tuple[str, str], str], now: datetime) -> None:
    """Stored when this returns; only then may they be changed. An intent that is there keeps what was sent."""
    rows = [
        {"mapping": mapping, "sales_id": sales_id, "fields": {}, "created_at": now, "bc_id": bc_id}
        for (mapping, sales_id), bc_id in partners.items()
    ]
    await _put(database, IntentRow, rows, ("bc_id",))


async def withdraw(database: Database, mapping: str, side: Side, key: str) -> None:
    column = IntentRow.sales_id if side is Side.BC else BegunRow.bc_id
    async with database.write() as connection:
        await _remove(connection, column, [(mapping, key)])


async def write(database: Database, changes: Sequence[Begun], now: datetime) -> None:
    """Stored when this returns; only then may the partners be changed."""
    new = ("side", "sent", "cause", "version", "sequence", "under", "created_at", "lost_at")
    await _put(database, BegunRow, [_row_of(one, now) | {"lost_at": one.lost_at} for one in changes], new)


def _row_of(one: Begun, now: datetime) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in ("mapping", "bc_id", "version", "sequence", "under")}
    return values | {"side": one.side.value, "sent": dict(one.sent), "cause": dict(one.cause), "created_at": now}


async def _put(database: Database, table: type[Base], rows: Sequence[dict[str, Any]], new: Sequence[str]) -> None:
    """Of rows that are there only what is `new`. In one order everywhere: two workers wait for each other, and never
    deadlock."""
    if not rows:
        return
    keys = [column.name for column in table_of(table).primary_key]
    async with database.write() as connection:
        statement = upsert(connection, table)
        put = statement.on_conflict_do_update(
            index_elements=keys, set_={name: statement.excluded[name] for name in new}
        )
        await connection.execute(put, sorted(rows, key=itemgetter(*keys)))


async def read(database: Database, mapping: str, bc_ids: Iterable[str]) -> dict[str, list[Begun]]:
    """The oldest first; of each pair the one that is not late comes last."""
    found: defaultdict[str, list[Begun]] = defaultdict(list)
    async with database.read() as connection:
        for chunk in chunks(bc_ids):
            for row in (LateRow, BegunRow):
                lost_at = BegunRow.lost_at if row is BegunRow else null()
                query = select(row.bc_id, row.side, row.sent, row.cause, row.version, row.sequence, row.under, lost_at)
                mine = query.where(row.mapping == mapping, row.bc_id.in_(chunk)).order_by(row.sequence, row.side)
                for bc_id, side, *rest in await connection.execute(mine):
                    one = Begun(mapping, bc_id, Side(side), *rest)
                    found[bc_id].append(replace(one, late=row is LateRow))
    return dict(found)


async def recover(database: Database, couplings: Sequence[Coupling], late: Sequence[Begun], now: datetime) -> None:
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
        pairs = {(one["mapping"], one["bc_id"]) for one in mine}
        if kept := [_row_of(one, now) for one in late if (one.mapping, one.bc_id) in pairs]:
            await connection.execute(insert(LateRow), kept)


async def _was_begun(connection: AsyncConnection, mapping: str, bc_id: str) -> bool:
    """It is no more when this is answered. Nor was it if another worker has recorded what became of it."""
    ended = 0
    for row in (BegunRow, LateRow):
        ended += (await connection.execute(delete(row).where(row.mapping == mapping, row.bc_id == bc_id))).rowcount
    return bool(ended)


async def end(connection: AsyncConnection, settled: Iterable[Settled]) -> None:
    """What became of these is known, or they will not happen: nothing is left to find."""
    ended = list(settled)
    await _remove(connection, IntentRow.sales_id, [(one.mapping, one.change.key) for one in ended if one.ends_intent])
    changed = [(one.mapping, key) for one in ended if one.ends_change for key in (one.ids()[0], one.gone)]
    await _remove(connection, BegunRow.bc_id, changed)
    moved = [one for one in ended if one.moves_partner]
    for side in Side:
        there = [one for one in moved if one.uncouple or one.change.side.other is side]
        pairs = [(one.mapping, key) for one in there for key in (one.ids()[0], one.gone)]
        await _remove(connection, LateRow.bc_id, pairs, LateRow.side == side.value)


async def _remove(
    connection: AsyncConnection, column: Any, places: Iterable[tuple[str, str | None]], *only: ColumnElement[bool]
) -> None:
    over: defaultdict[str, list[str]] = defaultdict(list)
    for mapping, key in places:
        if key:
            over[mapping].append(key)
    row = column.class_
    for mapping, keys in sorted(over.items()):
        for chunk in chunks(keys):
            await connection.execute(delete(row).where(row.mapping == mapping, column.in_(chunk), *only))
