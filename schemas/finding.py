"""What `mappings check` finds: each with its place in the file and what to do."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import ConfigurationError

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


class MappingsInvalid(ConfigurationError):
    """A mappings file that cannot be used: `findings` are all its mistakes with their lines."""

    def __init__(self, code: str, message: str, hint: str, findings: tuple[tuple[int, Finding], ...]) -> None:
        super().__init__(code, message, hint)
        self.findings = findings
