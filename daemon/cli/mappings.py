"""`coupled mappings`: print, check and compare the mappings file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from daemon.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, examine_mappings, read_mappings
from daemon.cli.output import print_json, print_table, read_store
from schemas.errors import Exit, Refused, Unreachable
from schemas.finding import Finding, Level

if TYPE_CHECKING:  # slow to import, and `--help` does not need them
    from daemon.settings import Settings
    from daemon.store.engine import Store
    from schemas.mapping_file import MappingsFile
    from schemas.metadata import Served

app = typer.Typer(no_args_is_help=True, help="Print, check or compare the mappings file.")
FileArgument = Annotated[str, typer.Argument(help="A mappings file; without it, the one that coupled.yaml names.")]
Row = dict[str, Any]


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="`standard`: the seven standard mappings, a start for a file of one's own.")
    ] = "standard",
) -> None:
    """Print a packaged mappings file; its first line tells editors where its schema is."""
    from schemas import mapping_file

    if name != mapping_file.STANDARD:
        raise Refused("mappings-unknown", f"There is no packaged mappings file {name!r}.", "There is one: standard.")
    typer.echo(f"# yaml-language-server: $schema={mapping_file.schema_path()}")
    typer.echo(mapping_file.standard_text(), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of mappings files, for editors."""
    from schemas.mapping_file import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def check(
    file: FileArgument = "",
    offline: Annotated[bool, typer.Option("--offline", help="The file alone, without asking either side.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check a mappings file, and every table and field of it against what both sides serve.

    Every mistake is told with line, field and hint. Exit 2 if there is an error; warnings are none. Without
    coupled.yaml the file is checked alone.
    """
    from schemas.mapping_check import judge

    settings = None if offline and file else _settings(config, needed=not file)
    parsed = examine_mappings(file or (settings.mappings if settings else "standard"))
    served = _served(settings, parsed) if settings and not offline else None
    found = [_row(parsed, finding) for finding in judge(parsed, served)]
    _tell(parsed, found, online=served is not None, json=json)
    if any(row["level"] == Level.ERROR for row in found):
        raise typer.Exit(Exit.USAGE)


@app.command()
def diff(file: FileArgument = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Compare a mappings file with what the daemon last ran with, and tell the sweep that each change needs.

    Nothing is changed by it. Changing a mapping resets neither couplings nor positions.
    """
    from daemon.mapping_changes import as_dict
    from schemas.mapping_diff import commands, compare

    async def read(store: Store, settings: Settings) -> Row:
        source = file or settings.mappings
        known, counts = await store.definitions.known(), await store.views.coupling_counts()
        if not known:
            raise Refused("mappings-not-run", "The daemon has not run with any mappings yet.", "Start `coupled run`.")
        given = read_mappings(source).mappings.definitions
        diffs = compare({name: one.definition for name, one in known.items()}, given)
        owed = {name: commands(name, known[name].owed) for name in given if name in known and known[name].owed}
        found = [as_dict(one, counts.get(one.name, 0)) for one in diffs]
        return {"source": source, "mappings": found, "owes": owed}

    found = read_store(config, read)
    if json:
        return print_json(found)
    for one in found["mappings"]:
        _tell_diff(one)
    if not found["mappings"]:
        typer.echo(f"{found['source']}: as the daemon last ran with it")
    for owing, by_command in found["owes"].items():
        for command, because in by_command.items():
            typer.echo(f"Owed since an earlier change of {owing} ({', '.join(because)}): {command}")
    return None


def _tell_diff(one: Row) -> None:
    stays = f", whose {one['couplings']} couplings stay in the store" if one["kind"] == "removed" else ""
    typer.echo(f"{one['name']}: {one['kind']}{stays}")
    for change in one["changes"]:
        typer.echo(f"    {change['setting']}: {_shown(change['old'])} → {_shown(change['new'])}")
    for command in one["run"]:
        typer.echo(f"    → {command}")


def _shown(value: Any) -> str:
    """A setting as the file would have it in one line; `—` if it is not there."""
    return "—" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def _settings(config: Path | None, *, needed: bool) -> Settings | None:
    """None if nobody named a configuration file, none is here, and the file to check was named."""
    from daemon.cli.client import settings_of

    if config is None and not needed and not DEFAULT_CONFIG.exists():
        return None
    return settings_of(config)


def _served(settings: Settings, file: MappingsFile) -> Served | None:
    """What both sides serve; None if nothing is left to hold against it, or if a side is away and the file is wrong
    anyway. Unreachable if a side is away.
    """
    from daemon.governor import Hooks
    from daemon.metadata import served
    from daemon.sides import sessions

    async def ask() -> Served:
        async with sessions(settings, Hooks()) as clients:
            return await served(clients, file.mappings)

    if not file.mappings.all:
        return None
    try:
        return asyncio.run(ask())
    except Unreachable as error:
        if not file.mistakes:
            raise
        typer.echo(str(error), err=True)
        return None


def _row(file: MappingsFile, finding: Finding) -> Row:
    return {
        "level": finding.level.value,
        "file": file.source,
        "line": file.line(finding.place),
        "mapping": file.mapping(finding.place) or None,
        "field": ".".join(str(part) for part in finding.place),
        "message": finding.message,
        "hint": finding.hint,
    }


def _tell(file: MappingsFile, found: Sequence[Row], *, online: bool, json: bool) -> None:
    known = [{"name": m.name, "direction": m.direction.value, "fields": len(m.fields)} for m in file.mappings.all]
    if json:
        return print_json({"source": file.source, "online": online, "mappings": known, "findings": list(found)})
    for row in found:
        _tell_one(row)
    errors = sum(row["level"] == Level.ERROR for row in found)
    if errors:
        asked = "" if online else "; neither side was asked"
        return typer.echo(f"{file.source}: {errors} error(s), {len(found) - errors} warning(s){asked}")
    by = "correct, and both sides serve what it names" if online else "correct by itself; neither side was asked"
    typer.echo(f"{file.source}: {by}")
    return print_table(known, ("name", "direction", "fields"), "")


def _tell_one(row: Mapping[str, Any]) -> None:
    place = f", {row['field']}" if row["field"] else ""
    name = f" ({row['mapping']})" if row["mapping"] else ""
    typer.echo(f"{row['file']}, line {row['line']}{place}{name}: {row['level']}: {row['message']}")
    if row["hint"]:
        typer.echo(f"    → {row['hint']}")
