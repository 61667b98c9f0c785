"""What the pages need to know of a side: its tables, their fields, and where its API takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "memo", "number", "choice", "link"]
Row = Mapping[str, Any]
# Longer lists of suggestions help nobody, and make every form long.
_SUGGESTED = 200


@dataclass(frozen=True)
class Field:
    """One property. A `choice` has all its values, as JSON and as a label; `targets` are the entity sets a field may
    name a row of: a `link` as `set(id)`, written through the navigation property beside the set, other fields by code.
    """

    name: str
    kind: Kind = "text"
    label: str = ""
    length: int = 0
    choices: tuple[tuple[Any, str], ...] = ()
    targets: tuple[tuple[str, str], ...] = ()
    on_create: bool = True
    on_update: bool = True
    required: bool = False
    blank: Any = None

    @property
    def shown_only(self) -> bool:
        """Whether no request may set it."""
        return not (self.on_create or self.on_update)


@dataclass(frozen=True)
class Table:
    """One entity set: `url` is its address, `columns` what a list shows (the first one names a record)."""

    name: str
    caption: str
    url: str
    key: str
    fields: Mapping[str, Field]
    columns: tuple[str, ...]
    verbs: frozenset[str] = frozenset({"GET", "POST", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Side:
    """One simulator. `rows` gives a set's rows, last changed first; `sign_in` a token for `client`."""

    title: str
    address: str
    tables: Mapping[str, Table]
    rows: Callable[[str], Iterator[Row]]
    count: Callable[[str], int]
    sign_in: Callable[[], str]
    told: Mapping[str, str]

    def suggestions(self, field: Field) -> list[tuple[str, str]]:
        """What a field over other rows may hold, with their names, if they are few."""
        sets = [name for name, _ in field.targets if self.count(name) <= _SUGGESTED]
        return [pair for name in sets for pair in self._named(field, name)]

    def _named(self, field: Field, name: str) -> Iterator[tuple[str, str]]:
        table = self.tables[name]
        for row in self.rows(name):
            value = f"{name}({row[table.key]})" if field.kind == "link" else str(row[table.columns[0]])
            yield value, " · ".join(str(row.get(column) or "") for column in table.columns[:2])
