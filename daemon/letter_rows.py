"""A dead letter as people and programs are shown it: escaped, cut, and without what looks like a secret."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from daemon.letters import PutBack
from daemon.logs import hidden
from schemas.dead_letter import DeadLetter, shown, text_of

# Of a value; what follows is not looked at, however large it is.
_EXCERPT, _LOOKED_AT = 120, 2000


def row_of(one: DeadLetter) -> dict[str, Any]:
    """As `coupled dead-letters list --json` tells it. Nothing in it is longer than an excerpt (promise 10)."""
    return {
        "letter": one.number,
        "at": datetime.fromtimestamp(one.at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "topic": shown(one.topic),
        "partition": one.partition,
        "offset": one.offset,
        "key": None if one.key is None else shown(_safe(one.key)),
        "reason": shown(hidden(one.reason)),
        "bytes": one.size,
        "value": None if one.value is None else shown(_safe(one.value), _EXCERPT),
        "whole": one.whole,
    }


def result_of(done: Sequence[PutBack], wanted: Collection[int]) -> dict[str, list[dict[str, Any]]]:
    """As `coupled dead-letters replay --json` tells it: what of the wanted was put back, and what was not."""
    moved = [{"letter": one.letter.number, **asdict(one.place)} for one in done if one.place]
    why = {one.letter.number: one.why for one in done if not one.place}
    why |= dict.fromkeys(set(wanted) - {one.letter.number for one in done}, "there is no such letter")
    return {"replayed": moved, "left": [{"letter": number, "reason": why[number]} for number in sorted(why)]}


def _safe(raw: bytes) -> str:
    return hidden(text_of(raw[:_LOOKED_AT]))
