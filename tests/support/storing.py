"""What each side makes of a value it is given, modelled on wire-protocols A2 and B2, and values that are hard to carry.

`stored` is what the side shows of the value afterwards; it refuses, by an assertion, what the side would refuse.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from hypothesis import strategies as st

from schemas.canonical import ZERO_GUID
from schemas.side import Side

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A field's kind on both sides, with the length or the number of decimals of each."""

    name: str
    bc: int = 0
    sales: int = 0


def units(text: str) -> int:
    """The length of a text as .NET counts it."""
    return len(text.encode("utf-16-le")) // 2


def _moment(value: str, timespec: str) -> str:
    moment = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec=timespec) + "Z"


def _number(value: Any) -> Any:
    assert isinstance(value, int | float), value
    return int(value) if float(value).is_integer() else value


def _short(text: Any, length: int) -> str:
    assert isinstance(text, str), text
    assert units(text) <= length, f"{text!r} is longer than {length}"
    return text


def _upper(text: str) -> str:
    """.NET maps letter by letter."""
    return "".join(big if len(big := letter.upper()) == 1 else letter for letter in text)


def in_bc(kind: Kind, value: Any) -> Any:
    assert value is not None, "BC has no nulls"
    makers: dict[str, Callable[[], Any]] = {
        "text": lambda: _short(value, kind.bc),
        "code": lambda: _short(_upper(str(value).strip(" ")), kind.bc),
        "number": lambda: _number(value),
        "bool": lambda: bool(value),
        "date": lambda: datetime.fromisoformat(value).date().isoformat(),
        "moment": lambda: _moment(value, "milliseconds") if value[:4] != "0001" else "0001-01-01T00:00:00Z",
        "enum": lambda: value or "_x0020_",
    }
    return makers[kind.name]()


def in_sales(kind: Kind, value: Any) -> Any:
    """Blank text is null (D90)."""
    makers: dict[str, Callable[[], Any]] = {
        "text": lambda: _short(value, kind.sales) or None,
        "code": lambda: _short(value, kind.sales) or None,
        "number": lambda: float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-kind.sales), ROUND_HALF_EVEN)),
        "bool": lambda: value,
        "date": lambda: datetime.fromisoformat(value).date().isoformat(),
        "moment": lambda: _moment(value, "seconds"),
        "enum": lambda: _whole(value),
    }
    return None if value is None else makers[kind.name]()


def _whole(value: Any) -> int:
    assert isinstance(value, int), f"an option set takes numbers only: {value!r}"
    return value


def storing(side: Side, kinds: Mapping[str, Kind]) -> Callable[[Row], dict[str, Any]]:
    """What a side makes of a whole row; fields without a kind are kept as they are."""
    stored = in_bc if side is Side.BC else in_sales
    return lambda row: {name: stored(kinds[name], value) if name in kinds else value for name, value in row.items()}


_EPOCH = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)
# Letters that grow or change when their case does, marks that join, blanks that are no spaces, pairs of UTF-16 units.
_NASTY = [*"aZ09 -'&.ßİıŉﬁΣςǆé\u0301Å中ﷺ𝔘", "e\u0301", "👍", "👩\u200d🚒"]
_BLANKS = ["  ", "\u00a0", "\u2003", "\u3000", "\t", "\u200b", "\ufeff"]
_ODD = ["", " ", "_x0020_", ZERO_GUID, ZERO_GUID.upper(), "0001-01-01", "AAAAAAAA-0000-4000-8000-00000000CAFE", "nan"]
_ODD += ["2020-08-21T07:38:44.293Z", "1e-7", "null", "0", "-0", "ANNA MARIA  VON DER  AU", "x" * 40 + " y"]


def texts(length: int) -> st.SearchStrategy[str]:
    """At most `length` UTF-16 units, often at just that length."""
    some = st.lists(st.sampled_from([*_NASTY, *_NASTY, *_BLANKS]), max_size=length).map("".join)
    long = st.lists(st.sampled_from([*_NASTY, *_BLANKS]), min_size=length // 2, max_size=length).map("".join)
    return (some | long | st.sampled_from(_ODD)).filter(lambda text: units(text) <= length)


numbers = st.sampled_from(
    [0, -0.0, 1e-7, 0.1, 0.10, 1.005, 2.675, 1.00005, 1.23456, 12.3456, 999999999999.99, 10**15, -5, 1e15]
) | st.floats(-1e9, 1e9, allow_nan=False)
dates = st.dates().map(lambda day: day.isoformat())
moments = st.integers(-6_800_000_000_000, 253_000_000_000_000).map(
    lambda ms: (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"
)
