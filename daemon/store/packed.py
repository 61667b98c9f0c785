"""Lists of which many entries stand in one row of the store, packed: pages of them, and the number that each has.

Such a row has a `number`, of its entries, and a list of them.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, func, select

# An entry's number is that of its row, and behind it how many of the row are listed before it: no batch has as many.
_RANK_BITS = 20
_RANKS = (1 << _RANK_BITS) - 1
# Where a list begins: behind no entry of no row.
FIRST = (0, -1)


def number(row: int, rank: int) -> int:
    """Of the entry that is listed behind `rank` others of its row."""
    return row << _RANK_BITS | rank


def parts(of: int) -> tuple[int, int]:
    """(row, rank) of the number of an entry."""
    return of >> _RANK_BITS, of & _RANKS


def page(
    row: Any,
    where: Sequence[ColumnElement[bool]],
    ordered: Sequence[Any],
    offset: int,
    limit: int,
    after: tuple[int, int] = FIRST,
) -> Select[Any]:
    """The rows that hold some of a page of the list, in its order, each with how many it has `left` and `upto`, where
    these end in the list. `after`: a row and a rank; what that row, the first if it is there, has up to it is left out.
    """
    held, rank = after
    behind = case((and_(row.id == held, row.number > rank), row.number - (rank + 1)), else_=row.number).label("left")
    upto = func.sum(behind, type_=BigInteger).over(order_by=ordered, rows=(None, 0)).label("upto")
    # Each has one at least, but for the first: what is behind these is on no page so early, and is not looked at.
    rows = select(row.id, behind, upto).where(*where).order_by(*ordered).limit(offset + limit + 1).subquery()
    here = (rows.c.upto > offset, rows.c.upto - rows.c.left < offset + limit)
    query = select(*row.__table__.columns, rows.c.left, rows.c.upto).join(rows, rows.c.id == row.id).where(*here)
    return query.order_by(rows.c.upto).limit(limit)


def ranks(found: Any, offset: int, limit: int) -> range:
    """Those of the entries of a row that are on the page."""
    begins, before = int(found.upto) - found.left, found.number - found.left
    return range(before + max(0, offset - begins), before + min(found.left, offset + limit - begins))
