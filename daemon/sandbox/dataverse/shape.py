"""How rows are shown: which columns, which annotations (wire-protocols B2, B3, D90, D92, D95)."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from daemon.sandbox.dataverse.body import target_of
from daemon.sandbox.dataverse.context import Request, Service, etag
from daemon.sandbox.dataverse.store import Row
from daemon.sandbox.dataverse.tables import OPTIONS, Column, Kind, Table

_FORMATTED = "OData.Community.Display.V1.FormattedValue"
_LOGICAL = "Microsoft.Dynamics.CRM.lookuplogicalname"
_NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
_CURRENCY = "_transactioncurrencyid_value"


class Shape:
    """The shape of one answer's rows: built once, applied to each row.

    A selected amount brings its currency, a part of an address the composite, and the primary key is always there;
    what is not selected is absent, what has no value is an explicit null (D90, D95).
    """

    def __init__(self, service: Service, request: Request, table: Table, select: tuple[str, ...] | None) -> None:
        self._service = service
        self.table = table
        self.select = select
        self.props = tuple(table.columns) if select is None else tuple(dict.fromkeys(_completed(table, select)))
        asked = request.preferences.get("odata.include-annotations", "")
        self._patterns = tuple(part.strip() for part in asked.split(",") if part.strip())
        self.annotated = bool(self._patterns)

    def row(self, row: Row) -> dict[str, Any]:
        """The JSON object for a row, etag first."""
        shown: dict[str, Any] = {"@odata.etag": etag(row)}
        shown.update([(prop, row.get(prop)) for prop in self.props])
        if self.annotated:
            shown |= self._annotations(row)
        return shown

    @property
    def fragment(self) -> str:
        """What follows `$metadata#` in the context."""
        return self.table.entity_set + (f"({','.join(self.select)})" if self.select is not None else "")

    def wants(self, annotation: str) -> bool:
        """Whether `Prefer: odata.include-annotations` names this annotation."""
        return any(fnmatchcase(annotation, pattern) for pattern in self._patterns)

    def _annotations(self, row: Row) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for prop in self.props:
            value = row.get(prop)
            column = self.table.columns[prop]
            if value is None:
                continue
            if self.wants(_FORMATTED) and (text := self._formatted(column, row, value)) is not None:
                found[f"{prop}@{_FORMATTED}"] = text
            if column.kind is Kind.LOOKUP:
                found |= self._link_annotations(column, row)
        return found

    def _link_annotations(self, column: Column, row: Row) -> Mapping[str, Any]:
        target = target_of(self.table, column, row)
        if target is None:
            return {}
        known = {_LOGICAL: self._service.store.tables[target.entity_set].logical, _NAVIGATION: target.navigation}
        return {f"{column.prop}@{name}": value for name, value in known.items() if self.wants(name)}

    def _formatted(self, column: Column, row: Row, value: Any) -> str | None:
        if column.kind in OPTIONS:
            return column.options.get(value)
        if column.kind is Kind.BOOLEAN:
            return "Yes" if value else "No"
        if column.kind is Kind.LOOKUP:
            target = target_of(self.table, column, row)
            linked = None if target is None else self._service.store.data[target.entity_set]
            found = None if linked is None else linked.rows.get(value)
            return None if linked is None or found is None else found.get(linked.table.primary_name)
        if column.kind in {Kind.MONEY, Kind.DECIMAL, Kind.INTEGER, Kind.BIGINT}:
            return f"{value:,}"
        return None


def _completed(table: Table, select: tuple[str, ...]) -> list[str]:
    names = list(select)
    if any(table.columns[name].kind is Kind.MONEY for name in select) and _CURRENCY in table.columns:
        names.append(_CURRENCY)
    if any(name.startswith("address1_") for name in select):
        names.append("address1_composite")
    return [*names, table.primary_id, *([table.key] if table.key != table.primary_id else [])]
