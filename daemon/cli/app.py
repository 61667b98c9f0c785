"""The commands and their help. Each command's work is in a module of its own, imported when it is called."""

from typing import Annotated

import typer

from daemon.cli import act, run, show
from daemon.cli.options import ConfigOption

app = typer.Typer(
    name="coupled",
    help="Keeps Business Central and Dynamics 365 Sales in step, continuously.\n\n"
    "Try it: `coupled demo`. Then write coupled.yaml (docs/setup.md), start `coupled run`, and carry everything across "
    "once with `coupled full-sync`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
mappings_app = typer.Typer(no_args_is_help=True, help="Print or check the mappings file.")

app.command()(run.demo)
app.command("run")(run.run)
app.command()(run.sandbox)
app.command("full-sync")(act.full_sync)
app.command()(act.sync)
app.command()(act.answer)
app.command()(act.pause)
app.command()(act.resume)
app.command()(act.retry)
app.command()(show.status)
app.command()(show.jobs)
app.command()(show.job)
app.command()(show.errors)
app.command()(show.couplings)
app.add_typer(mappings_app, name="mappings")


@mappings_app.command("show")
def mappings_show(
    name: Annotated[
        str, typer.Argument(help="`standard`: the seven standard mappings, a start for a file of one's own.")
    ] = "standard",
) -> None:
    """Print a packaged mappings file."""
    show.mappings_show(name)


@mappings_app.command("check")
def mappings_check(
    file: Annotated[str, typer.Argument(help="A mappings file; without it, the one that coupled.yaml names.")] = "",
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check a mappings file: names, filters, look-ups, circles. Exit 2 with file, line and field if it is wrong."""
    show.mappings_check(file, config, json)
