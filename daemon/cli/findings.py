"""What a comparison has found, for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from schemas.survey import Finding

# Of one job, at most.
MOST = 1000
_WHOSE = {"bc": "Business Central's", "sales": "Sales'", None: "a person decides"}


def record(one: Finding) -> dict[str, Any]:
    return {**asdict(one), "direction": one.direction.value, "detail": dict(one.detail)}


def print_records(found: Sequence[Mapping[str, Any]]) -> None:
    for one in found:
        typer.echo(f"{one['kind']:<10} {one['label']}  {one['bc_id'] or '–'} ↔ {one['sales_id'] or '–'}")
        for each in one["detail"].get("fields", ()):
            if isinstance(each, dict):
                typer.echo(f"  {_apart(each)}")


def _apart(field: Mapping[str, Any]) -> str:
    """A field that differs: both values, and whose a repair takes."""
    bc, sales = (" ".join(str(value) for value in field[side].values()) for side in ("bc", "sales"))
    return f"{field['field']}: {bc!r} ≠ {sales!r}, {_WHOSE[field['use']]}"
