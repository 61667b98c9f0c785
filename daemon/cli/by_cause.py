"""Commands for all records of a cause: how many there are is said before anything is done."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from daemon.cli.desk import desk_of
from schemas.errors import Exit

# More causes than anybody has; of mappings that have many more records.
_MOST = 10_000


def confirm_causes(config: Path | None, causes: Sequence[str], what: str) -> None:
    """Asks whether that is to be done for so many records; ends the command if not, or if nobody can be asked."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to confirm on: say --yes")
    known = {one["id"]: one["count"] for one in desk_of(config).causes((), None, _MOST)}
    number = sum(known.get(one, 0) for one in causes)
    if not typer.confirm(f"{what} {number:,} failed record{'s' if number != 1 else ''}?", default=False, err=True):
        raise typer.Exit(Exit.USAGE)
