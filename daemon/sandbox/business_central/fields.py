"""Turning what a request body or a seed row says into stored values (wire-protocols A2, D32–D37, D42, D50)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from daemon.sandbox.business_central.errors import ApiError, bad_request
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.store import iso
from daemon.sandbox.business_central.tables import EDM, ZERO_GUID, Field, Table

_DECIMAL_LIMIT = 10**18
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def decode_body(table: Table, body: Any, settings: BcSettings, *, creating: bool) -> dict[str, Any]:
    """The values a POST or PATCH body sets; raises the service's error for anything it may not set."""
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    changes: dict[str, Any] = {}
    for name, value in body.items():
        if name.startswith("@") or "@odata." in name:
            continue
        field = table.fields.get(name)
        if field is None:
            raise bad_request(
                f"The property '{name}' does not exist on type 'Microsoft.NAV.{table.entity}'. Make sure to only use "
                "property names that are defined by the type."
            )
        if field.read_only:
            _refuse_read_only(field, value, settings, changes, creating=creating)
        else:
            changes[name] = convert(field, value, nulls=settings.nulls)
    return changes


def _refuse_read_only(
    field: Field, value: Any, settings: BcSettings, changes: dict[str, Any], *, creating: bool
) -> None:
    """D36, D42: what becomes of a read-only field in a body."""
    if field.name == "id" and creating and settings.client_ids != "reject":
        if settings.client_ids == "honour":
            changes["id"] = convert(field, value, nulls=settings.nulls)
        return
    if settings.read_only_fields == "reject" or (field.name == "id" and creating):
        raise bad_request(f"Control '{field.name}' is read-only.", "BadRequest_InvalidOperation")


def convert(field: Field, value: Any, *, nulls: str = "blank") -> Any:
    """The stored form of one JSON value."""
    if value is None:
        if nulls == "reject":
            raise bad_request(
                f"A null value was found for the property named '{field.name}', which has the expected type "
                f"'{EDM.get(field.kind, 'Edm.String')}[Nullable=False]'. The expected type does not allow null values."
            )
        return field.blank
    return _CONVERTERS[field.kind](field, value)


def _mismatch(field: Field, value: Any) -> ApiError:
    kind = EDM.get(field.kind, f"Microsoft.NAV.{field.name}")
    return bad_request(f"Cannot convert the literal '{value}' to the expected type '{kind}'.")


def capitals(text: str) -> str:
    """Upper case as .NET makes it, one letter for each; lengths are .NET's too: UTF-16 units."""
    if text.isascii():
        return text.upper()
    return "".join(letter if len(letter.upper()) > 1 else letter.upper() for letter in text)


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _mismatch(field, value)
    stored = capitals(value.strip()) if field.kind == "code" else value
    length = len(stored) if stored.isascii() else len(stored.encode("utf-16-le", "surrogatepass")) // 2
    if field.length and length > field.length:
        raise bad_request(
            f"The length of the string is {length}, but it must be less than or equal to {field.length} "
            f"characters. Value: {stored}",
            "Application_StringExceededLength",
        )
    return stored


def _enum(field: Field, value: Any) -> str:
    """D50: escaped member names; a blank stands for the blank member where there is one."""
    if value in ("", " ") and field.members[0] == "_x0020_":
        return field.members[0]
    if value not in field.members:
        raise _mismatch(field, value)
    return str(value)


def _number(field: Field, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _DECIMAL_LIMIT:
        raise _mismatch(field, value)
    whole = int(value)
    if whole == value:
        return whole
    if field.kind == "int":
        raise _mismatch(field, value)
    return value


def _boolean(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _mismatch(field, value)
    return value


def _guid(field: Field, value: Any) -> str:
    if value == "":
        return ZERO_GUID
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise _mismatch(field, value)
    return value.lower()


def _date(field: Field, value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise _mismatch(field, value) from None


def _datetime(field: Field, value: Any) -> str:
    try:
        return iso(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        raise _mismatch(field, value) from None


_CONVERTERS = {
    "text": _text,
    "code": _text,
    "enum": _enum,
    "decimal": _number,
    "int": _number,
    "bool": _boolean,
    "guid": _guid,
    "date": _date,
    "datetime": _datetime,
}


def seed_values(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A whole row from a seed's subset of fields, read-only ones included; `_private` keys are left out."""
    values = table.blanks
    for name, value in row.items():
        if name.startswith("_"):
            continue
        if name not in table.fields:
            raise ValueError(f"seed row of {table.set_name} has the unknown field {name!r}")
        values[name] = convert(table.fields[name], value)
    return values
