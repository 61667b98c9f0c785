"""`coupled tail`: what becomes of every change, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from daemon.cli.completion import complete_mapping
from daemon.cli.desk import address
from daemon.cli.options import DEFAULT_CONFIG, ConfigOption
from daemon.cli.output import say
from daemon.cli.progress import ARROWS
from daemon.cli.worker import Elsewhere, Here, Worker
from schemas.errors import Unreachable
from schemas.outcome import Outcome
from schemas.side import Direction
from schemas.told import FAILED
from schemas.visible import visible_json

_PAUSE = 0.5

MappingOption = Annotated[
    list[str] | None,
    typer.Option("--mapping", "-m", help="Only of this mapping; repeatable.", autocompletion=complete_mapping),
]
WorkerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--worker", help="The address of a worker's console, instead of the one here or at --url; repeatable."
    ),
]


def tail(
    mapping: MappingOption = None,
    direction: Annotated[Direction | None, typer.Option("--direction", help="Only this way; both: all.")] = None,
    outcome: Annotated[list[Outcome] | None, typer.Option("--outcome", help="Only what ended so; repeatable.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed or is in conflict.")] = False,
    most: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="End after so many.")] = None,
    worker: WorkerOption = None,
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
) -> None:
    """Show what becomes of every change, as it happens, until Ctrl-C. A live view: nothing of before it is shown.

    It asks the worker of this configuration, or at --url; of several each tells of its own (`--worker`). What is more
    than one can show (5,000 a moment) is counted on stderr, and left out. `coupled errors` and `coupled jobs` miss
    nothing.
    """
    if failed and outcome:
        raise typer.BadParameter("--failed and --outcome exclude each other")
    outcomes = sorted(FAILED) if failed else outcome or []
    chosen = {"mapping": mapping or [], "outcome": [one.value for one in outcomes]}
    wanted = {**chosen, "direction": [direction.value] if direction else []}
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        ears = [Ear(stack.enter_context(closing(one)), wanted) for one in _workers(worker or [], config)]
        for ear in ears:
            ear.begin()
        for one in islice(_heard(ears, time.sleep), most):
            _print(one, json)


def _workers(named: Sequence[str], config: Path | None) -> list[Worker]:
    from daemon.cli.client import settings_of

    url = address()
    if named:
        return [Elsewhere(one, config if url else config or DEFAULT_CONFIG, "--worker") for one in named]
    return [Elsewhere(url, config, "--url") if url else Here(settings_of(config))]


class Ear:
    """Listens to one worker. After its restart it goes on by itself."""

    def __init__(self, worker: Worker, wanted: Mapping[str, Any]) -> None:
        self._worker, self._wanted = worker, wanted
        self._place: dict[str, Any] = {}
        self._away = False

    def begin(self) -> None:
        """From now on. Unreachable if it is not there."""
        self._ask()
        say(f"Listening at {self._worker.url()}. Ctrl-C ends it.", err=True)

    def next(self) -> tuple[list[dict[str, Any]], bool]:
        """What has ended since, and whether there may be more at once."""
        try:
            found = self._ask()
        except Unreachable as error:
            if not self._away:
                say(f"{error} Waiting for it.", err=True)
            self._away = True
            return [], False
        if self._away:
            say("It is back.", err=True)
        self._away = False
        if found["missed"]:
            say(f"{found['missed']:,} that ended meanwhile are not shown: they were too many.", err=True)
        return found["outcomes"], found["more"]

    def _ask(self) -> dict[str, Any]:
        found: dict[str, Any] = self._worker.ask("/api/tail", {**self._wanted, **self._place})
        if self._place and found["worker"] != self._place["worker"]:
            say("The daemon was started anew: what ended before is not shown.", err=True)
        self._place = {"after": found["next"], "worker": found["worker"]}
        return found


def _heard(ears: list[Ear], sleep: Callable[[float], object]) -> Iterator[dict[str, Any]]:
    while True:
        more = False
        for ear in ears:
            found, goes_on = ear.next()
            yield from found
            more = more or goes_on
        if not more:
            sleep(_PAUSE)


def _print(one: Mapping[str, Any], json: bool) -> None:
    if json:
        typer.echo(visible_json(orjson.dumps(one).decode()))
        return
    at = datetime.fromtimestamp(one["ended_ms"] / 1000).astimezone().strftime("%H:%M:%S")
    ids = f"{one['bc_id'] or '—'} ↔ {one['sales_id'] or '—'}"
    took = "" if one["job"] else f"  after {max(0, one['ended_ms'] - one['changed_ms']) / 1000:.1f} s"
    name = f"  {one['name']}" if one["name"] else ""
    say(f"{at}  {one['mapping']:<16} {ARROWS[one['direction']]}  {one['outcome']:<9}{name}  {ids}{took}")
    if one["message"]:
        say(f"          {one['code']}: {one['message']}")
