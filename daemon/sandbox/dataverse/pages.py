"""Which rows of a table form a page: filter, order, keyset (wire-protocols B3, D98, D99).

A page starts after the last row of the one before, by order values and place of creation, so rows that come and go
between pages neither shift nor repeat the others. Without `$orderby` a page costs the rows it reads.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from daemon.sandbox.dataverse.cookie import revive
from daemon.sandbox.dataverse.options import Options
from daemon.sandbox.dataverse.store import Row, Store, TableData, fold


@dataclass(frozen=True)
class Page:
    """Rows and, when more follow, where to go on."""

    rows: Sequence[Row]
    after: dict[str, Any] | None


@dataclass(frozen=True)
class _Descending:
    value: Any

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)


def page_of(store: Store, data: TableData, options: Options, after: dict[str, Any], size: int) -> Page:
    """The next `size` rows; `after` is `{}` for the first page."""
    if options.order:
        return _ordered(data, options, store.version, (after, size))
    found = list(islice(_matching(data, options, after.get("place", 0)), size + 1))
    more = len(found) > size
    return Page([row for _, row in found[:size]], {"place": found[size - 1][0]} if more else None)


def count_of(data: TableData, options: Options) -> int:
    """How many rows the filter lets through, paging aside."""
    if options.filter is None:
        return len(data.rows)
    return sum(1 for _ in _matching(data, options, 0))


def _matching(data: TableData, options: Options, place: int) -> Iterator[tuple[int, Row]]:
    rows = data.after(place)
    if options.filter is None:
        return rows
    matches = options.filter.matches
    return ((at, row) for at, row in rows if matches(row))


def _ordered(data: TableData, options: Options, version: int, span: tuple[dict[str, Any], int]) -> Page:
    after, size = span
    rows, start = _sorted(data, options, version), 0
    if after:
        last = _key(options, [revive(value) for value in after["values"]], after["place"])
        start = bisect_right(rows, last, key=lambda pair: pair[0])
    found = rows[start : start + size + 1]
    if len(found) <= size:
        return Page([row for _, row in found], None)
    key, row = found[size - 1]
    return Page(
        [row for _, row in found[:size]],
        {"values": [row.get(prop) for prop, _ in options.order], "place": key[-1]},
    )


def _sorted(data: TableData, options: Options, version: int) -> Sequence[tuple[Any, Row]]:
    """All matching rows in order; kept for the next page as long as nothing is written."""
    query = (version, options.filter.text if options.filter else None, options.order)
    if data.sorted[0] != query:
        names = [prop for prop, _ in options.order]
        keyed = ((_key(options, [row.get(prop) for prop in names], at), row) for at, row in _matching(data, options, 0))
        data.sorted = (query, sorted(keyed, key=lambda pair: pair[0]))
    return data.sorted[1]


def _key(options: Options, values: Sequence[Any], place: int) -> tuple[Any, ...]:
    """Nulls first when ascending, last when descending; ties in order of creation."""
    parts: list[Any] = []
    for (_, descending), value in zip(options.order, values, strict=True):
        part = (value is not None, fold(value) if value is not None else 0)
        parts.append(_Descending(part) if descending else part)
    return (*parts, place)
