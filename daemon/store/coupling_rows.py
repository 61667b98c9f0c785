"""Couplings and their references, from rows to words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.database import chunks
from daemon.store.tables import CouplingReferenceRow, CouplingRow
from schemas.coupling import Coupling, Half
from schemas.side import Side

# References of couplings: {(coupling id, side): {name: value}}.
References = Mapping[tuple[int, str], Mapping[str, str]]


async def load_references(connection: AsyncConnection, ids: Iterable[int]) -> References:
    found: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
    row = CouplingReferenceRow
    for chunk in chunks(ids):
        query = select(row.coupling_id, row.side, row.name, row.value).where(row.coupling_id.in_(chunk))
        for coupling_id, side, name, value in await connection.execute(query):
            found[coupling_id, side][name] = value
    return found


def coupling(row: Row[Any], references: References) -> Coupling:
    """A row of `couplings` and what `load_references` found for it."""
    bc = Half(row.bc_id, row.bc_version, row.bc_sequence, row.bc_base, references.get((row.id, Side.BC.value), {}))
    sales = Half(
        row.sales_id,
        row.sales_version,
        row.sales_sequence,
        row.sales_base,
        references.get((row.id, Side.SALES.value), {}),
    )
    return Coupling(row.mapping, bc, sales)


def id_column(side: Side) -> Any:
    return CouplingRow.bc_id if side is Side.BC else CouplingRow.sales_id


def base_column(side: Side) -> Any:
    return CouplingRow.bc_base if side is Side.BC else CouplingRow.sales_base
