"""Failed records, and what they have in common, as `coupled errors` and `coupled job` show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daemon.cli.output import say
from daemon.cli.progress import ARROWS

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from daemon.store.blanks import Blank
    from daemon.store.views import Failure, FailureCause

# Of these nothing is carried again by itself.
_LEFT = ("failed", "skipped", "conflict")


def record(row: Failure) -> dict[str, Any]:
    return {
        "mapping": row.mapping,
        "direction": row.direction.value,
        "outcome": row.outcome.value,
        "state": row.state,
        "bc_id": row.bc_id,
        "sales_id": row.sales_id,
        "name": row.name,
        **row.problem.as_dict(),
        "attempts": row.attempts,
        "last_at": row.last_at.isoformat(),
        "again_at": row.again_at.isoformat() if row.again_at else None,
    }


def cause(one: FailureCause) -> dict[str, Any]:
    return {
        "cause": one.id,
        "count": one.count,
        "mapping": one.mapping,
        "direction": one.direction.value,
        **one.problem.as_dict(),
        "last_at": one.last_at.isoformat(),
        "examples": [record(row) for row in one.examples],
    }


def print_records(found: Sequence[Mapping[str, Any]]) -> None:
    for row in found:
        place = f"{row['mapping']} {ARROWS[row['direction']]}  {_record(row)}"
        say(f"{place}  {row['code']}  ({row['state']})")
        _say(row, again(row["mapping"], row["bc_id"] or row["sales_id"], row["state"]))
    if not found:
        say("No failed records.")


def print_causes(found: Sequence[Mapping[str, Any]]) -> None:
    """Up to three records under each cause; where there are more, how to see them all. The cause's id is what other
    commands name it by."""
    for one in found:
        number = f"{one['count']:,} record{'' if one['count'] == 1 else 's'}"
        say(f"{number}  {one['mapping']} {ARROWS[one['direction']]}  {one['code']}  (cause {one['cause']})")
        left = next((row["state"] for row in one["examples"] if row["state"] in _LEFT), "")
        _say(one, _command(f"--cause {one['cause']}", left))
        for row in one["examples"]:
            say(f"      {_record(row)}  ({row['state']})")
        if one["count"] > len(one["examples"]):
            say(f"      … coupled errors --cause {one['cause']}")
    if not found:
        say("No failed records.")


def blank(one: Blank) -> dict[str, Any]:
    """`waits_for`: the mapping, and the name of its record by which it is looked up."""
    return {
        "mapping": one.mapping,
        "direction": one.direction.value,
        "id": one.key,
        "waits_for": {"mapping": one.waits_for.mapping, one.waits_for.name: one.waits_for.value},
        "again_at": one.again_at.isoformat() if one.again_at else None,
    }


def print_blanks(found: Sequence[Mapping[str, Any]]) -> None:
    for one in found:
        named = " ".join(str(value) for value in one["waits_for"].values())
        again = f", which is coupled: again at {one['again_at']}" if one["again_at"] else ", which is not coupled"
        say(f"{one['mapping']} {ARROWS[one['direction']]}  {one['id']}  went across without {named}{again}")
    if not found:
        say("Nothing went across with a blank for want of a coupling.")


def _record(row: Mapping[str, Any]) -> str:
    """By its name, if it has one, and by the id under which it is asked for."""
    return "  ".join(one for one in (row["name"], row["bc_id"] or row["sales_id"]) if one)


def again(mapping: str, record: str | None, state: str) -> str:
    """The command that carries the record again; empty where that is done by itself, or nothing is open."""
    return _command(f"{mapping} --record {record}", state) if record else ""


def _command(chosen: str, state: str) -> str:
    if state not in _LEFT:
        return ""
    return f"coupled retry {chosen}{' --use bc (or sales)' if state == 'conflict' else ''}"


def _say(row: Mapping[str, Any], command: str) -> None:
    say(f"    {row['message']}")
    for line in (row["hint"], command):
        if line:
            say(f"    → {line}")
