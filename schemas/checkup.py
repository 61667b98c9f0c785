"""What `coupled check` finds before the first run: each with its state, one sentence, and what to do (DESIGN 6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import Exit


class State(StrEnum):
    OK = "ok"
    NOT_TRIED = "not_tried"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Checked:
    """One finding. `away`: what it is about cannot be reached, so what lies behind it is not known."""

    about: str
    what: str
    state: State
    says: str
    fix: str = ""
    away: bool = False

    def as_dict(self) -> dict[str, str]:
        return {"about": self.about, "what": self.what, "state": self.state, "says": self.says, "fix": self.fix}


def fine(about: str, what: str, says: str) -> Checked:
    return Checked(about, what, State.OK, says)


def not_tried(about: str, what: str, says: str) -> Checked:
    """Nothing is known to be wrong, nor to be right: a person compares it."""
    return Checked(about, what, State.NOT_TRIED, says)


def warning(about: str, what: str, says: str, fix: str) -> Checked:
    return Checked(about, what, State.WARNING, says, fix)


def wrong(about: str, what: str, says: str, fix: str) -> Checked:
    return Checked(about, what, State.ERROR, says, fix)


def away(about: str, what: str, says: str, fix: str) -> Checked:
    return Checked(about, what, State.ERROR, says, fix, away=True)


def exit_of(found: Iterable[Checked]) -> Exit:
    """3 comes before 2: behind what cannot be reached there may be more."""
    errors = [one for one in found if one.state is State.ERROR]
    if any(one.away for one in errors):
        return Exit.UNREACHABLE
    return Exit.USAGE if errors else Exit.DONE
