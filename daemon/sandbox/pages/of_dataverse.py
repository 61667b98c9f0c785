"""Dataverse's tables as the pages show them."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.sandbox.dataverse.context import Service
from daemon.sandbox.dataverse.tables import OPTIONS, Column, Kind, Table
from daemon.sandbox.identity import Identity
from daemon.sandbox.pages import model

CLIENT = "a person at the sandbox's pages"
_CODES = ("accountnumber", "productnumber", "isocurrencycode", "domainname")
_THEN = ("emailaddress1", "internalemailaddress", "telephone1", "address1_city", "price", "statecode", "modifiedon")
_NUMBERS = frozenset({Kind.INTEGER, Kind.BIGINT, Kind.DECIMAL, Kind.DOUBLE, Kind.MONEY})


def side(service: Service, identity: Identity, root: str) -> model.Side:
    """The organisation."""
    tables = service.store.tables

    def rows(name: str) -> Iterator[model.Row]:
        """By the log of changes, backwards: no sorting, however many rows there are."""
        data = service.store.data[name]
        for at in range(len(data.log_ids) - 1, -1, -1):
            row = data.rows.get(data.log_ids[at])
            if row is not None and row["versionnumber"] == data.log_versions[at]:
                yield row

    return model.Side(
        title="Dynamics 365 Sales",
        address=root,
        tables={name: _table(table, root) for name, table in tables.items()},
        rows=rows,
        count=lambda name: len(service.store.data[name].rows),
        sign_in=lambda: identity.issue(CLIENT, service.settings.audiences[0]),
        told={table.logical: name for name, table in tables.items()},
    )


def _table(table: Table, root: str) -> model.Table:
    verbs = frozenset({"GET", "POST", "PATCH", *(["DELETE"] if table.deletable else [])})
    columns = (table.primary_name, *_CODES, *_THEN)
    return model.Table(
        table.entity_set,
        table.schema,
        f"{root}/{table.entity_set}",
        table.primary_id,
        {name: _field(column) for name, column in table.columns.items()},
        tuple(dict.fromkeys(name for name in columns if name in table.columns)),
        verbs,
    )


def _field(column: Column) -> model.Field:
    return model.Field(
        column.prop,
        _kind(column),
        label=column.name,
        length=column.max_length,
        choices=_choices(column),
        targets=tuple((target.entity_set, target.navigation) for target in column.targets),
        on_create=not (column.read_only or column.update_only),
        on_update=not (column.read_only or column.insert_only),
        required=column.required or column.form_required,
    )


def _kind(column: Column) -> model.Kind:
    if column.kind in _NUMBERS:
        return "number"
    if column.kind in OPTIONS or column.kind is Kind.BOOLEAN:
        return "choice"
    kinds: dict[Kind, model.Kind] = {Kind.LOOKUP: "link", Kind.MEMO: "memo"}
    return kinds.get(column.kind, "text")


def _choices(column: Column) -> tuple[tuple[object, str], ...]:
    if column.kind is Kind.BOOLEAN:
        return (True, "Yes"), (False, "No")
    return tuple(column.options.items())
