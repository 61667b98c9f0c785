"""Open failures by cause. There may be a hundred thousand: they are counted in an index, and few are read."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, String, column, func, select, values
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.choosing import number_told_again
from daemon.store.database import chunks
from daemon.store.tables import FailureRow

EXAMPLES = 3
_OF = (FailureRow.mapping, FailureRow.direction, FailureRow.code, FailureRow.cause)
Cause = tuple[str, str, str, str]
# Where one stands in the list: how many failures it has, and the cause.
CausePlace = tuple[int, str, str, str, str]
Wanted = Sequence[ColumnElement[bool]]


async def numbers(
    connection: AsyncConnection, wanted: Wanted, after: CausePlace | None = None
) -> list[tuple[Cause, int]]:
    """Each cause behind a place and how many failures it has, a conflict once, the most numerous first: in the order of
    the program, which is not that of every database.
    """
    twice = {_cause(row): row.number for row in await connection.execute(number_told_again(_OF, wanted))}
    counted = ((_cause(row), row.number) for row in await connection.execute(_counted(wanted)))
    every = ((cause, number - twice.get(cause, 0)) for cause, number in counted)
    ordered = sorted((-number, cause) for cause, number in every if number)
    return [(cause, -number) for number, cause in ordered if not after or (number, cause) > (-after[0], after[1:])]


async def examples(connection: AsyncConnection, causes: Sequence[Cause], once_each: Wanted) -> dict[Cause, list[Any]]:
    """The last open failures of each, newest first. Of one that is over meanwhile there are none.

    Two questions for hundreds of causes: each by itself would cost more than to count all failures, and in one a
    database takes only so many values.
    """
    found: dict[Cause, list[Any]] = {}
    for some in chunks(causes):
        found |= await _some_examples(connection, some, once_each)
    return found


async def _some_examples(
    connection: AsyncConnection, causes: Sequence[Cause], once_each: Wanted
) -> dict[Cause, list[Any]]:
    row, found = FailureRow, dict[Cause, list[Any]]()
    numbers = await connection.execute(_newest(causes, once_each))
    ids = [number for numbers_of_one in numbers for number in numbers_of_one if number is not None]
    query = select(*row.__table__.columns).where(row.id.in_(ids)).order_by(row.last_at.desc(), row.id.desc())
    for one in await connection.execute(query):
        if one.resolved_at is None:  # not asked for: PostgreSQL would look through all that are open
            found.setdefault(_cause(one), []).append(one)
    return found


def _newest(causes: Sequence[Cause], once_each: Wanted) -> Select[Any]:
    """A row for each cause, of the numbers of its last failures, found in the index."""
    row = FailureRow
    columns = [column(name, String) for name in ("mapping", "direction", "code", "cause")]
    given = values(*columns, name="given").data(list(causes)).cte("given")
    place = [own == one for own, one in zip(_OF, given.c, strict=True)]
    query = select(row.id).where(*place, row.resolved_at.is_(None), *once_each)
    query = query.order_by(row.last_at.desc(), row.id.desc()).limit(1)
    return select(*(query.offset(back).scalar_subquery() for back in range(EXAMPLES))).select_from(given)


def _counted(wanted: Wanted) -> Select[str, str, str, str, int]:
    return select(*_OF, func.count().label("number")).where(*wanted).group_by(*_OF)


def _cause(row: Any) -> Cause:
    return row.mapping, row.direction, row.code, row.cause
