"""Open failures by cause. There may be a hundred thousand: they are counted in an index, and few are read."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.tables import FailureRow

EXAMPLES = 3
_OF = (FailureRow.mapping, FailureRow.direction, FailureRow.code, FailureRow.cause)
Cause = tuple[str, str, str, str]
# Where one stands in the list: how many failures it has, and the cause.
CausePlace = tuple[int, str, str, str, str]
Wanted = Sequence[ColumnElement[bool]]


async def numbers(
    connection: AsyncConnection, wanted: Wanted, again: Wanted, after: CausePlace | None = None
) -> list[tuple[Cause, int]]:
    """Each cause behind a place and how many failures it has, the most numerous first: in the order of the program,
    which is not that of every database. `again`: which of the wanted are counted already.
    """
    twice = {_cause(row): row.number for row in await connection.execute(_counted([*wanted, *again]))}
    every = [
        (_cause(row), row.number - twice.get(_cause(row), 0)) for row in await connection.execute(_counted(wanted))
    ]
    ordered = sorted((-number, cause) for cause, number in every if number)
    return [(cause, -number) for number, cause in ordered if not after or (number, cause) > (-after[0], after[1:])]


def newest(cause: Cause, once_each: Wanted) -> Select[Any]:
    """The last open failures of one cause, as examples."""
    row = FailureRow
    place = [column == value for column, value in zip(_OF, cause, strict=True)]
    query = select(*row.__table__.columns).where(*place, row.resolved_at.is_(None), *once_each)
    return query.order_by(row.last_at.desc(), row.id.desc()).limit(EXAMPLES)


def _counted(wanted: Wanted) -> Select[str, str, str, str, int]:
    return select(*_OF, func.count().label("number")).where(*wanted).group_by(*_OF)


def _cause(row: Any) -> Cause:
    return row.mapping, row.direction, row.code, row.cause
