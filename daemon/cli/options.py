"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.completion import complete_mapping

if TYPE_CHECKING:
    from schemas.mapping import Mappings
    from schemas.mapping_file import MappingsFile

DEFAULT_CONFIG = Path("coupled.yaml")


def load_mappings(source: str) -> Mappings:
    """`standard`, or the mappings of a file. ConfigurationError says what is wrong with it."""
    return read_mappings(source).mappings


def read_mappings(source: str) -> MappingsFile:
    """As `load_mappings`, with the places of everything in the file."""
    from schemas import mapping_file

    return mapping_file.sound(examine_mappings(source))


def examine_mappings(source: str) -> MappingsFile:
    """As `read_mappings`, but a file with mistakes is returned with them. ConfigurationError if it cannot be read."""
    from schemas import mapping_file
    from schemas.errors import ConfigurationError

    if source == mapping_file.STANDARD:
        return mapping_file.examine(mapping_file.standard_text())
    try:
        text = Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(
            "mappings-unreadable",
            f"The mappings file {source} cannot be read: {reason}.",
            "Check `mappings` in coupled.yaml; `coupled mappings show standard` prints a file to start from.",
        ) from error
    return mapping_file.examine(text, source)


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file. Default: coupled.yaml.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout; everything else on stderr.")]
NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Mappings; all if none is named.", autocompletion=complete_mapping),
]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Return as soon as the daemon has accepted the command.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The mapping.", autocompletion=complete_mapping)]
RecordOption = Annotated[
    list[str] | None, typer.Option("--record", help="Only this record, by either side's id; repeatable.")
]
