"""How people call a record, where no mapping says it: by the most telling of its values."""

from collections.abc import Mapping

_TELLING = ("displayName", "name", "fullname", "number", "productnumber", "code")


def named(values: Mapping[str, object]) -> str:
    """The most telling of the values; empty if none of them tells."""
    return next((text for name in _TELLING if isinstance(text := values.get(name), str) and text), "")


def called(values: Mapping[str, object]) -> str:
    """As `named`, else any text."""
    return named(values) or next((text for text in values.values() if isinstance(text, str) and text), "")
