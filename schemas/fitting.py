"""A change that fits into a message: what its record has too much of is left out, by name (promise 7)."""

from dataclasses import replace
from typing import Any

import orjson

from schemas.change import LONGEST, Change, encode

# A broker and its clients take 1,048,576 bytes with all that belongs to a message: its key, headers and frame.
MOST_BYTES = 1_040_000


def fitting(change: Change) -> Change:
    """The change itself, if a message holds it; otherwise without its largest fields, which `left_out` tells.

    An id or a version that is far too long is cut so that whoever reads the message still refuses it.
    """
    if len(encode(change)) <= MOST_BYTES:
        return change
    cut = replace(change, key=change.key[: LONGEST + 1], version=change.version[: LONGEST + 1])
    sizes = {name: len(orjson.dumps({name: value})) for name, value in (change.after or {}).items()}
    left_out = _largest(sizes, len(encode(replace(cut, after={}))) + sum(sizes.values()) - MOST_BYTES)
    after: dict[str, Any] = {name: value for name, value in (cut.after or {}).items() if name not in left_out}
    return replace(cut, after=after if change.after is not None else None, left_out=left_out)


def _largest(sizes: dict[str, int], spare: int) -> dict[str, int]:
    """As many of the largest as make up for so many bytes, each told in a few of its own."""
    found: dict[str, int] = {}
    for name in sorted(sizes, key=lambda one: sizes[one], reverse=True):
        if spare <= 0:
            break
        found[name] = sizes[name]
        spare -= sizes[name] - len(orjson.dumps({name: sizes[name]}))
    return found
