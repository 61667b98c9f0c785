"""What both desks tell in the same words: rows, and what there is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.errors import Refused, Unreachable


def each(names: Sequence[str] | None) -> Sequence[str | None]:
    """None is all of them."""
    return names or (None,)


def coupling(bc_id: str, sales_id: str, name: str, references: Mapping[str, str], updated: datetime) -> dict[str, Any]:
    ids = {"bc_id": bc_id, "sales_id": sales_id}
    return {**ids, "name": name, "references": dict(references), "updated": updated.isoformat()}


def newest(jobs: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Of jobs that were read mapping by mapping."""
    return sorted(jobs, key=lambda job: int(job["id"]), reverse=True)[:limit]


def no_job(number: int) -> Refused:
    return Refused("job-unknown", f"There is no job {number}.", "`coupled jobs` lists them.")


def no_run(run: str) -> Refused:
    return Refused("run-unknown", f"There is no run {run!r}.", "`coupled status` lists the runs.")


def no_mapping(name: str) -> Refused:
    return Refused("mapping-unknown", f"There is no mapping {name!r}.", "`coupled status` lists them.")


def nobody_answers(seconds: float) -> Unreachable:
    return Unreachable(
        "no-daemon-answered",
        f"No daemon took the command up within {seconds:.0f} s; it stays on the control topic.",
        "Start a daemon with `coupled run`, or look at its log.",
    )
