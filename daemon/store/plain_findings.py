"""What surveys find that needs nothing of anybody, packed: a row for each page and kind."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement

from daemon.store import packed
from daemon.store.choosing import behind
from daemon.store.database import Database
from daemon.store.tables_of_surveys import PlainFindingRow
from schemas.side import Direction
from schemas.survey import PLAIN, Finding


def rows_of(job: int, mapping: str, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The rows that hold those of these findings that are plain."""
    alike: defaultdict[tuple[str, str], list[list[str | None]]] = defaultdict(list)
    for one in findings:
        if one.kind in PLAIN:
            alike[str(one.kind), one.direction.value].append([one.bc_id, one.sales_id, one.label])
    return [
        {"job_id": job, "mapping": mapping, "kind": kind, "direction": way, "number": len(found), "records": found}
        for (kind, way), found in alike.items()
    ]


def wanted(kind: str | None, direction: Direction | None, *where: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    row = PlainFindingRow
    return [*where, row.kind == kind, *([] if direction is None else [row.direction == direction.value])]


async def listed(
    database: Database, where: Sequence[ColumnElement[bool]], offset: int, limit: int, after: int
) -> list[tuple[int, str, Finding]]:
    """In the order they were added: (number, mapping, finding); those behind the number `after`, if it is not 0."""
    row = PlainFindingRow
    last = packed.parts(after) if after else packed.FIRST
    query = packed.page(row, [*where, *behind([row.id], [last[0] - 1])], [row.id], offset, limit, last)
    async with database.read() as connection:
        found = await connection.execute(query)
        return [_finding(one, rank) for one in found for rank in packed.ranks(one, offset, limit)]


def _finding(row: Any, rank: int) -> tuple[int, str, Finding]:
    bc_id, sales_id, label = row.records[rank]
    found = Finding(row.kind, Direction(row.direction), bc_id, sales_id, label)
    return packed.number(row.id, rank), row.mapping, found
