"""The last 24 hours as a picture: a bar for each half hour (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.store.ended import SLOT, Lately, half_hour

HEIGHT, WIDTH = 60, 10
# What there was at all is seen, however much there was at other times.
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Bar:
    """So many changes have ended from `at` on. It stands at `x`; the tallest is as high as HEIGHT."""

    at: datetime
    x: int
    number: int
    height: int


def bars(lately: Lately) -> Sequence[Bar]:
    """The oldest first, the empty ones too."""
    numbers = {slot.at: slot.number for slot in lately.slots}
    most = max(numbers.values(), default=0)
    first = half_hour(lately.since)
    ats = [first + number * SLOT for number in range(timedelta(days=1) // SLOT + 1)]
    return [
        Bar(at, place * WIDTH, numbers.get(at, 0), _height(numbers.get(at, 0), most)) for place, at in enumerate(ats)
    ]


def _height(number: int, most: int) -> int:
    return max(_LEAST, HEIGHT * number // most) if number else 0
