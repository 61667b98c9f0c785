"""Problems, as they are kept in a JSON column."""

from collections.abc import Mapping

from schemas.errors import Problem


def as_problem(stored: Mapping[str, str] | None) -> Problem | None:
    """The inverse of `Problem.as_dict`."""
    return None if stored is None else Problem(stored["code"], stored["message"], stored.get("hint", ""))
