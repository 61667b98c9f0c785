"""From JSON to a column's value and back: kinds, lengths, ranges, dates (wire-protocols B2, D90, D94, D96)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from daemon.sandbox.dataverse.errors import DataverseError, bad_payload, bad_request
from daemon.sandbox.dataverse.tables import OPTIONS, TEXT, Column, Kind, Table

GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,12})?)?(Z|[+-]\d{2}:\d{2})")
_EDM = {
    Kind.STRING: "Edm.String",
    Kind.MEMO: "Edm.String",
    Kind.BIGINT: "Edm.Int64",
    Kind.DECIMAL: "Edm.Decimal",
    Kind.MONEY: "Edm.Decimal",
    Kind.DOUBLE: "Edm.Double",
    Kind.BOOLEAN: "Edm.Boolean",
    Kind.DATETIME: "Edm.DateTimeOffset",
    Kind.DATE: "Edm.Date",
    Kind.GUID: "Edm.Guid",
    Kind.LOOKUP: "Edm.Guid",
}


def edm_type(kind: Kind) -> str:
    """The type a column has in `$metadata`."""
    return _EDM.get(kind, "Edm.Int32")


def iso(moment: datetime) -> str:
    """UTC with second precision, as every date-time is emitted (D96)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def convert(table: Table, column: Column, value: Any, *, empty_is_null: bool) -> Any:
    """A body's value as it is stored; raises the service's error for what the column cannot hold."""
    if value is None or (empty_is_null and value == "" and column.kind in TEXT):
        return None
    return _CONVERTERS[column.kind](table, column, value)


def _unfit(table: Table, column: Column, value: Any) -> DataverseError:
    shown = str(value)[:100]
    return bad_payload(
        table.entity_set, f"Cannot convert the literal '{shown}' to the expected type '{edm_type(column.kind)}'."
    )


def _text(table: Table, column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise _unfit(table, column, value)
    if len(value.encode("utf-16-le", "surrogatepass")) > 2 * column.max_length:  # .NET counts UTF-16 units
        raise bad_request(
            f"A validation error occurred. The length of the '{column.name}' attribute of the '{table.logical}' entity "
            f"exceeded the maximum allowed length of '{column.max_length}'.",
            "0x80044331",
        )
    return value


def _whole(table: Table, column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise _unfit(table, column, value)
    _in_range(table, column, value)
    return int(value)


def _in_range(table: Table, column: Column, value: Any) -> None:
    too_low = column.low is not None and value < Decimal(repr(column.low))
    if too_low or (column.high is not None and value > Decimal(repr(column.high))):
        raise bad_request(
            f"A validation error occurred. The value {value} of '{column.name}' on record of type '{table.logical}' is "
            "outside the valid range.",
            "0x80044330",
        )


def _option(table: Table, column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unfit(table, column, value)
    if value not in column.options:
        accepted = ",".join(map(str, column.options))
        raise bad_request(
            f"A validation error occurred. The value {value} of '{column.name}' on record of type '{table.logical}' is "
            f"outside the valid range. Accepted Values: {accepted}",
            "0x8004431a",
        )
    return value


def _decimal(table: Table, column: Column, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _unfit(table, column, value)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    _in_range(table, column, number)
    return number.quantize(Decimal(1).scaleb(-column.places))


def _boolean(table: Table, column: Column, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _unfit(table, column, value)
    return value


def _guid(table: Table, column: Column, value: Any) -> str:
    if not isinstance(value, str) or GUID.fullmatch(value) is None:
        raise _unfit(table, column, value)
    return value.lower()


def _instant(table: Table, column: Column, value: Any) -> str:
    try:
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return iso(datetime.fromisoformat(value))
    except ValueError:
        pass
    raise _unfit(table, column, value)


def _date(table: Table, column: Column, value: Any) -> str:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise _unfit(table, column, value)


_CONVERTERS: Mapping[Kind, Callable[[Table, Column, Any], Any]] = {
    Kind.STRING: _text,
    Kind.MEMO: _text,
    Kind.INTEGER: _whole,
    Kind.BIGINT: _whole,
    Kind.DECIMAL: _decimal,
    Kind.MONEY: _decimal,
    Kind.DOUBLE: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATETIME: _instant,
    Kind.DATE: _date,
    Kind.GUID: _guid,
    Kind.LOOKUP: _guid,
    **dict.fromkeys(OPTIONS, _option),
}
