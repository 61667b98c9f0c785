"""What a job has done with its records, for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daemon.cli.output import say, short
from daemon.cli.progress import ARROWS
from schemas.survey import shown

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from daemon.store.history import JobRecord
    from schemas.outcome import Lasting

FIRST = 20


def record(one: JobRecord) -> dict[str, Any]:
    return {
        "mapping": one.mapping,
        "direction": one.direction.value,
        "outcome": one.outcome.value,
        "bc_id": one.bc_id,
        "sales_id": one.sales_id,
        "name": one.name,
        "at": one.at.isoformat(),
        "wrote": list(one.wrote),
        "overruled": dict(one.overruled),
    }


def print_records(
    found: Sequence[Mapping[str, Any]], job: Mapping[str, Any], outcome: Lasting, everything: bool = False
) -> None:
    """The first of them, or all; how to see the others, or why they are fewer than the job has counted."""
    whole, counted = everything or len(found) <= FIRST, job[outcome.value]
    for one in found if whole else found[:FIRST]:
        ids = f"{one['bc_id'] or '–'} ↔ {one['sales_id'] or '–'}"
        say("  ".join(part for part in (short(one["at"]), ARROWS[one["direction"]], one["name"], ids) if part))
        say(f"    {became(one['outcome'], one['wrote'], one['overruled'])}")
    if not whole:
        say(f"… more: coupled job {job['id']} --outcome {outcome.value} --all")
    elif len(found) < counted:
        say(f"{len(found):,} of {counted:,} are listed: what became of a record is kept for store.keep_days.")
    elif not found:
        say(f"No record was {outcome.value}.")


def became(outcome: str, wrote: Sequence[str], overruled: Mapping[str, Any]) -> str:
    """How it ended, which fields were written, and which values are nowhere any more."""
    fields = f": {', '.join(wrote)}" if wrote else ""
    lost = "".join(f"; {name} {shown(value)} {_lost(wrote, name)}" for name, value in overruled.items())
    return f"{outcome}{fields}{lost}"


def _lost(wrote: Sequence[str], name: str) -> str:
    return "was written over" if name in wrote else "lost to an edit there"
