"""Lists of which many entries stand in one row of the store, packed: pages of them, and the number that each has.

Such a row has a `number`, of its entries, and a list of them.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

# An entry's number is that of its row, and behind it how many of the row are listed before it: no batch has as many.
_RANK_BITS = 20
_RANKS = (1 << _RANK_BITS) - 1


def number(row: int, rank: int) -> int:
    """Of the entry that is listed behind `rank` others of its row."""
    return row << _RANK_BITS | rank


def parts(of: int) -> tuple[int, int]:
    """(row, rank) of the number of an entry."""
    return of >> _RANK_BITS, of & _RANKS


def page(
    row: Any, where: Sequence[ColumnElement[bool]], ordered: Sequence[Any], offset: int, limit: int
) -> Select[Any]:
    """The rows that hold some of a page of the list, in its order, each with `upto`: where its entries end in it."""
    upto = func.sum(row.number).over(order_by=ordered, rows=(None, 0)).label("upto")
    rows = select(row.id, row.number, upto).where(*where).subquery()
    here = (rows.c.upto > offset, rows.c.upto - rows.c.number < offset + limit)
    query = select(*row.__table__.columns, rows.c.upto).join(rows, rows.c.id == row.id).where(*here)
    return query.order_by(rows.c.upto).limit(limit)


def ranks(found: Any, offset: int, limit: int) -> range:
    """Those of the entries of a row that are on the page."""
    begins = int(found.upto) - found.number
    return range(max(0, offset - begins), min(found.number, offset + limit - begins))
