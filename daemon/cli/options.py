"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.mapping import Mappings

DEFAULT_CONFIG = Path("coupled.yaml")


def complete_mapping(incomplete: str) -> list[str]:
    """Tab completion: the names of the configured mappings, or of the standard ones."""
    from schemas.errors import CoupledError

    try:
        from daemon.config import load

        mappings = load_mappings(load(DEFAULT_CONFIG, {}).mappings)
    except (CoupledError, OSError):
        mappings = load_mappings("standard")
    return [name for name in mappings.by_name if name.startswith(incomplete.upper())]


def load_mappings(source: str) -> Mappings:
    """`standard`, or the mappings of a file. ConfigurationError says what is wrong with it."""
    from schemas import mapping_file
    from schemas.errors import ConfigurationError

    if source == mapping_file.STANDARD:
        return mapping_file.parse(mapping_file.standard_text())
    try:
        text = Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            "mappings-unreadable",
            f"The mappings file {source} cannot be read: {error.strerror}.",
            "Check `mappings` in coupled.yaml; `coupled mappings show standard` prints a file to start from.",
        ) from error
    return mapping_file.parse(text, source)


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
