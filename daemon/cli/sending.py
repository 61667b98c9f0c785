"""Commands on their way: put on the control topic, followed to their outcome, told, and how they exit (DESIGN 6)."""

import getpass
import sys
from collections.abc import Iterable
from pathlib import Path

import orjson
import typer

from daemon.cli.desk import desk_of
from daemon.cli.output import say
from schemas.command import Command
from schemas.command_outcome import CommandOutcome
from schemas.errors import CoupledError, Exit, Problem
from schemas.job import RunState
from schemas.visible import visible_json


def who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def send(config: Path | None, command: Command, no_wait: bool, json: bool) -> CommandOutcome:
    return follow(desk_of(config).follow(command), command, no_wait, json)


def follow(outcomes: Iterable[CommandOutcome], command: Command, no_wait: bool, json: bool) -> CommandOutcome:
    """Shows progress on a terminal until the command ends, waits for an answer, or (--no-wait) is accepted."""
    from daemon.cli.progress import RunProgress

    with RunProgress(quiet=json) as progress:
        for outcome in outcomes:
            progress.show(outcome)
            waiting = outcome.state is RunState.AWAITING_ANSWER
            if outcome.state.final or waiting or (no_wait and outcome.state is RunState.ACCEPTED):
                return outcome
    raise CoupledError("no-outcome", f"The command {command.id} got no outcome.", "`coupled status` shows the runs.")


def finish(outcome: CommandOutcome, json: bool, *, dry_run: bool = False) -> None:
    """Prints the end and exits as DESIGN 6 says."""
    failed = sum(job.get("failed", 0) + job.get("conflict", 0) for job in outcome.jobs)
    if json:
        sys.stdout.buffer.write(command_outcome_json(outcome))
    else:
        _say(outcome, failed, dry_run)
    if outcome.state is RunState.REFUSED:
        raise typer.Exit(Exit.USAGE)
    if outcome.state is RunState.FAILED or failed:
        raise typer.Exit(Exit.FAILED_RECORDS)


def command_outcome_json(outcome: CommandOutcome) -> bytes:
    from schemas import command_outcome

    document = orjson.dumps(orjson.loads(command_outcome.encode(outcome)), option=orjson.OPT_INDENT_2)
    return visible_json(document.decode()).encode() + b"\n"


def _say(outcome: CommandOutcome, failed: int, dry_run: bool) -> None:
    error: Problem | None = outcome.error
    skipped = sum(job.get("skipped", 0) for job in outcome.jobs)
    if error:
        say(f"{outcome.command}: {outcome.state.value}. {error.message}", err=True)
        say(f"  → {error.hint}", err=True)
    elif outcome.state is RunState.AWAITING_ANSWER:
        typer.echo(f"Done. An answer is due: coupled answer {outcome.run} keep|restore")
    elif failed:
        typer.echo(f"{outcome.command}: done, {failed} failed: see `coupled errors`.")
    elif outcome.state is RunState.DONE and skipped:
        typer.echo(f"{outcome.command}: done, {skipped} skipped: see `coupled errors`.")
    elif outcome.state is RunState.DONE and dry_run:
        typer.echo(f"{outcome.command}: that was a dry run; nothing was written.")
    else:
        typer.echo(f"{outcome.command}: {outcome.state.value.replace('_', ' ')}.")
