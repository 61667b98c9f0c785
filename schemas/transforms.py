"""Transformation rules: named steps on the source value, applied before anything is compared (DESIGN 4).

A step gets text, except `round` and `at_least`, which get numbers; a blank value (None) passes every step untouched.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from math import isfinite
from typing import Any

import regex

from schemas.chain import FieldLookup, Transform

_Step = Callable[[Any], Any]
_MOST_DECIMALS = 12  # Dataverse keeps no more (B2)
# Seconds that a pattern may look at one value, since all records wait meanwhile (promise 7).
_PATIENCE = 0.1
# As .NET has it, whose title case is BC's: an apostrophe, straight or not, ends no word, and a digit begins none.
_WORD = re.compile(r"[^\W\d_](?:[^\W_]|['’](?=[^\W_]))*")


def _pairs(argument: Any) -> list[tuple[str, str]]:
    if not isinstance(argument, dict) or not argument:
        raise ValueError("it takes a table, such as {from: to}")
    return [(str(old), str(new)) for old, new in argument.items()]


def _replace(argument: Any) -> _Step:
    pairs = _pairs(argument)

    def step(text: str) -> str:
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    return step


def _regex_replace(argument: Any) -> _Step:
    try:
        pairs = [(regex.compile(pattern), new) for pattern, new in _pairs(argument)]
        for pattern, new in pairs:
            regex.compile(f"{pattern.pattern}|").sub(new, "")  # matches nothing, so `new` must make sense by itself
    except (regex.error, IndexError) as error:
        raise ValueError(f"its regular expression is wrong: {error}") from error

    def step(text: str) -> str:
        with _in_time():
            for pattern, new in pairs:
                text = pattern.sub(new, text, timeout=_PATIENCE)
        return text

    return step


def _map(argument: Any) -> _Step:
    """A number stays one: Sales takes its choices as numbers only (D94)."""
    _pairs(argument)
    table = {str(old): new if isinstance(new, int | float) else str(new) for old, new in argument.items()}
    return lambda text: table.get(text, text)


def _substring(argument: Any) -> _Step:
    if not (isinstance(argument, list) and len(argument) == 2 and all(isinstance(n, int) and n >= 0 for n in argument)):
        raise ValueError("it takes [start, length], counted from 0")
    start, length = argument
    return lambda text: text[start : start + length]


def _round(argument: Any) -> _Step:
    if isinstance(argument, bool) or not (isinstance(argument, int) and 0 <= argument <= _MOST_DECIMALS):
        raise ValueError(f"it takes the number of decimals, {_MOST_DECIMALS} at most")
    unit = Decimal(1).scaleb(-argument)

    def step(value: Any) -> float:
        """Halves go up in size, as BC rounds, in the decimals one sees: 1.005 is 1.01."""
        with localcontext(prec=400):  # more digits than any number has
            return float(Decimal(repr(_number(value))).quantize(unit, ROUND_HALF_UP))

    return step


def _at_least(argument: Any) -> _Step:
    smallest = None if isinstance(argument, bool) or not isinstance(argument, int | float) else float(argument)
    if smallest is None or not isfinite(smallest):
        raise ValueError("it takes the smallest number that is carried")
    return lambda value: max(_number(value), smallest)


def _number(value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(f"{value} is no number")
    return number


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ValueError("the regular expression takes too long: avoid a repetition inside a repetition") from error


def _regex_match(argument: Any) -> _Step:
    """The first match, or blank; of a pattern with a group, the group."""
    try:
        pattern = regex.compile(argument)
    except (regex.error, TypeError) as error:
        raise ValueError(f"its regular expression is wrong: {error}") from error

    def step(text: str) -> str | None:
        with _in_time():
            found = pattern.search(text, timeout=_PATIENCE)
        return found.group(1 if pattern.groups else 0) if found else None

    return step


def _format_date(argument: Any) -> _Step:
    if not isinstance(argument, str) or "%" not in argument:
        raise ValueError("it takes a format, such as %d.%m.%Y")
    return lambda text: _moment(text).strftime(argument)


def _date_part(argument: Any) -> _Step:
    if argument not in _PARTS:
        raise ValueError(f"it takes one of {', '.join(_PARTS)}")
    return lambda text: _PARTS[argument](_moment(text))


def _moment(text: str) -> datetime:
    """A date or a time as both sides write them; one without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    "weekday": lambda moment: moment.isoweekday(),
    "week": lambda moment: moment.isocalendar().week,
    "quarter": lambda moment: (moment.month + 2) // 3,
}
_PLAIN: dict[str, _Step] = {
    "trim": str.strip,
    "upper": str.upper,
    "lower": str.lower,
    "title": lambda text: _WORD.sub(lambda word: word[0][0].title() + word[0][1:].lower(), text),
    "unix_time": lambda text: int(_moment(text).timestamp()),
    "alphanumeric": lambda text: "".join(character for character in text if character.isalnum()),
}
_WITH_ARGUMENT: dict[str, Callable[[Any], _Step]] = {
    "at_least": _at_least,
    "replace": _replace,
    "regex_replace": _regex_replace,
    "regex_match": _regex_match,
    "format_date": _format_date,
    "date_part": _date_part,
    "map": _map,
    "substring": _substring,
    "round": _round,
}
# How a step with an argument is written in a file.
EXAMPLES = {
    "at_least": "{at_least: 0}",
    "date_part": "{date_part: year}",
    "format_date": "{format_date: '%d.%m.%Y'}",
    "map": "{map: {DE: Germany}}",
    "regex_match": "{regex_match: '[0-9]+'}",
    "regex_replace": "{regex_replace: {'[^0-9+]': ''}}",
    "replace": "{replace: {Str.: Street}}",
    "round": "{round: 2}",
    "substring": "{substring: [0, 5]}",
}
_NUMERIC = frozenset({"round", "at_least"})
NAMES = tuple(sorted([*_PLAIN, *_WITH_ARGUMENT]))
# The step that needs the couplings of another mapping; its argument is a `FieldLookup`.
LOOKUP = "lookup"


def takes_argument(name: str) -> bool:
    return name in _WITH_ARGUMENT


def compiled(transform: Transform) -> _Step:
    """The step as a function. ValueError says what is wrong with its name or argument."""
    if transform.name in _PLAIN:
        if transform.argument is not None:
            raise ValueError(f"{transform.name} takes no argument")
        return _PLAIN[transform.name]
    if transform.name in _WITH_ARGUMENT:
        try:
            return _WITH_ARGUMENT[transform.name](transform.argument)
        except ValueError as error:
            raise ValueError(f"{transform.name}: {error}") from error
    raise ValueError(f"there is no transformation {transform.name!r}: choose from {', '.join((*NAMES, LOOKUP))}")


def _nothing(step: FieldLookup, value: Any) -> Any:
    raise ValueError(f"nothing is known of {step.mapping}")


def apply(transforms: tuple[Transform, ...], value: Any, look_up: Callable[[FieldLookup, Any], Any] = _nothing) -> Any:
    """The value after the chain; ValueError if a step does not fit it. `look_up` does what a lookup step says."""
    for transform in transforms:
        if value is None:
            return None
        if isinstance(transform.argument, FieldLookup):
            value = look_up(transform.argument, value)
            continue
        try:
            value = compiled(transform)(value if transform.name in _NUMERIC else str(value))
        except (TypeError, ArithmeticError) as error:
            raise ValueError(str(error)) from error
    return value
