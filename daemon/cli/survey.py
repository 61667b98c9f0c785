"""Match, and what surveys have found: matches and dry runs, as counts and as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli import client
from daemon.cli.completion import complete_run
from daemon.cli.desk import Desk, desk_of
from daemon.cli.options import ConfigOption, JsonOption, NamesArgument, NoWaitOption
from daemon.cli.output import print_json, print_table, say
from daemon.cli.progress import ARROWS
from daemon.cli.sending import finish, send, who
from schemas.command import Match
from schemas.command_outcome import CommandOutcome
from schemas.job import RunState
from schemas.side import Side
from schemas.survey import PLAIN, UNCOUPLED, Kind, foretold, parted, said

FIRST = 10
# In the order they are listed: what a person must look at comes last, next to the prompt.
_LISTED = (
    Kind.MATCHED,
    Kind.INSERT,
    Kind.COUPLE,
    Kind.MODIFY,
    Kind.UNCOUPLE,
    Kind.SKIP,
    Kind.UNMATCHED,
    Kind.AMBIGUOUS,
    Kind.CONFLICT,
    Kind.FAIL,
    Kind.DRIFT,
    Kind.HALF,
    Kind.ORPHAN,
    Kind.GONE,
    Kind.DUPLICATE,
)
_TITLES = {
    Kind.MATCHED: "Match",
    Kind.AMBIGUOUS: "Match, but not they alone: left uncoupled",
    Kind.UNMATCHED: "Have no match",
    Kind.INSERT: "Would be inserted",
    Kind.COUPLE: "Would be coupled",
    Kind.MODIFY: "Would be modified",
    Kind.UNCOUPLE: "Would be uncoupled",
    Kind.SKIP: "Would be skipped",
    Kind.CONFLICT: "Conflict",
    Kind.DRIFT: "Differ",
    Kind.HALF: "Coupled or created, and never carried",
    Kind.ORPHAN: "Have lost their partner",
    Kind.GONE: "Coupled, and neither exists",
    Kind.FAIL: "Would fail",
    Kind.DUPLICATE: "Look like duplicates",
    Kind.EQUAL: "Are equal",
    Kind.OUTSIDE: "Are coupled, and out of the filter",
    Kind.UNCHANGED: "Would stay as they are",
    Kind.UNCOUPLED_BC: "Are uncoupled in Business Central",
    Kind.UNCOUPLED_SALES: "Are uncoupled in Sales",
}
AllOption = Annotated[bool, typer.Option("--all", help=f"All records, not only the first {FIRST} of each kind.")]


def match(
    names: NamesArgument = None,
    create: Annotated[
        bool, typer.Option("--create", help="Business Central records without a match get a partner in Sales.")
    ] = False,
    use: Annotated[
        Side | None, typer.Option("--use", help="Whose values both take. Default: each keeps its own for now.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what matches.")] = False,
    everything: AllOption = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Couple uncoupled records of both sides that are the same by `match_on` of their mapping.

    A match counts only if it is the only one on both sides; the others are listed. Nothing is written to either side,
    unless `--use` or `--create` asks for it.
    """
    command = Match(
        id=client.new_id(),
        command="match",
        mappings=names or None,
        create=create,
        dry_run=dry_run,
        use=use,
        requested_by=who(),
    )
    last = send(config, command, no_wait, json)
    if not json:
        show_found(last, config, everything)
    finish(last, json, dry_run=dry_run)


def findings(
    run: Annotated[str, typer.Argument(help="The run's id: `coupled status` shows it.", autocompletion=complete_run)],
    kind: Annotated[Kind | None, typer.Option("--kind", help=f"Only these: {', '.join((*_LISTED, *PLAIN))}.")] = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what a match, a dry run or a comparison has found."""
    desk = desk_of(config)
    if json:
        return print_json(desk.findings(run, [kind] if kind else None, None))
    return _list(desk, run, [kind] if kind else [one.value for one in _LISTED], everything)


def show_found(outcome: CommandOutcome, config: Path | None, everything: bool = False) -> None:
    """Counts by mapping and direction, what is recommended, and the records by kind."""
    if not outcome.run or outcome.state in (RunState.REFUSED, RunState.ACCEPTED):
        return
    rows = [row for job in outcome.jobs for row in count_rows(job)]
    columns = [
        name for name in dict.fromkeys(name for row in rows for name in row) if any(row.get(name) for row in rows)
    ]
    if columns:
        print_table(rows, columns, "")
    desk = desk_of(config)
    _list(desk, outcome.run, [one.value for one in _LISTED], everything)
    for name, what in _recommendations(outcome, desk).items():
        typer.echo(f"Recommended for {name}: {what}")


def count_rows(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A survey's job as lines of a table: one for each direction, and one for what has none."""
    lines: dict[str, dict[str, Any]] = {}
    for name, count in job["found"].items():
        way, kind = parted(name)
        if kind not in UNCOUPLED.values():
            lines.setdefault(way or "both", {})[kind] = count
    order = [way for way in ("to_sales", "to_bc", "both") if any(lines.get(way, {}).values())]
    return [{"mapping": job["mapping"], "direction": ARROWS[way], **lines[way]} for way in order]


def _recommendations(outcome: CommandOutcome, desk: Desk) -> dict[str, str]:
    """Of a dry run, which counts the uncoupled (business-central-sync 4.3)."""
    told = {}
    for job in outcome.jobs:
        existing = desk.couples_existing(job["mapping"]) if Kind.UNCOUPLED_BC in job["found"] else None
        if first := foretold(job["found"], job["read"], existing).first:
            told[job["mapping"]] = first
    return told


def _list(desk: Desk, run: str, kinds: Sequence[str], everything: bool) -> None:
    every = desk.findings(run, kinds, None if everything else FIRST + 1)
    for kind, rows in groupby(every, key=itemgetter("kind")):
        found = list(rows)
        typer.echo(f"\n{_title(kind, found[0]['direction'])}:")
        for one in found if everything else found[:FIRST]:
            say(f"  {one['mapping']:<17}{ARROWS[one['direction']]}  {line(one)}")
        if not everything and len(found) > FIRST:
            typer.echo(f"  … more: coupled findings {run} --kind {kind} --all")


def _title(kind: str, direction: str) -> str:
    """A dry run tells of one direction; what is uncoupled is so in both."""
    if (kind, direction) == (Kind.UNCOUPLE, "both"):
        return "Uncoupled"
    return _TITLES.get(Kind(kind), kind) if kind in set(Kind) else kind


def line(found: Mapping[str, Any]) -> str:
    """A finding in one line: how the record is called, and what there is to say of it."""
    more = said(found["kind"], found["detail"])
    ids = f" ({found['bc_id']} ↔ {found['sales_id']})" if found["bc_id"] and found["sales_id"] else ""
    return f"{found['label']}{ids}{f': {more}' if more else ''}"
