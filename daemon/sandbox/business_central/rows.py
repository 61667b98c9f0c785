"""Rows of one entity set, with the indexes that keep reading cheap at 100 000 rows (wire-protocols A3, D15, D25).

Promises: a record is never changed in place, only replaced; a page is found by bisection after a key, so reading it
costs its own length; a poll for the newest rows costs the number of hits.
"""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daemon.sandbox.business_central.tables import Table

Key = tuple[Any, ...]


def etag_of(row_version: int) -> str:
    """`W/"<base64 of '19;<row version>;00;'>"` (A3)."""
    text = f"'19;{row_version};00;'"
    return f'W/"{base64.b64encode(text.encode()).decode()}"'


@dataclass(frozen=True, slots=True)
class Record:
    """One stored row: its JSON values, row version and modification time; `private` holds what no page shows."""

    values: Mapping[str, Any]
    row_version: int
    modified: datetime
    private: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The SystemId."""
        return str(self.values["id"])

    @property
    def etag(self) -> str:
        """What `If-Match` must name."""
        return etag_of(self.row_version)


class _Descending:
    """Turns an order around inside a tuple key."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(other.value == self.value)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Order:
    """A total order of rows: the fields with their direction, then the id."""

    fields: tuple[tuple[str, bool], ...] = ()

    def key(self, record: Record) -> Key:
        """The sort key of a record."""
        return self.from_values([self.value(record, name) for name, _ in self.fields], record.id)

    def from_values(self, values: list[Any], record_id: str) -> Key:
        """The sort key of a row with these field values; what a skip token is turned back into."""
        pairs = zip(values, self.fields, strict=True)
        return (*(_Descending(value) if descending else value for value, (_, descending) in pairs), record_id)

    @staticmethod
    def value(record: Record, name: str) -> Any:
        """What a record is sorted by for a field: times as numbers, since their text drops trailing zeros."""
        return record.modified.timestamp() if name == "lastModifiedDateTime" else record.values[name]


BY_ID = Order()
BY_MODIFIED = Order((("lastModifiedDateTime", False),))


class Rows:
    """The records of one entity set."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._records: dict[str, Record] = {}
        self._sorted: dict[Order, list[Key]] = {BY_ID: [], BY_MODIFIED: []}
        self._other: tuple[Order, int, list[Key]] | None = None
        self._hashes: dict[str, defaultdict[Any, set[str]]] = {}
        self._version = 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def get(self, record_id: str) -> Record | None:
        """The record with this id, written in any case."""
        return self._records.get(record_id.lower())

    def load(self, records: Iterable[Record]) -> None:
        """Add many new records at once; cheaper than `put` for each."""
        for record in records:
            self._records[record.id] = record
        for order in self._sorted:
            self._sorted[order] = sorted(map(order.key, self._records.values()))
        self._hashes.clear()
        self._version += 1

    def put(self, record_id: str, record: Record | None) -> Record | None:
        """Store, replace or (None) remove a record; answers the one that was there."""
        before = self._records.pop(record_id, None)
        self._version += 1
        if before is not None:
            self._unindex(before)
        if record is not None:
            self._records[record_id] = record
            for order, keys in self._sorted.items():
                insort(keys, order.key(record))
            for name, found in self._hashes.items():
                found[record.values[name]].add(record_id)
        return before

    def _unindex(self, record: Record) -> None:
        for order, keys in self._sorted.items():
            del keys[bisect_left(keys, order.key(record))]
        for name, found in self._hashes.items():
            found[record.values[name]].discard(record.id)

    def having(self, name: str, value: Any) -> list[Record]:
        """All records whose field equals the value, by a hash index built at first use and ordered by id."""
        if name == "id":
            record = self.get(str(value))
            return [] if record is None else [record]
        found = self._hashes.get(name)
        if found is None:
            found = defaultdict(set)
            for record in self._records.values():
                found[record.values[name]].add(record.id)
            self._hashes[name] = found
        return [self._records[record_id] for record_id in sorted(found.get(value, ()))]

    def by_key(self, value: str) -> Record | None:
        """The record with this natural key (`number` or `code`)."""
        return next(iter(self.having(self.table.key, value)), None)

    def keys(self, order: Order) -> list[Key]:
        """Every sort key in this order; kept for id and modification time, else remembered until the next write."""
        kept = self._sorted.get(order)
        if kept is not None:
            return kept
        if self._other is None or self._other[:2] != (order, self._version):
            self._other = (order, self._version, sorted(map(order.key, self._records.values())))
        return self._other[2]

    def modified_between(self, low: datetime | None, high: datetime | None) -> list[Key]:
        """Modification-time keys from `low` to `high`, both included."""
        keys = self._sorted[BY_MODIFIED]
        start = 0 if low is None else bisect_left(keys, (low.timestamp(),))
        end = len(keys) if high is None else bisect_right(keys, (high.timestamp(), "~"))
        return keys[start:end]
