"""Which records are coupled, id by id (`producers.deletions.Couplings`)."""

from collections.abc import AsyncIterator, Collection, Sequence

from sqlalchemy import ColumnElement, and_, exists, or_, select

from daemon.store.coupling_rows import id_column
from daemon.store.database import CHUNK, Database
from daemon.store.tables import CouplingRow, FailureRow
from schemas.side import Direction, Side


async def coupled_ids(
    database: Database, mappings: Collection[str], side: Side, size: int = CHUNK
) -> AsyncIterator[Sequence[str]]:
    """The ids on `side` that these mappings couple, each once, but those whose deletion is what the pair is skipped for
    (business-central-sync 3.8): that has been told, and is left alone until somebody retries it."""
    column = id_column(side)
    query = select(column).distinct().where(CouplingRow.mapping.in_(list(mappings)), ~_left_alone(side))
    query = query.order_by(column)
    last = ""
    while True:
        async with database.read() as connection:
            found = list(await connection.scalars(query.where(column > last).limit(size)))
        if not found:
            return
        yield found
        last = found[-1]


def _left_alone(side: Side) -> ColumnElement[bool]:
    """Its deletion has failed alike twice, or, under `restore`, to create it again from its partner has."""
    failure, pair = FailureRow, CouplingRow
    column, failed = id_column(side), failure.bc_id if side is Side.BC else failure.sales_id
    told = and_(
        failure.direction == Direction.from_side(side).value, failure.source_key == column, failure.deleted.is_(True)
    )
    restored = and_(
        failure.direction == Direction.from_side(side.other).value,
        failed == column,
        failure.deleted.is_(False),
        pair.bc_version == "",
        pair.sales_version == "",
    )
    skipped = (failure.skipped_at.is_not(None), failure.resolved_at.is_(None))
    return exists().where(failure.mapping == pair.mapping, or_(told, restored), *skipped)
