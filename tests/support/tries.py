"""How many examples hypothesis tries."""

from __future__ import annotations

import os

from hypothesis import settings

# `make check` is for every save: it divides the numbers by this. `make test` tries them all.
_HASTE = int(os.environ.get("COUPLED_HASTE", "1"))
_FEWEST = 5


def number(examples: int) -> int:
    """So many, or fewer in haste."""
    return max(min(_FEWEST, examples), examples // _HASTE)


def tries(examples: int) -> settings:
    """To decorate a property with."""
    return settings(max_examples=number(examples))
