"""A message nobody could read: how it is kept on the dead-letters topic, and how it is shown and put back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.side import Side
from schemas.topics import Topics
from schemas.visible import visible

# A reason may quote the message: what is longer would make the letter larger than what it keeps.
LONGEST_REASON = 1000
# On a message that was put back: which letter it is from.
ORIGIN = "dead-letter"
Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands or stood."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Key and value are the original's, byte for byte. `number` is the letter's own offset, by which it is named.

    `at_ms`: when it was found unreadable. A letter of an earlier version knows no partition and offset (None). One
    whose message was too large for a letter has only the beginning of it; `size` is what the value had, in bytes.
    """

    number: int
    at_ms: int
    topic: str
    partition: int | None
    offset: int | None
    key: bytes | None
    value: bytes | None
    reason: str
    size: int
    whole: bool = True


def headers(place: Place, reason: str) -> list[tuple[str, bytes]]:
    """What a letter says of its message."""
    return [
        ("topic", place.topic.encode()),
        ("partition", b"%d" % place.partition),
        ("offset", b"%d" % place.offset),
        ("reason", _cut(reason, LONGEST_REASON).encode("utf-8", "backslashreplace")),
    ]


def beginning(value: bytes | None, longest: int) -> tuple[bytes | None, Headers]:
    """Of a value that is too large for a letter, its first bytes, and the header that says so."""
    size = len(value or b"")
    return value and value[:longest], [("cut-from", b"%d" % size)]


def letter(number: int, at_ms: int, key: bytes | None, value: bytes | None, told: Headers) -> DeadLetter:
    """One message of the dead-letters topic; whoever wrote it, and whatever its headers are."""
    texts = {name: raw.decode("utf-8", "backslashreplace") for name, raw in told if raw is not None}
    size = _number(texts.get("cut-from"))
    return DeadLetter(
        number,
        at_ms,
        texts.get("topic", ""),
        _number(texts.get("partition")),
        _number(texts.get("offset")),
        key,
        value,
        texts.get("reason", ""),
        len(value or b"") if size is None else size,
        whole=size is None,
    )


def stuck(letter: DeadLetter, topics: Topics) -> str:
    """Why the letter's message cannot be put back; empty if it can. Only topics that the daemon reads get any."""
    read = (topics.control, *(topics.table(side, "") for side in Side))
    if not letter.topic:
        return "it does not say which topic it came from"
    if letter.topic != topics.control and not letter.topic.startswith(read[1:]):
        return f"it came from {shown(letter.topic)}, which this daemon does not read"
    if not letter.whole:
        return "the message was too large to be kept whole"
    return ""


def text_of(raw: bytes | None) -> str:
    """As UTF-8; what is none stands as `\\xff`."""
    return (raw or b"").decode("utf-8", "backslashreplace")


def shown(text: str, longest: int = 200) -> str:
    """In one line that does nothing to a terminal: control and invisible characters are escaped, the rest is cut."""
    return _cut(visible(text[: longest + 1]), longest)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text) else None
