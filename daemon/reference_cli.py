"""The page of the command line, read from its commands and their options."""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import typer

from daemon.cli.app import app
from daemon.reference_table import default, plain, table
from schemas import errors


def cli_page() -> str:
    """Exit codes, what stands before the command, and each command, grouped as in `coupled --help`."""
    group: Any = typer.main.get_command(app)
    found = "\n".join([_program(group), *_panels(group)])
    codes = table(["Exit code", "Meaning"], ([str(code.value), _EXIT[code]] for code in errors.Exit))
    return f"# The command line\n\n{codes}\n{found}"


_EXIT = {
    errors.Exit.DONE: "done",
    errors.Exit.FAILED_RECORDS: "done, but records failed (`errors`: there are failed records), or the run failed",
    errors.Exit.USAGE: "the command, the configuration or a file cannot be used, or the command was refused",
    errors.Exit.UNREACHABLE: "Kafka, the store, a side or the daemon does not answer, or refuses our credentials",
}


def _program(group: Any) -> str:
    """What is said before the command, of all of them."""
    context = group.make_context("coupled", [], resilient_parsing=True)
    rows = [
        [f"`{', '.join(sorted(p.opts))}`", _kind(p), p.help or "", f"`{p.envvar}`" if p.envvar else ""]
        for p in [*group.params, group.get_help_option(context)]
    ]
    shown = table(["", "Type", "", "Variable"], rows)
    return f"## Options before the command\n\n    coupled [OPTION]... COMMAND ...\n\n{shown}"


def _panels(group: Any) -> Iterator[str]:
    """The commands as `coupled --help` groups them."""
    for panel in dict.fromkeys(each.rich_help_panel for each in group.commands.values()):
        yield f"## {panel}\n"
        inside = {name: each for name, each in group.commands.items() if each.rich_help_panel == panel}
        yield from _commands("coupled", inside)


def _commands(path: str, commands: Mapping[str, Any]) -> Iterator[str]:
    for name, each in commands.items():
        if hasattr(each, "commands"):
            yield from _commands(f"{path} {name}", each.commands)
            continue
        arguments = [p for p in each.params if type(p).__name__ == "TyperArgument"]
        usage = " ".join([path, name, *(_usage(p) for p in arguments), "[OPTION]..."])
        rows = [
            [f"`{_names(p)}`", _kind(p), "required" if p.required else default(p.default), p.help or ""]
            for p in each.params
        ]
        shown = table(["", "Type", "Default", ""], rows) if rows else ""
        help_text = re.sub(r"\s*\n\s*(?!\n)", " ", each.help or "").replace("  ", " ")
        yield f"### `{path} {name}`\n\n    {usage}\n\n{help_text}\n\n{shown}"


def _usage(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return str(name if parameter.required or name.startswith("[") else f"[{name}]")


def _names(parameter: Any) -> str:
    is_argument = type(parameter).__name__ == "TyperArgument"
    return _usage(parameter) if is_argument else ", ".join([*parameter.opts, *parameter.secondary_opts])


def _kind(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{member.value}`" for member in kind)
    several = "numbers" if "int" in str(kind) else "names"
    return "flag" if kind is bool else several if "list" in str(kind) else plain(kind)
