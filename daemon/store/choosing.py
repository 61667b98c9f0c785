"""Which rows a list shows: which failures are wanted, and where a list that was begun goes on."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, String, cast, exists, func, literal, literal_column, or_, select, tuple_
from sqlalchemy.orm import aliased

from daemon.store.failing import IS_CONFLICT
from daemon.store.tables import CouplingReferenceRow, CouplingRow, FailureRow
from schemas.outcome import Outcome

# Without a limit the order of a question inside another is left out.
_ALL = 2**31 - 1


def before(columns: Sequence[Any], place: Sequence[Any] | None) -> tuple[ColumnElement[bool], ...]:
    """Of rows in descending order of these columns those behind that place; None: from the first on."""
    return () if place is None else (tuple_(*columns) < _literals(columns, place),)


def behind(columns: Sequence[Any], place: Sequence[Any] | None) -> tuple[ColumnElement[bool], ...]:
    """The same in ascending order."""
    return () if place is None else (tuple_(*columns) > _literals(columns, place),)


def _literals(columns: Sequence[Any], place: Sequence[Any]) -> Any:
    return tuple_(*(literal(value, column.type) for column, value in zip(columns, place, strict=True)))


def failures_wanted(
    mapping: str | None, job: int | None, open_only: bool, code: str | None, cause: str | None = None
) -> list[ColumnElement[bool]]:
    row = FailureRow
    given: list[tuple[Any, str | int | None]] = [(row.mapping, mapping), (row.job_id, job)]
    given += [(row.code, code), (row.cause, cause)]
    wanted = [column == value for column, value in given if value is not None]
    return [*wanted, row.resolved_at.is_(None)] if open_only else wanted


def told_again() -> tuple[ColumnElement[bool], ...]:
    """Open conflicts that are listed already: one is noticed from both sides, and is one conflict."""
    row, first = FailureRow, aliased(FailureRow)
    pair = (first.mapping == row.mapping, first.bc_id == row.bc_id, first.sales_id == row.sales_id)
    first_is_conflict = first.outcome == literal_column(f"'{Outcome.CONFLICT.value}'")
    told = exists().where(*pair, first_is_conflict, first.resolved_at.is_(None), first.id < row.id)
    return IS_CONFLICT, told


def number_told_again(columns: Sequence[Any], wanted: Sequence[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    """How many of the wanted open conflicts are listed already, by these columns.

    They are read in the order of the index of conflicts, and grouped afterwards: SQLite, which does not know how few
    they are, would walk through all failures in the order of the groups, or of any other index.
    """
    row = FailureRow
    again = select(*columns).where(*wanted, row.resolved_at.is_(None), *told_again())
    found = again.order_by(row.mapping, row.bc_id, row.sales_id).limit(_ALL).subquery()
    return select(*found.c, func.count().label("number")).group_by(*found.c)


def once_each(open_only: bool) -> tuple[ColumnElement[bool], ...]:
    is_conflict, told = told_again()
    return (or_(~is_conflict, ~told),) if open_only else ()


def mentions(search: str) -> ColumnElement[bool]:
    row, reference = CouplingRow, CouplingReferenceRow
    named = row.id.in_(select(reference.coupling_id).where(reference.value.icontains(search, autoescape=True)))
    ids = [id_.icontains(search, autoescape=True) for id_ in (row.bc_id, row.sales_id)]
    # Values are kept as JSON, which writes a quote, for one, as two characters.
    written = orjson.dumps(search).decode()[1:-1]
    values = [cast(base, String).icontains(written, autoescape=True) for base in (row.bc_base, row.sales_base)]
    return or_(named, *ids, *values)
