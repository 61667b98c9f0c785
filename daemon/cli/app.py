"""The commands and their help. Each command's work is in a module of its own, imported when it is called."""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from daemon.cli import act, check, dead_letters, desk, explain, mappings, notify, pair, run, show, survey, tail


class _Program(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Who writes an option of the program behind the command is told where it stands."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            name = getattr(error, "option_name", "")
            if not any(name in one.opts for one in self.params):
                raise
            told = f"{name} stands before the command: coupled {name} … {ctx.invoked_subcommand}"
            raise typer.BadParameter(told, ctx=getattr(error, "ctx", ctx)) from error


app = typer.Typer(
    name="coupled",
    cls=_Program,
    help="Keeps Business Central and Dynamics 365 Sales in step, continuously.\n\n"
    "Try it: `coupled demo`. Then write coupled.yaml (docs/setup.md), start `coupled run`, and carry everything across "
    "once with `coupled full-sync`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"coupled {version('coupled')}")
        raise typer.Exit


@app.callback()
def main(
    ctx: typer.Context,
    asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    url: Annotated[
        str,
        typer.Option(
            "--url",
            envvar="COUPLED_URL",
            help="Ask the daemon at this address by its API, instead of Kafka and the store. Its token: "
            "COUPLED_WEB__TOKEN.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Stands for the program itself; its help is given above."""
    said = ctx.get_parameter_source("url")
    desk.use(url, ctx.invoked_subcommand, said=said is not None and said.name == "COMMANDLINE")


_SET_UP, _SYNCHRONISE, _COUPLE = "Set up and run", "Synchronise", "Couple and compare"
_LOOK, _MEND = "Look", "Mend"

# In the order of `--help` and of docs/reference/cli.md.
app.command(rich_help_panel=_SET_UP)(run.demo)
app.command(rich_help_panel=_SET_UP)(run.sandbox)
app.command(rich_help_panel=_SET_UP)(check.check)
app.add_typer(mappings.app, name="mappings", rich_help_panel=_SET_UP)
app.command(rich_help_panel=_SET_UP)(run.run)
app.command(rich_help_panel=_SET_UP)(notify.notify)
app.command("full-sync", rich_help_panel=_SYNCHRONISE)(act.full_sync)
app.command(rich_help_panel=_SYNCHRONISE)(act.answer)
app.command(rich_help_panel=_SYNCHRONISE)(act.sync)
app.command(rich_help_panel=_SYNCHRONISE)(act.pause)
app.command(rich_help_panel=_SYNCHRONISE)(act.resume)
app.command(rich_help_panel=_COUPLE)(survey.match)
app.command(rich_help_panel=_COUPLE)(pair.couple)
app.command(rich_help_panel=_COUPLE)(pair.uncouple)
app.command(rich_help_panel=_COUPLE)(pair.verify)
app.command(rich_help_panel=_LOOK)(show.status)
app.command(rich_help_panel=_LOOK)(tail.tail)
app.command(rich_help_panel=_LOOK)(show.jobs)
app.command(rich_help_panel=_LOOK)(show.job)
app.command(rich_help_panel=_LOOK)(show.ended)
app.command(rich_help_panel=_LOOK)(show.couplings)
app.command(rich_help_panel=_LOOK)(show.errors)
app.command(rich_help_panel=_LOOK)(explain.explain)
app.command(rich_help_panel=_LOOK)(survey.findings)
app.command(rich_help_panel=_MEND)(act.retry)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=_MEND)
