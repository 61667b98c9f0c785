"""Commands that only look: they read the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from daemon.cli import failures, findings, records
from daemon.cli.completion import complete_cause, complete_code, complete_job, complete_mapping
from daemon.cli.desk import desk_of
from daemon.cli.options import ConfigOption, JsonOption, NamesArgument
from daemon.cli.output import print_json as _json
from daemon.cli.output import print_table as _print
from daemon.cli.output import say, short
from daemon.cli.progress import ARROWS, counts
from daemon.cli.progress import found as kinds
from daemon.cli.standing import behind, sides, throughput, to_do
from schemas.errors import Exit
from schemas.job import JobState
from schemas.outcome import Outcome

# Of a job's document: what is listed below its lines.
_LISTS = ("failures", "findings", "records")
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most this many.")]


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it anew all the time, until q or Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=0.5, help="With --watch: seconds between looks.")] = 2,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the runs, every mapping's state, lag, couplings and open failures, and what waits for a person.

    With `--watch` also both sides, and what is running with its progress; it needs a terminal.
    """
    if watch:
        from daemon.cli.watch import watch as keep_watching

        return keep_watching(config, interval, json)
    found = desk_of(config).standing()
    if json:
        return _json(found)
    shown = [
        {**one, "direction": ARROWS[one["direction"]], "behind": "paused" if one["paused"] else behind(one["lag"])}
        for one in found["mappings"]
    ]
    _print(shown, ("name", "direction", "only_coupled", "paused", "couplings", "failures", "behind"), "Mappings")
    if found["runs"]:
        _print(found["runs"], ("id", "kind", "state"), "Runs, newest first")
    for line in (throughput(found), *sides(found), *to_do(found)):
        say(line)
    return None


def jobs(
    names: NamesArgument = None,
    state: Annotated[JobState | None, typer.Option("--state", help="Only those in this state.")] = None,
    with_failures: Annotated[bool, typer.Option("--failures", help="Only those that records failed in.")] = False,
    limit: Limit = 20,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the integration synchronisation jobs, newest first."""
    found = desk_of(config).jobs(names or (), state, with_failures, limit)
    if json:
        return _json(found)
    shown = [
        {**row, "direction": ARROWS[row["direction"]], "started": short(row["started"]), "records": counts(row)}
        for row in found
    ]
    _print(shown, ("id", "mapping", "direction", "state", "started", "records", "run"), "Synchronisation jobs")
    return None


def job(
    job_id: Annotated[
        int, typer.Argument(metavar="ID", help="The number in `coupled jobs`.", autocompletion=complete_job)
    ],
    outcome: Annotated[
        Outcome | None, typer.Option("--outcome", help="The records with this outcome instead, newest first.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"With --outcome: all of them, not only the first {records.FIRST}.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show one synchronisation job, the records that failed in it, and what a comparison has found; or, with
    `--outcome`, the records with that outcome and the fields that were written."""
    if everything and not outcome:
        raise typer.BadParameter("--all needs --outcome")
    desk = desk_of(config)
    found = desk.job(job_id)
    if outcome:
        found["records"] = desk.records(job_id, outcome, None if everything or json else records.FIRST + 1)
    if json:
        return _json(found)
    _tell(found)
    if outcome:
        records.print_records(found["records"], found, outcome, everything)
    else:
        _trouble(found)
    return None


def ended(
    names: NamesArgument = None,
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="Only what ended so, unchanged and all.")] = None,
    limit: Limit = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List how records ended in the last 24 hours, newest first: those that were inserted, modified, deleted, coupled
    or uncoupled, with the fields that were written; or with `--outcome` what ended so."""
    found = desk_of(config).ended(names or (), outcome, limit)
    if json:
        return _json(found)
    records.print_rows(found, mapping=True)
    if not found:
        say("No record ended so in the last 24 hours.")
    return None


def errors(
    names: NamesArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="The records one by one.")] = False,
    cause: Annotated[
        str | None, typer.Option("--cause", help="The records of this cause one by one.", autocompletion=complete_cause)
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", help="Only what failed with this code.", autocompletion=complete_code)
    ] = None,
    blanks: Annotated[bool, typer.Option("--blanks", help="What went across without a record it names.")] = False,
    limit: Limit = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what could not be synchronised, by cause: how many records, why, and what to do. Exit 1 if there is any.
    With `--blanks` what is no failure: records that went across without one they name, since it is not coupled."""
    desk, one_by_one = desk_of(config), everything or cause is not None
    if blanks:
        found = desk.blanks(names or (), limit)
    elif one_by_one:
        found = desk.failures(names or (), cause, code, limit)
    else:
        found = desk.causes(names or (), code, limit)
    if json:
        _json(found)
    elif blanks:
        failures.print_blanks(found)
    elif one_by_one:
        failures.print_records(found)
    else:
        failures.print_causes(found)
    raise typer.Exit(Exit.FAILED_RECORDS if found and not blanks else Exit.DONE)


def couplings(
    name: Annotated[str, typer.Argument(help="A mapping.", autocompletion=complete_mapping)],
    search: Annotated[str, typer.Option(help="Only those with this id, number or value.")] = "",
    limit: Limit = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List a mapping's couplings: both ids and the names they are known by."""
    found = desk_of(config).couplings(name, search, limit)
    if json:
        return _json(found)
    shown = [
        {
            "name": row["name"],
            "references": " ".join(row["references"].values()),
            "updated": short(row["updated"]),
            "bc_id ↔ sales_id": f"{row['bc_id']} ↔ {row['sales_id']}",
        }
        for row in found
    ]
    _print(shown, ("name", "references", "updated", "bc_id ↔ sales_id"), f"Couplings of {name}")
    return None


def _tell(found: Mapping[str, Any]) -> None:
    """The job itself."""
    told = {**found, "found": kinds(found)}
    if found["finished"]:
        del told["total"]  # how many were expected, before they were read
    for name, value in told.items():
        if name not in _LISTS and value not in (None, "", 0, {}):
            say(f"{name:>10}  {_told(name, value)}")


def _trouble(found: Mapping[str, Any]) -> None:
    if found["failures"] or not found["skipped"]:
        failures.print_records(found["failures"])
    else:
        say(f"None failed anew; why some are skipped: coupled errors {found['mapping']}")
    findings.print_records(found["findings"], found["run"])


def _told(name: str, value: Any) -> str:
    """A value of a job, as people read it."""
    if name == "direction":
        return ARROWS[value]
    if name in ("started", "finished"):
        return short(value)
    return ", ".join(f"{count} {kind}" for kind, count in value.items()) if name == "found" else value
