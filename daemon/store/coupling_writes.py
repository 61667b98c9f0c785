"""The couplings of a batch, written in bulk."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.coupling_rows import load_references
from daemon.store.database import Raced, chunks, upsert
from daemon.store.pairing import Pairing, load_pairing
from daemon.store.tables import CouplingReferenceRow, CouplingRow
from schemas.coupling import Coupling
from schemas.outcome import Settled
from schemas.side import Side

Named = dict[tuple[int, str, str], str]
# What makes a pair, and what changes of it.
PAIR = ("mapping", "bc_id", "sales_id")
KEPT = ("bc_version", "sales_version", "bc_sequence", "sales_sequence", "bc_base", "sales_base", "updated_at")


async def write_couplings(connection: AsyncConnection, settled: Sequence[Settled], now: datetime) -> list[Settled]:
    """Couples and uncouples what the batch says; answers the batch with refused pairs as failures."""
    if not any(one.uncouple or one.coupling for one in settled):
        return list(settled)
    pairing = await load_pairing(connection, settled)
    final = [pairing.take(one) for one in settled]
    for chunk in chunks(pairing.gone):
        await connection.execute(delete(CouplingRow).where(CouplingRow.id.in_(chunk)))
    if pairing.puts:
        await _put(connection, pairing, now)
    return final


async def _put(connection: AsyncConnection, pairing: Pairing, now: datetime) -> None:
    # In one order everywhere, so that two workers wait for each other instead of deadlocking.
    puts = dict(sorted(pairing.puts.items()))
    statement = upsert(connection, CouplingRow)
    statement = statement.on_conflict_do_update(
        index_elements=["mapping", "bc_id"],
        set_={name: statement.excluded[name] for name in KEPT},
        # Never turns one pair into another, even when it changed since we looked.
        where=CouplingRow.sales_id == statement.excluded.sales_id,
    )
    await connection.execute(statement, [row_of(coupling, now) for coupling in puts.values()])
    known = {key: row_id for key, row_id in pairing.ids.items() if key in puts}
    new = await _new_ids(connection, {key: coupling for key, coupling in puts.items() if key not in known})
    await _put_references(connection, {**known, **new}, puts, old=list(known.values()))


def row_of(coupling: Coupling, now: datetime) -> dict[str, Any]:
    return {
        "mapping": coupling.mapping,
        "bc_id": coupling.bc.id,
        "sales_id": coupling.sales.id,
        "bc_version": coupling.bc.version,
        "sales_version": coupling.sales.version,
        "bc_sequence": coupling.bc.sequence,
        "sales_sequence": coupling.sales.sequence,
        "bc_base": coupling.bc.base,
        "sales_base": coupling.sales.base,
        "created_at": now,
        "updated_at": now,
    }


async def _new_ids(connection: AsyncConnection, puts: Mapping[tuple[str, str], Coupling]) -> dict[tuple[str, str], int]:
    """The row ids of couplings just inserted."""
    row, ids = CouplingRow, {}
    for mapping in dict.fromkeys(name for name, _ in puts):
        for chunk in chunks(bc for name, bc in puts if name == mapping):
            query = select(row.id, row.bc_id, row.sales_id).where(row.mapping == mapping, row.bc_id.in_(chunk))
            for row_id, bc, sales in await connection.execute(query):
                if puts[mapping, bc].sales.id != sales:
                    raise Raced(f"{mapping} {bc} was coupled with {sales} a moment ago")
                ids[mapping, bc] = row_id
    return ids


async def _put_references(
    connection: AsyncConnection,
    ids: Mapping[tuple[str, str], int],
    puts: Mapping[tuple[str, str], Coupling],
    old: Sequence[int],
) -> None:
    """Replaces the references of both halves, touching only those that differ: most changes alter none."""
    stored = _flat(await load_references(connection, old))
    wanted = _flat({(ids[key], side.value): puts[key].half(side).references for key in puts for side in Side})
    await _delete_references(connection, [key for key in stored if key not in wanted])
    changed = sorted((key, value) for key, value in wanted.items() if stored.get(key) != value)
    if not changed:
        return
    statement = upsert(connection, CouplingReferenceRow)
    statement = statement.on_conflict_do_update(
        index_elements=["coupling_id", "side", "name"], set_={"value": statement.excluded["value"]}
    )
    mappings = {ids[key]: coupling.mapping for key, coupling in puts.items()}
    rows = [
        {"coupling_id": row_id, "side": side, "name": name, "mapping": mappings[row_id], "value": value}
        for (row_id, side, name), value in changed
    ]
    await connection.execute(statement, rows)


async def _delete_references(connection: AsyncConnection, keys: Sequence[tuple[int, str, str]]) -> None:
    if not keys:
        return
    row = CouplingReferenceRow
    statement = delete(row).where(
        row.coupling_id == bindparam("of"), row.side == bindparam("on"), row.name == bindparam("called")
    )
    await connection.execute(statement, [{"of": of, "on": on, "called": called} for of, on, called in keys])


def _flat(references: Mapping[tuple[int, str], Mapping[str, str]]) -> Named:
    return {(row, side, name): value for (row, side), named in references.items() for name, value in named.items()}
