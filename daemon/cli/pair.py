"""Commands about couplings: couple and uncouple by hand, compare both sides through them."""

import sys
from typing import Annotated

import typer

from daemon.cli import client
from daemon.cli.by_cause import confirm_causes
from daemon.cli.completion import complete_cause
from daemon.cli.options import ConfigOption, JsonOption, NameArgument, NamesArgument, NoWaitOption
from daemon.cli.sending import finish, send, who
from schemas.command import Couple, Uncouple, Verify
from schemas.errors import Exit
from schemas.use import Use

WARNING = """Both sides keep their records. Where "only coupled" is off, the next change of an uncoupled record creates
a new partner for it: a duplicate. Couple it with the right one first, or pause the mapping."""
_KNOWN = "Its id, or the number, code or text it is known by."


def couple(
    name: NameArgument,
    bc: Annotated[str, typer.Argument(metavar="BC_ID", help=f"The Business Central record. {_KNOWN}")],
    sales: Annotated[str, typer.Argument(metavar="SALES_ID", help=f"The Sales record. {_KNOWN}")],
    use: Annotated[
        Use | None,
        typer.Option("--use", help="Whose values both take. Default: bc, or the only side that travels."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Couple two records that are the same thing, and carry one's values over the other's."""
    command = Couple(
        id=client.new_id(), command="couple", mapping=name, bc_id=bc, sales_id=sales, use=use, requested_by=who()
    )
    finish(send(config, command, False, json), json)


def uncouple(
    name: NameArgument,
    records: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Records, by either side's id.", show_default=False)
    ] = None,
    cause: Annotated[
        list[str] | None,
        typer.Option(
            "--cause",
            help="The coupled records of this cause in `coupled errors`; repeatable.",
            autocompletion=complete_cause,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All couplings of the mapping.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End couplings. Both records stay as they are; nothing is carried between them any more.

    Records that refer to them (a customer's contacts) are uncoupled too, as `uncouple_with` of their mapping says.
    `coupled findings RUN` lists both ids of each pair, to couple it again.
    """
    if [everything, bool(records), bool(cause)].count(True) != 1:
        raise typer.BadParameter("name records or causes, or say --all")
    typer.echo(WARNING, err=True)
    if everything and not yes:
        _confirm(name)
    if cause and not yes:
        confirm_causes(config, cause, f"Uncouple, in {name},")
    command = Uncouple(
        id=client.new_id(),
        command="uncouple",
        mapping=name,
        records=records or None,
        causes=cause or None,
        all=everything,
        requested_by=who(),
    )
    finish(send(config, command, no_wait, json), json)


def verify(
    names: NamesArgument = None,
    repair: Annotated[bool, typer.Option("--repair", help="Carry what differs, like any change.")] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare both sides record by record through the couplings. Exit 1 if anything differs, or is left so.

    With `--repair` the side that moved since both last agreed is carried; conflicts and duplicates are only told.
    `coupled job ID` lists what a job has found.
    """
    command = Verify(id=client.new_id(), command="verify", mappings=names or None, repair=repair, requested_by=who())
    outcome = send(config, command, no_wait, json)
    for job in () if json else outcome.jobs:
        found = ", ".join(f"{count} {kind}" for kind, count in job["found"].items() if count) or "nothing coupled"
        typer.echo(f"{job['mapping']:<17}job {job['id']:<5} {found}")
    left = sum(job["found"].get("left", 0) for job in outcome.jobs)
    finish(outcome, json)
    if left:
        raise typer.Exit(Exit.FAILED_RECORDS)


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to confirm on: say --yes")
    if not typer.confirm(f"Uncouple all records of {name}?", default=False, err=True):
        raise typer.Exit(Exit.USAGE)
