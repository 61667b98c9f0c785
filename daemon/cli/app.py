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


app.command()(run.demo)
app.command("run")(run.run)
app.command()(check.check)
app.command()(notify.notify)
app.command()(run.sandbox)
app.command("full-sync")(act.full_sync)
app.command()(act.sync)
app.command()(act.answer)
app.command()(act.pause)
app.command()(act.resume)
app.command()(act.retry)
app.command()(survey.match)
app.command()(pair.couple)
app.command()(pair.uncouple)
app.command()(pair.verify)
app.command()(show.status)
app.command()(tail.tail)
app.command()(show.jobs)
app.command()(show.job)
app.command()(show.errors)
app.command()(explain.explain)
app.command()(survey.findings)
app.command()(show.couplings)
app.add_typer(mappings.app, name="mappings")
app.add_typer(dead_letters.app, name="dead-letters")
