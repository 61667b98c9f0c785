"""One form for values that mean the same, so that equality is a plain `==` (wire-protocols C35).

BC has no nulls: its blanks are "", 0, false, the zero GUID and the year 1. Dataverse has nulls. Code fields are
upper-case and trimmed; GUIDs compare without case; money comes with any number of decimals; moments are kept to the
millisecond by BC and to the second by Dataverse.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from schemas.side import Side

ZERO_GUID = "00000000-0000-0000-0000-000000000000"
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")
_BLANK_DATE, _BLANK_MOMENT = "0001-01-01", "0001-01-01T00:00:00Z"
_BLANKS = frozenset({"", ZERO_GUID, _BLANK_DATE, _BLANK_MOMENT, "_x0020_"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})\Z")
_STORABLE = 2**63
_CODE_FIELDS = frozenset(
    {"number", "code", "country", "postalCode", "searchName", "companyNumber", "vendorNumber", "gtin"}
    | {"primaryContactNumber"}  # of a custom API page: docs/setup.md
)


def canonical(value: Any) -> Any:
    """None for every text blank; numbers as int or float of equal value; moments in UTC, to the second; text without
    outer spaces."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) == 36 and _GUID.match(text):
            text = text.lower()
        elif text[10:11] == "T" and _MOMENT.match(text):
            text = _to_the_second(text)
        return None if text in _BLANKS else text
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    if isinstance(value, Decimal | float):
        number = float(value)
        return int(number) if number.is_integer() and abs(number) < _STORABLE else number
    return value


def _to_the_second(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # looks like a moment, and is none
        return text
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def is_code(bc_field: str) -> bool:
    """Is this BC field of type Code: stored upper-case and trimmed? (wire-protocols A2)"""
    return bc_field in _CODE_FIELDS or bc_field.endswith("Code")


def as_code(value: Any) -> Any:
    """Upper case as BC's platform makes it: letter by letter, so that no text grows (`ß` stays)."""
    if not isinstance(value, str):
        return value
    upper = value.upper()
    if len(upper) == len(value):
        return upper
    return "".join(big if len(big := letter.upper()) == 1 else letter for letter in value)


def stored(side: Side, field: str, value: Any) -> Any:
    """The value as a side stores it, canonical: codes of BC are upper-case."""
    found = canonical(value)
    return as_code(found) if side is Side.BC and is_code(field) else found


def blank_like(value: Any) -> Any:
    """BC's blank of the kind of `value`, the value it replaces."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return 0
    return _blank_text(value) if isinstance(value, str) else ""


def _blank_text(value: str) -> str:
    """A date, a moment and an id have blanks of their own, and are refused any other (A2)."""
    if _DATE.match(value):
        return _BLANK_DATE
    if _MOMENT.match(value):
        return _BLANK_MOMENT
    return ZERO_GUID if _GUID.match(value) else ""


def cut(text: str, length: int) -> str:
    """At most `length` long as both services count, in UTF-16 units; a character is never halved."""
    if len(text) * 2 <= length or text.isascii():
        return text[:length]
    return text.encode("utf-16-le", "surrogatepass")[: 2 * length].decode("utf-16-le", "ignore")
