"""The rows of one organisation, in memory: versions, change log, indexes, and transactions that undo.

Promises: `versionnumber` strictly increases over all tables (D85); whatever happens inside `transaction()` is undone
as a whole if it raises (D112, D115); rows are replaced, never changed in place, so a reader's row stays as it was read;
a delta costs as much as there are changes, a page as much as it holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from daemon.sandbox.dataverse.tables import OnDelete, Table

Row = Mapping[str, Any]
_FIRST_VERSION = 1_000_000
CHANGED = "~changed"  # property name to the version that last changed it; kept only for the ⚙ D107 switch


@dataclass
class Index:
    """Rows by the values of some columns, text folded; rows with a null among them are left out."""

    props: tuple[str, ...]
    label: str
    is_key: bool
    ids: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def of(self, row: Row) -> tuple[Any, ...] | None:
        values = tuple(fold(row.get(prop)) for prop in self.props)
        return None if None in values else values


def fold(value: Any) -> Any:
    """Values as Dataverse compares them: text without regard to case."""
    return value.casefold() if isinstance(value, str) else value


class TableData:
    """One table's rows in the order of their creation, and its log of changes."""

    def __init__(self, table: Table, indexes: list[Index]) -> None:
        self.table = table
        self.indexes = indexes
        self.rows: dict[str, Row] = {}
        self.place: dict[str, int] = {}
        self.at_place: dict[int, str] = {}
        self.places: list[int] = []
        self.log_versions: list[int] = []
        self.log_ids: list[str] = []
        self.deleted: dict[str, int] = {}
        self.metadata_version = 0
        self.sorted: tuple[object, Sequence[tuple[Any, Row]]] = (None, ())  # the last ordered query, while it holds
        self.links: dict[str, dict[str, dict[str, None]]] = {
            column.prop: {} for column in table.lookups if column.on_delete is not OnDelete.NONE
        }

    def after(self, place: int) -> Iterator[tuple[int, Row]]:
        """Rows created after a place, in order; O(rows read)."""
        for at in range(bisect_right(self.places, place), len(self.places)):
            row_id = self.at_place.get(self.places[at])
            if row_id is not None:
                yield self.places[at], self.rows[row_id]

    def changes(self, since: int, until: int) -> Iterator[tuple[int, str, Row | None]]:
        """(version, id, row or None when deleted) for each row whose last change lies in (since, until]."""
        start, end = bisect_right(self.log_versions, since), bisect_right(self.log_versions, until)
        for at in range(start, end):
            version, row_id = self.log_versions[at], self.log_ids[at]
            row = self.rows.get(row_id)
            current = row["versionnumber"] if row is not None else self.deleted.get(row_id)
            if current == version:
                yield version, row_id, row

    def index(self, props: tuple[str, ...]) -> Index | None:
        """The alternate key over exactly these columns, in any order."""
        keys = (index for index in self.indexes if index.is_key)
        return next((index for index in keys if sorted(index.props) == sorted(props)), None)


class Store:
    """All tables, one version counter, one undo log."""

    def __init__(
        self, tables: Mapping[str, Table], indexes: Mapping[str, list[Index]], *, by_column: bool = False
    ) -> None:
        self._by_column = by_column
        self.tables = tables
        self.data = {name: TableData(table, indexes.get(name, [])) for name, table in tables.items()}
        self.version = _FIRST_VERSION
        self._place = 0
        self._undo: list[Callable[[], object]] = []
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything since here if the body raises; may be nested."""
        mark = len(self._undo)
        self._depth += 1
        try:
            yield
        except BaseException:
            while len(self._undo) > mark:
                self._undo.pop()()
            raise
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._undo.clear()

    def on_undo(self, action: Callable[[], object]) -> None:
        """Done when what the running transaction has written so far is undone."""
        self._undo.append(action)

    def next_version(self) -> int:
        self.version += 1
        return self.version

    def insert(self, entity_set: str, row_id: str, row: dict[str, Any]) -> None:
        """Add a row; its version is set here."""
        data = self.data[entity_set]
        self._place += 1
        place = self._place
        data.places.append(place)
        data.at_place[place], data.place[row_id] = row_id, place
        before = data.deleted.pop(row_id, None)
        self._undo.append(lambda: self._forget(data, row_id, place, before))
        self._write(data, row_id, row, None)

    def replace(self, entity_set: str, row_id: str, row: dict[str, Any]) -> None:
        """Put a new state in the place of a row."""
        data = self.data[entity_set]
        self._write(data, row_id, row, data.rows[row_id])

    def remove(self, entity_set: str, row_id: str) -> None:
        """Take a row away; the log keeps its id."""
        data = self.data[entity_set]
        row = data.rows.pop(row_id)
        place = data.place.pop(row_id)
        del data.at_place[place]
        self._unindex(data, row_id, row)
        version = self.next_version()
        data.deleted[row_id] = version
        self._log(data, row_id, version)

        def restore() -> None:
            data.deleted.pop(row_id, None)
            data.rows[row_id], data.place[row_id], data.at_place[place] = row, place, row_id
            self._index(data, row_id, row)

        self._undo.append(restore)

    def _write(self, data: TableData, row_id: str, row: dict[str, Any], before: Row | None) -> None:
        row["versionnumber"] = version = self.next_version()
        if self._by_column:
            row[CHANGED] = _changed_columns(row, before, version)
        if before is not None:
            self._unindex(data, row_id, before)
        data.rows[row_id] = row
        self._index(data, row_id, row)
        self._log(data, row_id, row["versionnumber"])

        def restore() -> None:
            self._unindex(data, row_id, row)
            if before is None:
                del data.rows[row_id]
            else:
                data.rows[row_id] = before
                self._index(data, row_id, before)

        self._undo.append(restore)

    def _log(self, data: TableData, row_id: str, version: int) -> None:
        data.log_versions.append(version)
        data.log_ids.append(row_id)
        self._undo.append(lambda: (data.log_versions.pop(), data.log_ids.pop()))

    def _forget(self, data: TableData, row_id: str, place: int, deleted_at: int | None) -> None:
        data.places.remove(place) if data.places[-1] != place else data.places.pop()
        del data.at_place[place], data.place[row_id]
        if deleted_at is not None:
            data.deleted[row_id] = deleted_at

    def _index(self, data: TableData, row_id: str, row: Row) -> None:
        for index in data.indexes:
            values = index.of(row)
            if values is not None:
                index.ids[values] = row_id
        for prop, referrers in data.links.items():
            target = row.get(prop)
            if target is not None:
                referrers.setdefault(target, {})[row_id] = None

    def _unindex(self, data: TableData, row_id: str, row: Row) -> None:
        for index in data.indexes:
            values = index.of(row)
            if values is not None and index.ids.get(values) == row_id:
                del index.ids[values]
        for prop, referrers in data.links.items():
            target = row.get(prop)
            if target is not None:
                referrers.get(target, {}).pop(row_id, None)


def _changed_columns(row: Row, before: Row | None, version: int) -> dict[str, int]:
    if before is None:
        return dict.fromkeys(row, version)
    differing = [name for name, value in row.items() if before.get(name) != value and not name.startswith("~")]
    return {**before[CHANGED], **dict.fromkeys(differing, version)}
