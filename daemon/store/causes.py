"""The query of failures by cause."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from daemon.store.tables import FailureRow

EXAMPLES = 3


def by_cause(wanted: Sequence[ColumnElement[bool]], limit: int) -> Select[Any]:
    """The last records of each cause, with the number of all: the most numerous cause first. One pass over them."""
    row = FailureRow
    cause = (row.mapping, row.direction, row.code, row.cause)
    newest = func.row_number().over(partition_by=cause, order_by=(row.last_at.desc(), row.id.desc()))
    counted = select(row.id, newest.label("rank"), func.count().over(partition_by=cause).label("number"))
    ranked = counted.where(*wanted).subquery()
    query = select(*row.__table__.columns, ranked.c.number).join(ranked, ranked.c.id == row.id)
    order = (ranked.c.number.desc(), *cause, ranked.c.rank)
    return query.where(ranked.c.rank <= EXAMPLES).order_by(*order).limit(limit * EXAMPLES)
