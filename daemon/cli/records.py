"""How records ended, for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daemon.cli.output import say, short
from daemon.cli.progress import ARROWS
from schemas.survey import shown

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from daemon.store.history import EndedRecord
    from schemas.outcome import Outcome

FIRST = 20


def record(one: EndedRecord) -> dict[str, Any]:
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
    found: Sequence[Mapping[str, Any]], job: Mapping[str, Any], outcome: Outcome, everything: bool = False
) -> None:
    """The first of them, or all; how to see the others, or why they are fewer than the job has counted."""
    whole, counted = everything or len(found) <= FIRST, job[outcome.value]
    print_rows(found if whole else found[:FIRST])
    if not whole:
        say(f"… more: coupled job {job['id']} --outcome {outcome.value} --all")
    elif len(found) < counted:
        say(f"{len(found):,} of {counted:,} are listed: what became of a record is kept for store.keep_days.")
    elif not found:
        say(f"No record ended as {outcome.value}.")


def print_rows(found: Sequence[Mapping[str, Any]], mapping: bool = False) -> None:
    """Each in two lines; of several mappings with which it is."""
    for one in found:
        ids = f"{one['bc_id'] or '–'} ↔ {one['sales_id'] or '–'}"
        parts = (short(one["at"]), one["mapping"] if mapping else "", ARROWS[one["direction"]], one["name"], ids)
        say("  ".join(part for part in parts if part))
        say(f"    {became(one['outcome'], one['wrote'], one['overruled'])}")


def became(outcome: str, wrote: Sequence[str], overruled: Mapping[str, Any]) -> str:
    """How it ended, which fields were written, and which values are nowhere any more."""
    fields = f": {', '.join(wrote)}" if wrote else ""
    lost = "".join(f"; {name} {shown(value)} {_lost(wrote, name)}" for name, value in overruled.items())
    return f"{outcome}{fields}{lost}"


def _lost(wrote: Sequence[str], name: str) -> str:
    return "was written over" if name in wrote else "lost to an edit there"
