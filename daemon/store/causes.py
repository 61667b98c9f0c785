"""Open failures by cause. There may be a hundred thousand: they are counted in an index, and few are read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, String, column, func, select, values
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.choosing import number_told_again
from daemon.store.database import chunks
from daemon.store.tables import FailureRow
from schemas.causes import CONFLICT, direction_of
from schemas.side import Direction

EXAMPLES = 3
_OF = (FailureRow.mapping, FailureRow.direction, FailureRow.code, FailureRow.cause)
# A conflict is one cause in both directions: either side may have told it first, or last.
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
    counted: Counter[Cause] = Counter()
    for row in await connection.execute(number_told_again(_OF, wanted)):
        counted[_cause(row)] -= row.number
    for row in await connection.execute(_counted(wanted)):
        counted[_cause(row)] += row.number
    ordered = sorted((-number, cause) for cause, number in counted.items() if number > 0)
    return [(cause, -number) for number, cause in ordered if not after or (number, cause) > (-after[0], after[1:])]


async def examples(connection: AsyncConnection, causes: Sequence[Cause]) -> dict[Cause, list[Any]]:
    """The last open failures of each, newest first; of a conflict what was told last. Of a cause that is over meanwhile
    there are none.

    Two questions for hundreds of causes: each by itself would cost more than to count all failures, and in one a
    database takes only so many values.
    """
    found: dict[Cause, list[Any]] = {}
    places = ((mapping, way, code, id_) for mapping, both, code, id_ in causes for way in Direction(both).one_ways)
    for some in chunks(places):
        for one in await _some_examples(connection, some):
            found.setdefault(_cause(one), []).append(one)
    return {cause: _last(rows) for cause, rows in found.items()}


def _last(rows: Iterable[Any]) -> list[Any]:
    """Those of both directions together: the last ones of a conflict's pairs are among the last of either."""
    found: dict[Any, Any] = {}
    for row in sorted(rows, key=lambda row: (row.last_at, row.id), reverse=True):
        found.setdefault((row.bc_id, row.sales_id) if row.code == CONFLICT else row.id, row)
    return list(found.values())[:EXAMPLES]


async def _some_examples(connection: AsyncConnection, places: Sequence[Cause]) -> list[Any]:
    row = FailureRow
    numbers = await connection.execute(_newest(places))
    ids = [number for numbers_of_one in numbers for number in numbers_of_one if number is not None]
    found = await connection.execute(select(*row.__table__.columns).where(row.id.in_(ids)))
    # Not asked for: PostgreSQL would look through all that are open.
    return [one for one in found if one.resolved_at is None]


def _newest(places: Sequence[Cause]) -> Select[Any]:
    """A row for each place, of the numbers of its last failures, found in the index: also of conflicts that are listed
    already, since of a cause that both sides tell these may be all in one direction.
    """
    row = FailureRow
    columns = [column(name, String) for name in ("mapping", "direction", "code", "cause")]
    given = values(*columns, name="given").data(list(places)).cte("given")
    place = [own == one for own, one in zip(_OF, given.c, strict=True)]
    query = select(row.id).where(*place, row.resolved_at.is_(None))
    query = query.order_by(row.last_at.desc(), row.id.desc()).limit(1)
    return select(*(query.offset(back).scalar_subquery() for back in range(EXAMPLES))).select_from(given)


def _counted(wanted: Wanted) -> Select[str, str, str, str, int]:
    return select(*_OF, func.count().label("number")).where(*wanted).group_by(*_OF)


def _cause(row: Any) -> Cause:
    return row.mapping, direction_of(row.direction, row.code), row.code, row.cause
