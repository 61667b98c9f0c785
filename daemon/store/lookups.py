"""References of records to what their couplings know of them (`consumers.ports.Memory.lookups`)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from daemon.store.coupling_rows import base_column, id_column
from daemon.store.database import chunks
from daemon.store.tables import CouplingReferenceRow, CouplingRow
from schemas.coupling import Lookups, Reference
from schemas.side import Side

ID = "id"


async def look_up(connection: AsyncConnection, wanted: Iterable[Reference]) -> Lookups:
    """One query for each kind of reference. If several couplings bear one, the one coupled first answers."""
    groups: dict[tuple[str, Side, str, bool], list[Reference]] = defaultdict(list)
    for one in wanted:
        groups[one.mapping, one.side, one.name, bool(one.field)].append(one)
    found: dict[Reference, Mapping[str, Any]] = {}
    for (mapping, side, name, own), asked in groups.items():
        answering = _bases if own else _partners
        for chunk in chunks(dict.fromkeys(one.value for one in asked)):
            answers = await answering(connection, mapping, side, name, chunk)
            for one in asked:
                if one.value in answers:
                    answer = answers[one.value]
                    found[one] = {n: v for n, v in answer.items() if n == one.field} if own else answer
    return found


async def _bases(
    connection: AsyncConnection, mapping: str, side: Side, name: str, values: Sequence[str]
) -> Mapping[str, Mapping[str, Any]]:
    """{value: mapped fields on the same side, as last agreed}."""
    query = _bearing(mapping, side, name, values, base_column(side))
    answers: dict[str, Mapping[str, Any]] = {}
    for value, _, base in await connection.execute(query.order_by(CouplingRow.id)):
        answers.setdefault(value, base)
    return answers


async def _partners(
    connection: AsyncConnection, mapping: str, side: Side, name: str, values: Sequence[str]
) -> Mapping[str, Mapping[str, Any]]:
    """{value: references on the other side}."""
    row, other = CouplingRow, aliased(CouplingReferenceRow)
    query = _bearing(mapping, side, name, values, id_column(side.other), other.name, other.value)
    query = query.outerjoin(other, (other.coupling_id == row.id) & (other.side == side.other.value)).order_by(row.id)
    first: dict[str, int] = {}
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    for value, row_id, partner, named, held in await connection.execute(query):
        if first.setdefault(value, row_id) == row_id:
            answers[value][ID] = partner
            if named is not None:
                answers[value][named] = held
    return answers


def _bearing(mapping: str, side: Side, name: str, values: Sequence[str], *columns: Any) -> Select[Any]:
    """(value, coupling id, *columns) of couplings of `mapping` whose `name` on `side` is one of `values`."""
    row = CouplingRow
    if name == ID:
        asked = id_column(side)
        return select(asked, row.id, *columns).where(row.mapping == mapping, asked.in_(values))
    bears = aliased(CouplingReferenceRow)
    query = select(bears.value, row.id, *columns).join(bears, bears.coupling_id == row.id)
    query = query.where(bears.mapping == mapping, bears.side == side.value, bears.name == name)
    return query.where(bears.value.in_(values))
