"""What failures have in common: one cause that hits many records is told once, with a count (pure).

A cause is the mapping, the direction, the code, and the message without what belongs to one record: its ids and its own
values. A missing partner is one cause for all that name it. Conflicts of the same fields are one cause in both
directions: whichever side's change tells them.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from schemas.outcome import Settled
from schemas.side import Direction

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# A quoted word of the kind columns and tables are called by is told of all records alike.
_QUOTED = re.compile(r"(?<!\w)(['\"])(?![a-z_][a-z0-9_]*\1)(?:(?!\1).|\1(?=\w))*\1(?!\w)")
_NUMBER = re.compile(r"(?<![\w#])-?\d+(?:[.,:]\d+)*(?!\w)")
CONFLICT = "update-conflict"
_SHORTEST = 3  # what is shorter stands in any message by chance
_GONE = "…"


def fingerprint(settled: Settled) -> str:
    """The cause of a failure, as twelve hexadecimal digits."""
    problem, waits = settled.problem, settled.waits_for
    code, message = (problem.code, problem.message) if problem else ("", "")
    if settled.clashing:
        parts = [settled.mapping, code, *settled.clashing]
    else:
        named = f"{waits.mapping} {waits.name} {waits.value}" if waits else common(message, _values(settled))
        parts = [settled.mapping, settled.direction.value, code, named]
    return sha256("\n".join(parts).encode(errors="replace")).hexdigest()[:12]


def direction_of(direction: str, code: str) -> str:
    """That of the cause, of a failure that was recorded with these."""
    return Direction.BOTH.value if code == CONFLICT else direction


def common(message: str, own: Iterable[str] = ()) -> str:
    """The message without what belongs to one record; `own` are the values it carries."""
    values = sorted(set(own), key=len, reverse=True)
    if values:
        message = re.sub("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in values), _GONE, message)
    return _NUMBER.sub(_GONE, _QUOTED.sub(_GONE, _GUID.sub(_GONE, message)))


def _values(settled: Settled) -> list[str]:
    row: Mapping[str, Any] = settled.change.after or {}
    texts = (value.strip() for value in row.values() if isinstance(value, str))
    return [one for one in settled.ids() if one] + [text for text in texts if len(text) >= _SHORTEST]
