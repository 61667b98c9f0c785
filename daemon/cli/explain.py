"""`coupled explain`: why one record is, or is not, in step; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.desk import desk_of
from daemon.cli.failures import again
from daemon.cli.options import ConfigOption, JsonOption, NameArgument
from daemon.cli.output import print_json, print_table, say
from daemon.cli.progress import ARROWS
from daemon.cli.records import became
from schemas.errors import Exit
from schemas.side import Side
from schemas.survey import shown

if TYPE_CHECKING:  # slow to import, and `--help` does not need it
    from schemas.explanation import Event, Explanation, FieldRow, Held, Trouble

# Of what became of it; `--json` and the console tell more.
_EVENTS = 5
_COLUMNS = ("field", "Business Central", "Sales", "last agreed", "changed", "wins")


def explain(
    name: NameArgument,
    record: Annotated[str, typer.Argument(metavar="ID", help="Either side's id, or its number, code or text.")],
    everything: Annotated[bool, typer.Option("--all", help="All fields, also those that are alike.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say why a record is, or is not, in step, and what to do. Reads both sides; changes nothing.

    Exit 0: in step; 1: not; 2: no such record or mapping; 3: a side or the store cannot be reached.
    """
    found = desk_of(config).explain(name, record)
    if json:
        print_json(found)
    else:
        _page(found, everything)
    raise typer.Exit(Exit.DONE if found.in_step else Exit.FAILED_RECORDS)


def _page(found: Explanation, everything: bool) -> None:
    for side in Side:
        held = found.side(side)
        there = "" if held.there else "not there" if held.id else "no partner"
        outside = f"outside the filter: {held.filter}" if held.in_filter is False else ""
        told = ", ".join(part for part in (held.name, held.id or "", there, outside) if part)
        say(f"{side.label:<17} {told}")
        if held.version or held.known_version:
            say(f"{'':<17} {_versions(held)}")
    for line in _history(found):
        say(line)
    rows = [_row(one) for one in found.fields if everything or one.differs]
    if rows and found.bc.there and found.sales.there:
        say("")
        print_table(rows, _COLUMNS, "Fields" if everything else "Fields that differ")
        reasons = [one for one in found.fields if one.says]
        for one in reasons if len(reasons) > 1 else ():
            say(f"  {one.field}: {one.says}")
    for would in found.would:
        if would.does != "nothing":
            written = ", ".join(f"{name} {shown(value)}" for name, value in would.fields.items())
            say(f"{ARROWS[would.direction]}  would {would.does} {written or would.says}".rstrip())
    say("")
    say(found.says)
    for line in (found.next, _again(found)):
        if line:
            say(f"  → {line}")


def _again(found: Explanation) -> str:
    """The command for a failure that is open, unless what is to be done next names one."""
    if "coupled retry" in found.next:
        return ""
    told = (again(found.mapping, found.bc.id or found.sales.id, one.state) for one in found.failures)
    return next((command for command in told if command), "")


def _versions(held: Held) -> str:
    if not held.version:
        return f"was version {held.known_version}"
    if not held.known_version:
        return f"version {held.version}"
    since = f"written since version {held.known_version}, the last seen" if held.written_since else "as last seen"
    return f"version {held.version}, {since}"


def _history(found: Explanation) -> Iterator[str]:
    """What became of it lately, the newest first, and the last failure of each direction."""
    if found.coupled_at:
        yield f"{'Coupled':<17} {_at(found.coupled_at)}, last synchronised {_at(found.synchronised_at)}"
    for event in found.history[:_EVENTS]:
        yield f"{_at(event.at):<17} {ARROWS[event.direction]}  {_became(event)}".rstrip()
    for one in found.failures:
        yield f"{'Failure':<17} {ARROWS[one.direction]}  {one.problem.code}  ({one.state}), {_ended(one)}"


def _became(event: Event) -> str:
    told = became(event.outcome.value, event.wrote, event.overruled)
    return f"{told} (job {event.job})" if event.job else told


def _ended(one: Trouble) -> str:
    tries = f"{one.attempts} attempt{'' if one.attempts == 1 else 's'}, the last {_at(one.last_at)}"
    if one.resolved_at:
        return f"resolved {_at(one.resolved_at)}"
    return f"{tries}, again {_at(one.again_at)}" if one.again_at else tries


def _row(one: FieldRow) -> dict[str, Any]:
    changed = ", ".join(side.label for side in one.changed)
    wins = one.wins.label if one.wins else "nobody" if one.differs and len(one.changed) > 1 else ""
    agreed = _values(one.agreed_bc, one.names) if one.agreed_bc == one.agreed_sales else _both(one)
    now = {"Business Central": _values(one.bc, one.names), "Sales": _values(one.sales, one.names)}
    return {"field": one.field, **now, "last agreed": agreed, "changed": changed, "wins": wins}


def _both(one: FieldRow) -> str:
    told = [_values(values, one.names) for values in (one.agreed_bc, one.agreed_sales) if values]
    return " / ".join(dict.fromkeys(told))


def _values(values: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """A record that is named by its id is called by its name as well."""
    return " + ".join(f"{names[value]} ({value})" if value in names else shown(value) for value in values.values())


def _at(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""
