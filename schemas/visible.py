"""Texts of records where a person or a program reads lines: nothing in them moves a cursor or begins another line.

Escaped are control characters (C0, C1), line and paragraph separators, half surrogates, what turns the direction of
writing, and what has no glyph at all. Spaces of any width stay, and the joiners that emoji and some scripts need.
"""

import json
import unicodedata
from collections.abc import Callable

_JOINERS = "\u200c\u200d"


def visible(text: str, keep: str = "") -> str:
    """The text with such characters as Python writes them (`\\x1b`), but for those of `keep`."""
    return _escaped(text, keep, lambda one: one.encode("unicode_escape").decode())


def visible_json(document: str) -> str:
    """A JSON document that says the same; its own line ends stay."""
    return _escaped(document, "\n", lambda one: json.dumps(one)[1:-1])


def _escaped(text: str, keep: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    kept = _JOINERS + keep
    return "".join(one if one.isprintable() or one in kept or _space(one) else escape(one) for one in text)


def _space(one: str) -> bool:
    return unicodedata.category(one) == "Zs"
