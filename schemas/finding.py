"""What `mappings check` finds: each with its place in the file and what to do."""

from dataclasses import dataclass
from enum import StrEnum

Place = tuple[int | str, ...]


class Level(StrEnum):
    """An error would stop the daemon or fail every record; a warning may fail some."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    place: Place
    message: str
    hint: str = ""


def wrong(place: Place, message: str, hint: str = "") -> Finding:
    return Finding(Level.ERROR, place, message, hint)
