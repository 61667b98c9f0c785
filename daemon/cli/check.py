"""`coupled check`: everything that has to be right before the first run, in one page."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from daemon.cli.desk import desk_of
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.output import print_json
from schemas.checkup import Checked, State, exit_of

_COLOURS = {
    State.OK: typer.colors.GREEN,
    State.NOT_TRIED: None,
    State.WARNING: typer.colors.YELLOW,
    State.ERROR: typer.colors.RED,
}
_WIDTH = 1 + max(map(len, State))


def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check everything before the first run: both sides, Kafka, the store, the mappings. Changes nothing.

    With `--url` the daemon there checks its own configuration, from where it runs.

    Exit 0: nothing to mend; 2: something is, as told; 3: a side, Kafka or the store cannot be reached.
    """
    found = desk_of(config).check()
    code = exit_of(found)
    if json:
        print_json({"exit": int(code), "findings": [one.as_dict() for one in found]})
    else:
        _page(found)
    raise typer.Exit(code)


def _page(found: Sequence[Checked]) -> None:
    for one in found:
        typer.secho(f"{one.state.replace('_', ' '):<{_WIDTH}}", fg=_COLOURS[one.state], nl=False)
        typer.echo(f"{one.about}, {one.what}: {one.says}")
        if one.fix:
            typer.echo(f"{'':<{_WIDTH}}→ {one.fix}")
    errors, warnings = (sum(one.state is state for one in found) for state in (State.ERROR, State.WARNING))
    untried = sum(one.state is State.NOT_TRIED for one in found)
    told = f"{errors} error(s), {warnings} warning(s)" + (f", {untried} not tried" if untried else "")
    typer.echo(f"\n{told} in {len(found)} findings")
