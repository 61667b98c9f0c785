"""What failures have in common: one cause that hits many records is told once, with a count (pure).

A cause is the mapping, the direction, the code, and the message without what belongs to one record: its ids, its own
values, and the values of a conflict. A missing partner is one cause for all that name it.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from schemas.outcome import Settled

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# A quoted word of the kind columns and tables are called by is told of all records alike.
_QUOTED = re.compile(r"(?<!\w)(['\"])(?![a-z_][a-z0-9_]*\1)(?:(?!\1).|\1(?=\w))*\1(?!\w)")
_ANY_QUOTED = re.compile(r"(?<!\w)(['\"])(?:(?!\1).|\1(?=\w))*\1(?!\w)|\b(?:None|nothing|True|False)\b")
_NUMBER = re.compile(r"(?<![\w#])-?\d+(?:[.,:]\d+)*(?!\w)")
_CONFLICT = "update-conflict"
_SHORTEST = 3  # what is shorter stands in any message by chance
_GONE = "…"


def fingerprint(settled: Settled) -> str:
    """The cause of a failure, as twelve hexadecimal digits."""
    problem, waits = settled.problem, settled.waits_for
    code = problem.code if problem else ""
    if waits:
        about = f"{waits.mapping} {waits.name} {waits.value}"
    else:
        about = common(code, problem.message if problem else "", _values(settled))
    parts = (settled.mapping, settled.direction.value, code, about)
    return sha256("\n".join(parts).encode(errors="replace")).hexdigest()[:12]


def common(code: str, message: str, own: Iterable[str] = ()) -> str:
    """The message without what belongs to one record; `own` are the values it carries."""
    values = sorted(set(own), key=len, reverse=True)
    if values:
        message = re.sub("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in values), _GONE, message)
    quoted = _ANY_QUOTED if code == _CONFLICT else _QUOTED
    return _NUMBER.sub(_GONE, quoted.sub(_GONE, _GUID.sub(_GONE, message)))


def _values(settled: Settled) -> list[str]:
    row: Mapping[str, Any] = settled.change.after or {}
    texts = (value.strip() for value in row.values() if isinstance(value, str))
    return [one for one in settled.ids() if one] + [text for text in texts if len(text) >= _SHORTEST]
