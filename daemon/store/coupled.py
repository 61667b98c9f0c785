"""Which records are coupled, id by id (`producers.deletions.Couplings`)."""

from collections.abc import AsyncIterator, Collection, Sequence

from sqlalchemy import exists, select

from daemon.store.coupling_rows import id_column
from daemon.store.database import CHUNK, Database
from daemon.store.tables import CouplingRow, FailureRow
from schemas.side import Side


async def coupled_ids(
    database: Database, mappings: Collection[str], side: Side, size: int = CHUNK
) -> AsyncIterator[Sequence[str]]:
    """The ids on `side` that these mappings couple and do not skip (business-central-sync 3.8), each once."""
    column, failure = id_column(side), FailureRow
    failed = failure.bc_id if side is Side.BC else failure.sales_id
    skipped = exists().where(
        failure.mapping == CouplingRow.mapping,
        failed == column,
        failure.skipped_at.is_not(None),
        failure.resolved_at.is_(None),
    )
    query = select(column).distinct().where(CouplingRow.mapping.in_(list(mappings)), ~skipped).order_by(column)
    last = ""
    while True:
        async with database.read() as connection:
            found = list(await connection.scalars(query.where(column > last).limit(size)))
        if not found:
            return
        yield found
        last = found[-1]
