"""What a comparison has found, for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from daemon.cli.output import say
from schemas.survey import sentences

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from schemas.survey import Finding

# Of one job, as JSON and for the eye.
MOST, FIRST = 1000, 20
SHOWN = ("kind", "direction", "bc_id", "sales_id", "label", "detail")


def record(one: Finding) -> dict[str, Any]:
    return {**asdict(one), "direction": one.direction.value, "detail": dict(one.detail)}


def print_records(found: Sequence[Mapping[str, Any]], run: str) -> None:
    """The first of them, and how to see the others."""
    for one in found[:FIRST]:
        say(f"{one['kind']:<10} {one['label']}  {one['bc_id'] or '–'} ↔ {one['sales_id'] or '–'}")
        for sentence in sentences(one["kind"], one["detail"]):
            say(f"  {sentence}")
    if len(found) > FIRST:
        say(f"… more: coupled findings {run} --all")
