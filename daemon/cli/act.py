"""Commands that change something: sent on the control topic, followed to their outcome."""

import getpass
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import orjson
import typer

from daemon.cli import client
from daemon.cli.options import ConfigOption, JsonOption, NamesArgument, NoWaitOption
from schemas.command import Answer, Command, FullSync, Pause, Resume, Retry, Sync
from schemas.command_outcome import CommandOutcome
from schemas.errors import CoupledError, Exit, Problem
from schemas.job import Keep, RunState

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
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Carry every record of the mappings across, in order, creating and coupling what is missing.

    At the end it waits for an answer: *keep* or *restore*. Give it in advance, at the prompt, or later with
    `coupled answer`.
    """
    if keep and restore:
        raise typer.BadParameter("--keep and --restore exclude each other")
    settings = client.settings_of(config)
    if not yes:
        _confirm(names)
    chosen = Keep.KEEP if keep else Keep.RESTORE if restore else None
    command = FullSync(id=client.new_id(), command="full-sync", mappings=names, answer=chosen, requested_by=_who())
    last = _follow(client.submit(settings, command), command, no_wait, json)
    if last.state is RunState.AWAITING_ANSWER and not json and sys.stdin.isatty() and sys.stdout.isatty():
        may = typer.confirm("May scheduled synchronisation create new records from now on?", default=False)
        _send(config, _answer(command.id, Keep.KEEP if may else Keep.RESTORE), False, json)
    _finish(last, json)


def sync(
    names: NamesArgument = None, no_wait: NoWaitOption = False, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Synchronise modified records: what changed since last time, of all mappings or the named ones."""
    command = Sync(id=client.new_id(), command="sync", mappings=names, requested_by=_who())
    _finish(_send(config, command, no_wait, json), json)


def answer(
    run: Annotated[str, typer.Argument(help="The run's id: `coupled status` shows it.")],
    choice: Annotated[Keep, typer.Argument(help="keep: may create from now on. restore: exactly as before.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Answer a full synchronisation: *keep* or *restore* "only coupled"."""
    _finish(_send(config, _answer(run, choice), False, json), json)


def pause(names: NamesArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Pause mappings: nothing is carried across until `coupled resume`, and nothing is lost."""
    command = Pause(id=client.new_id(), command="pause", mappings=names, requested_by=_who())
    _finish(_send(config, command, False, json), json)


def resume(names: NamesArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Resume paused mappings, and catch up with what they missed."""
    command = Resume(id=client.new_id(), command="resume", mappings=names, requested_by=_who())
    _finish(_send(config, command, False, json), json)


def retry(
    names: NamesArgument = None,
    record: Annotated[
        list[str] | None, typer.Option("--record", help="Only this record, by either side's id; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The failed records of all mappings.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Carry failed and skipped records again: of the named mappings, or one by one, or all of them."""
    if not (names or record or everything):
        raise typer.BadParameter("name mappings or records, or say --all")
    command = Retry(
        id=client.new_id(), command="retry", mappings=names or None, records=record or None, requested_by=_who()
    )
    _finish(_send(config, command, False, json), json)


def _answer(run: str, choice: Keep) -> Answer:
    return Answer(id=client.new_id(), command="answer", run=run, answer=choice, requested_by=_who())


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _confirm(names: list[str] | None) -> None:
    typer.echo(WARNING, err=True)
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to confirm on: say --yes")
    what = ", ".join(names) if names else "all mappings"
    if not typer.confirm(f"Run full synchronisation of {what}?", default=False, err=True):
        raise typer.Exit(Exit.USAGE)


def _send(config: Path | None, command: Command, no_wait: bool, json: bool) -> CommandOutcome:
    return _follow(client.submit(client.settings_of(config), command), command, no_wait, json)


def _follow(outcomes: Iterable[CommandOutcome], command: Command, no_wait: bool, json: bool) -> CommandOutcome:
    """Shows progress on a terminal until the command ends, waits for an answer, or (--no-wait) is accepted."""
    from daemon.cli.progress import RunProgress

    with RunProgress(quiet=json) as progress:
        for outcome in outcomes:
            progress.show(outcome)
            waiting = outcome.state is RunState.AWAITING_ANSWER
            if outcome.state.final or waiting or (no_wait and outcome.state is RunState.ACCEPTED):
                return outcome
    raise CoupledError("no-outcome", f"The command {command.id} got no outcome.", "`coupled status` shows the runs.")


def _finish(outcome: CommandOutcome, json: bool) -> None:
    """Prints the end and exits as DESIGN 6 says."""
    failed = sum(job.get("failed", 0) + job.get("conflict", 0) for job in outcome.jobs)
    if json:
        sys.stdout.buffer.write(command_outcome_json(outcome))
    else:
        _say(outcome, failed)
    if outcome.state is RunState.REFUSED:
        raise typer.Exit(Exit.USAGE)
    if outcome.state is RunState.FAILED or failed:
        raise typer.Exit(Exit.FAILED_RECORDS)


def command_outcome_json(outcome: CommandOutcome) -> bytes:
    from schemas import command_outcome

    return orjson.dumps(orjson.loads(command_outcome.encode(outcome)), option=orjson.OPT_INDENT_2) + b"\n"


def _say(outcome: CommandOutcome, failed: int) -> None:
    error: Problem | None = outcome.error
    if error:
        typer.echo(f"{outcome.command}: {outcome.state.value}. {error.message}\n  → {error.hint}", err=True)
    elif outcome.state is RunState.AWAITING_ANSWER:
        typer.echo(f"Done. An answer is due: coupled answer {outcome.run} keep|restore")
    elif failed:
        typer.echo(f"{outcome.command}: done, {failed} failed: see `coupled errors`.")
    else:
        typer.echo(f"{outcome.command}: {outcome.state.value.replace('_', ' ')}.")
