"""How a mapping is set at the moment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flags:
    """The file's settings, overridden by runs, answers and pauses."""

    only_coupled: bool
    paused: bool
