"""One form for values that mean the same, so that equality is a plain `==` (wire-protocols C35).

BC has no nulls: its blanks are "", 0, false, the zero GUID and the year 1. Dataverse has nulls. Code fields are
upper-case and trimmed; GUIDs compare without case; money comes with any number of decimals.
"""

import re
from decimal import Decimal
from typing import Any

from schemas.side import Side

ZERO_GUID = "00000000-0000-0000-0000-000000000000"
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")
_BLANKS = frozenset({"", ZERO_GUID, "0001-01-01", "0001-01-01T00:00:00Z", "_x0020_"})
_CODE_FIELDS = frozenset({"number", "code", "country", "postalCode", "searchName", "companyNumber", "vendorNumber"})


def canonical(value: Any) -> Any:
    """None for every text blank; numbers as int or float of equal value; text without outer spaces."""
    if isinstance(value, str):
        text = value.strip()
        if text in _BLANKS:
            return None
        return text.lower() if len(text) == 36 and _GUID.match(text) else text
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Decimal | float | int):
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


def is_code(bc_field: str) -> bool:
    """Is this BC field of type Code: stored upper-case and trimmed? (wire-protocols A2)"""
    return bc_field in _CODE_FIELDS or bc_field.endswith("Code")


def as_code(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def stored(side: Side, field: str, value: Any) -> Any:
    """The value as a side stores it, canonical: codes of BC are upper-case."""
    found = canonical(value)
    return as_code(found) if side is Side.BC and is_code(field) else found


def blank_like(value: Any) -> Any:
    """BC's blank of the kind of `value`, the value it replaces."""
    if isinstance(value, bool):
        return False
    return 0 if isinstance(value, int | float) else ""
