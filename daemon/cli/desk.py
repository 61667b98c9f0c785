"""What the commands ask of a daemon, and how it is reached: by Kafka and the store, or (`--url`) by its API."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

if TYPE_CHECKING:  # slow to import, and `--help` does not need them
    from schemas.checkup import Checked
    from schemas.command import Command
    from schemas.command_outcome import CommandOutcome
    from schemas.explanation import Explanation
    from schemas.job import JobState
    from schemas.outcome import Outcome

# What `--url` or COUPLED_URL says for the command that runs now.
_url: ContextVar[str] = ContextVar("url", default="")
# These are about this machine or its files, whatever daemon is asked elsewhere.
_HERE = frozenset({"run", "demo", "sandbox", "notify", "mappings"})
Row = dict[str, Any]


class Desk(Protocol):
    """Answers are what `--json` prints, lists newest first. Refused: there is no such mapping, job or run. Unreachable:
    what is to be asked does not answer."""

    def follow(self, command: Command) -> Iterator[CommandOutcome]:
        """Gives the command, then yields its outcomes up to the final one."""
        ...

    def standing(self) -> Row:
        """The newest runs, every mapping and both sides, as `daemon.cli.standing` tells them."""
        ...

    def check(self) -> Sequence[Checked]:
        """What has to be right before the first run, looked at anew from where the daemon is, or is to be."""
        ...

    def jobs(self, names: Sequence[str], state: JobState | None, failures: bool, limit: int) -> list[Row]:
        """Of these mappings and in this state, if they are given; with `failures` those that records failed in."""
        ...

    def job(self, number: int) -> Row:
        """With the records that failed in it, and what it has found."""
        ...

    def records(self, job: int, outcome: Outcome, limit: int | None) -> list[Row]:
        """Of a job, those with this outcome."""
        ...

    def ended(self, names: Sequence[str], outcome: Outcome | None, limit: int) -> list[Row]:
        """How records ended in the last 24 hours, `limit` of each mapping that is named; without an outcome those that
        were changed."""
        ...

    def failures(self, names: Sequence[str], cause: str | None, code: str | None, limit: int) -> list[Row]:
        """Open failures one by one; `limit` of each mapping that is named."""
        ...

    def causes(self, names: Sequence[str], code: str | None, limit: int) -> list[Row]:
        """The same by what they have in common."""
        ...

    def blanks(self, names: Sequence[str], limit: int) -> list[Row]: ...

    def couplings(self, name: str, search: str, limit: int) -> list[Row]: ...

    def findings(self, run: str, kinds: Sequence[str] | None, limit: int | None) -> list[Row]:
        """What a run has found, in its order; `limit` of each kind that is named."""
        ...

    def couples_existing(self, name: str) -> bool | None:
        """Whether a mapping couples what is there already; None if there is no such mapping."""
        ...

    def explain(self, name: str, record: str) -> Explanation:
        """Why a record is, or is not, in step. Reads both sides. Refused if there is no such record either."""
        ...

    def letters(self, topic: str, limit: int | None = None) -> list[Row]:
        """Dead letters, of all topics or of one that is named with or without its prefix."""
        ...

    def put_back(self, numbers: Collection[int]) -> Row:
        """Puts letters back where they came from: which are `replayed`, and which are `left`."""
        ...


def use(url: str, command: str | None, *, said: bool) -> None:
    """Whom the command asks. `said`: on the command line, and not by the environment."""
    if url and said and command in _HERE:
        raise typer.BadParameter(f"`coupled {command}` asks no daemon elsewhere: leave --url out")
    _url.set(url)


def address() -> str:
    """Of the daemon that the command asks by its API; empty: it is reached by Kafka and the store."""
    return _url.get()


def desk_of(config: Path | None) -> Desk:
    """ConfigurationError if the configuration, the address or the password cannot be used."""
    from daemon.cli.client import settings_of

    if url := address():
        from daemon.cli.remote import Remote

        return Remote(url, config)
    from daemon.cli.direct import Direct

    return Direct(settings_of(config))
