"""The company's data: one row-version counter, transactions, number series, and a lagging replica.

Promises: every write gets a row version above all earlier ones of the company; a transaction that fails leaves
nothing behind; numbers drawn from a series never meet an existing one (wire-protocols A3, A5, D28, D53, D58).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.sandbox.business_central.rows import Record, Rows
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.tables import STORED, TABLES, Table, stored_in

_FIRST_ROW_VERSION = 7638935861551500000
_PRIVATE: Mapping[str, Any] = {}
# Told of every row a committed transaction has written: its entity set, the row before and after it.
Watch = Callable[[str, Record | None, Record | None], None]


def iso(moment: datetime) -> str:
    """UTC with milliseconds, trailing zeros dropped (A3)."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def to_milliseconds(moment: datetime) -> datetime:
    """The moment with what is below a millisecond cut off."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


class Store:
    """All rows of the company. `now` is the simulated clock, `new_id` makes SystemIds."""

    def __init__(self, settings: BcSettings, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.settings = settings
        self.now = now
        self.new_id = new_id
        self.modified_at: datetime | None = None
        self.watch: Watch = lambda set_name, before, after: None
        self._tables = {name: Rows(table) for name, table in STORED.items()}
        self._row_version = _FIRST_ROW_VERSION
        self._journal: list[tuple[str, Record | None, Record | None]] | None = None
        self._series = {name: first for name, (first, _) in settings.number_series.items()}
        self._replica: _Replica | None = None
        self.references: dict[str, set[Any]] = {}
        self.contact_of: dict[str, str] = {}

    def rows(self, set_name: str) -> Rows:
        """The rows that one entity set shows."""
        return self._tables[stored_in(TABLES[set_name]).set_name]

    def replica_rows(self, set_name: str) -> Rows:
        """The rows a read-only replica shows: `replica_lag_seconds` behind (D58)."""
        if self._replica is None:
            return self.rows(set_name)
        return self._replica.rows(stored_in(TABLES[set_name]).set_name, self.now())

    def record(self, values: Mapping[str, Any], private: Mapping[str, Any] = _PRIVATE) -> Record:
        """A record as written now: next row version, current modification time."""
        self._row_version += 1
        modified = to_milliseconds(self.modified_at or self.now())
        stamped = {**values, "lastModifiedDateTime": iso(modified)}
        return Record(stamped, self._row_version, modified, private)

    def load(self, set_name: str, rows: Iterable[tuple[Mapping[str, Any], datetime, Mapping[str, Any]]]) -> None:
        """Take in seed rows as (values, modified, private), outside any transaction."""
        records = []
        for values, modified, private in rows:
            self._row_version += 1
            records.append(Record(values, self._row_version, modified, private))
        self._tables[set_name].load(records)

    def start_replica(self) -> None:
        """Begin to lag: what is stored up to here is on the replica at once."""
        if self.settings.replica_lag_seconds > 0:
            self._replica = _Replica(self._tables, timedelta(seconds=self.settings.replica_lag_seconds))

    def insert(self, table: Table, values: Mapping[str, Any], private: Mapping[str, Any] = _PRIVATE) -> Record:
        """Store a new row."""
        record = self.record(values, private)
        self._put(table.set_name, record.id, record)
        return record

    def update(self, table: Table, before: Record, changes: Mapping[str, Any]) -> Record:
        """Replace a row; its id and private parts stay."""
        record = self.record({**before.values, **changes}, before.private)
        self._put(table.set_name, record.id, record)
        return record

    def delete(self, table: Table, record: Record) -> None:
        """Remove a row."""
        self._put(table.set_name, record.id, None)

    def _put(self, set_name: str, record_id: str, record: Record | None) -> None:
        before = self._tables[set_name].put(record_id, record)
        if self._journal is not None:
            self._journal.append((set_name, before, record))
        if self._replica is not None:
            self._replica.note(self.now(), set_name, record_id, record)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything inside if an exception leaves the block; an inner transaction joins the outer one."""
        if self._journal is not None:
            mark = len(self._journal)
            try:
                yield
            except Exception:
                self._undo(mark)
                raise
            return
        self._journal, written = [], []
        try:
            yield
            written = self._journal
        except Exception:
            self._undo(0)
            raise
        finally:
            self._journal = None
        for set_name, before, after in written:
            self.watch(set_name, before, after)

    def _undo(self, mark: int) -> None:
        journal = self._journal or []
        undone, self._journal = journal[mark:], None
        for set_name, before, after in reversed(undone):
            record = before or after
            if record is not None:
                self._put(set_name, record.id, before)
        self._journal = journal[:mark]

    def next_number(self, set_name: str) -> str:
        """The next free number of the entity set's series."""
        step = self.settings.number_series[set_name][1]
        number = self._series[set_name]
        while self._tables[set_name].by_key(number) is not None:
            number = increment(number, step)
        self._series[set_name] = number
        return number


def increment(number: str, step: int) -> str:
    """The number `step` further, with its width kept."""
    match = re.search(r"\d+$", number)
    if match is None:
        return f"{number}{step}"
    digits = match.group()
    return number[: match.start()] + str(int(digits) + step).zfill(len(digits))


class _Replica:
    """A second copy of the rows that takes over each write once it is old enough."""

    def __init__(self, tables: Mapping[str, Rows], lag: timedelta) -> None:
        self._lag = lag
        self._waiting: deque[tuple[datetime, str, str, Record | None]] = deque()
        self._tables = {name: Rows(rows.table) for name, rows in tables.items()}
        for name, rows in tables.items():
            self._tables[name].load(list(rows))

    def note(self, when: datetime, set_name: str, record_id: str, record: Record | None) -> None:
        self._waiting.append((when, set_name, record_id, record))

    def rows(self, set_name: str, now: datetime) -> Rows:
        while self._waiting and self._waiting[0][0] + self._lag <= now:
            _, name, record_id, record = self._waiting.popleft()
            self._tables[name].put(record_id, record)
        return self._tables[set_name]
