"""Commands that change something: sent on the control topic, followed to their outcome."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import client
from daemon.cli.by_cause import confirm_causes
from daemon.cli.completion import complete_answerable, complete_cause
from daemon.cli.desk import desk_of
from daemon.cli.options import ConfigOption, JsonOption, NamesArgument, NoWaitOption, RecordOption
from daemon.cli.output import say
from daemon.cli.sending import finish, follow, send, who
from daemon.cli.survey import show_found
from schemas.command import Answer, FullSync, Pause, Resume, Retry, Sync
from schemas.command_outcome import CommandOutcome
from schemas.errors import Exit
from schemas.job import Keep, RunState
from schemas.side import Side
from schemas.survey import foretold

WARNING = """Full synchronisation creates a partner in the other system for every record in a mapping's filter that
is not coupled yet. Use it to set up, or on fresh data: where both systems already hold the same customers or items
uncoupled, it duplicates them. Couple or match those first."""


def full_sync(
    names: NamesArgument = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Answer in advance: scheduled synchronisation may create new records from now on."),
    ] = False,
    restore: Annotated[
        bool, typer.Option("--restore", help='Answer in advance: "only coupled" is as it was before.')
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done; nothing is written.")
    ] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Carry every record of the mappings across, in order, creating and coupling what is missing.

    Without `--yes` it first shows what would be done, and what looks like a duplicate, and asks. At the end it waits
    for an answer: *keep* or *restore*. Give it in advance, at the prompt, or later with `coupled answer`.
    """
    if keep and restore:
        raise typer.BadParameter("--keep and --restore exclude each other")
    desk = desk_of(config)
    if dry_run:
        return finish(_foretold(names, config, no_wait, json), json, dry_run=True)
    if not yes:
        _confirm(names, config, json)
    chosen = Keep.KEEP if keep else Keep.RESTORE if restore else None
    command = FullSync(id=client.new_id(), command="full-sync", mappings=names, answer=chosen, requested_by=who())
    last = follow(desk.follow(command), command, no_wait, json)
    if last.state is RunState.AWAITING_ANSWER and not json and sys.stdin.isatty() and sys.stdout.isatty():
        may = typer.confirm("May scheduled synchronisation create new records from now on?", default=False)
        send(config, _answer(command.id, Keep.KEEP if may else Keep.RESTORE), False, json)
    return finish(last, json)


def sync(
    names: NamesArgument = None,
    record: RecordOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help='Every record, modified or not; "only coupled" stays as it is set.')
    ] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Synchronise modified records: what changed since last time, of all mappings or the named ones.

    With `--record` these records, modified or not; one without a partner gets one, whatever "only coupled" says.
    """
    if record and everything:
        raise typer.BadParameter("--record and --all exclude each other")
    command = Sync(
        id=client.new_id(),
        command="sync",
        mappings=names or None,
        records=record or None,
        all=everything,
        requested_by=who(),
    )
    last = send(config, command, no_wait, json)
    done = last.state is RunState.DONE
    if not (record and done) or any(job["published"] or job["message"] for job in last.jobs):
        return finish(last, json)
    say("sync: nothing was carried. No side from which these mappings carry has a record of these ids.", err=True)
    if json:
        finish(last, json)
    raise typer.Exit(Exit.USAGE)


def answer(
    run: Annotated[
        str, typer.Argument(help="The run's id: `coupled status` shows it.", autocompletion=complete_answerable)
    ],
    choice: Annotated[Keep, typer.Argument(help="keep: may create from now on. restore: exactly as before.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Answer a full synchronisation: *keep* or *restore* "only coupled"."""
    finish(send(config, _answer(run, choice), False, json), json)


def pause(names: NamesArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Pause mappings: nothing is carried across until `coupled resume`, and nothing is lost."""
    command = Pause(id=client.new_id(), command="pause", mappings=names, requested_by=who())
    finish(send(config, command, False, json), json)


def resume(names: NamesArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Resume paused mappings, and catch up with what they missed."""
    command = Resume(id=client.new_id(), command="resume", mappings=names, requested_by=who())
    finish(send(config, command, False, json), json)


def retry(
    names: NamesArgument = None,
    record: Annotated[
        list[str] | None,
        typer.Option(
            "--record",
            help="Only this record, by either side's id, or beside a mapping by its number, code or text; repeatable.",
        ),
    ] = None,
    use: Annotated[
        Side | None,
        typer.Option("--use", help="With --record or --cause: carry this side's values over the other's."),
    ] = None,
    cause: Annotated[
        list[str] | None,
        typer.Option(
            "--cause",
            help="The records of this cause in `coupled errors`; repeatable.",
            autocompletion=complete_cause,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The failed records of all mappings.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --use and --cause: do not ask.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Carry failed and skipped records again: of the named mappings, of a cause, one by one, or all of them.

    With `--use` and `--cause` it says how many records it will change, and asks first; its job lists each with the
    values of both sides.
    """
    if not (names or record or cause or everything):
        raise typer.BadParameter("name mappings, causes or records, or say --all")
    if use and bool(record) == bool(cause):
        raise typer.BadParameter("--use needs --record or --cause, not both")
    if use and cause and not yes:
        confirm_causes(config, cause, f"Carry {use.label}'s values over {use.other.label}'s for")
    chosen = {"mappings": names or None, "records": record or None, "causes": cause or None}
    command = Retry(id=client.new_id(), command="retry", use=use, requested_by=who(), **chosen)
    finish(send(config, command, False, json), json)


def _answer(run: str, choice: Keep) -> Answer:
    return Answer(id=client.new_id(), command="answer", run=run, answer=choice, requested_by=who())


def _confirm(names: list[str] | None, config: Path | None, json: bool) -> None:
    """After a dry run, which says what there is to be warned of (DESIGN 5)."""
    if not sys.stdin.isatty():
        typer.echo(WARNING, err=True)
        raise typer.BadParameter("there is no terminal to confirm on: say --yes")
    told = _foretold(names, config, False, json)
    if told.state is not RunState.DONE:
        finish(told, json)
    alike = sum(foretold(job["found"], job["read"], None).duplicates for job in told.jobs)
    typer.echo(f"\n{WARNING}\n{alike or 'No'} uncoupled records look like duplicates.", err=True)
    what = ", ".join(names) if names else "all mappings"
    if not typer.confirm(f"Run full synchronisation of {what}?", default=False, err=True):
        raise typer.Exit(Exit.USAGE)


def _foretold(names: list[str] | None, config: Path | None, no_wait: bool, json: bool) -> CommandOutcome:
    """The dry run, shown."""
    command = FullSync(
        id=client.new_id(), command="full-sync", mappings=names or None, dry_run=True, requested_by=who()
    )
    last = send(config, command, no_wait, json)
    if not json:
        show_found(last, config)
    return last
