"""`coupled status --watch`: how everything stands, drawn anew every few seconds, until q or Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from daemon.cli.desk import address
from daemon.cli.progress import ARROWS, counts
from daemon.cli.standing import behind, standing, throughput, to_do
from daemon.cli.worker import Here, Worker
from schemas.command_outcome import job_dict
from schemas.errors import CoupledError
from schemas.job import JobState
from schemas.unready import by_side
from schemas.visible import visible

if TYPE_CHECKING:
    from daemon.settings import Settings
    from daemon.store.engine import Store

# What is drawn, seen anew.
Look = Callable[[], Awaitable[dict[str, Any]]]
_QUIT = frozenset("qQ\x04")


def watch(config: Path | None, seconds: float, json: bool) -> None:
    """Until the user has seen enough. CoupledError if there is nothing to look at; later that is only told."""
    if json:
        raise typer.BadParameter("--watch and --json exclude each other")
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise typer.BadParameter("--watch needs a terminal; without one ask `coupled status --json` now and then")
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(config, seconds))


async def _watch(config: Path | None, seconds: float) -> None:
    enough = asyncio.Event()
    async with _eyes(config) as seen:
        with _keys(enough.set):
            shown = await seen()
            with Live(view(shown, datetime.now().astimezone()), screen=True, auto_refresh=False) as live:
                while not await _told(enough, seconds):
                    shown = await _again(seen, shown)
                    live.update(view(shown, datetime.now().astimezone()), refresh=True)


@asynccontextmanager
async def _eyes(config: Path | None) -> AsyncIterator[Look]:
    """At the daemon of `--url`, or at the store and the worker of the configuration."""
    if url := address():
        from daemon.cli.remote import Remote

        yield partial(asyncio.to_thread, Remote(url, config).watched)
        return
    from daemon.cli.client import settings_of
    from daemon.store.engine import open_readonly

    settings = settings_of(config)
    async with await open_readonly(settings.store.address().get_secret_value()) as store:
        with closing(Here(settings)) as worker:
            yield partial(look, store, settings, worker)


async def look(store: Store, settings: Settings, worker: Worker) -> dict[str, Any]:
    """What is drawn: `standing`, the `jobs` of the runs that are not over, and of the worker here its `daemon`."""
    found = await standing(store, settings)
    jobs = [job for run in await store.jobs.active_runs() for job in await store.jobs.jobs_of(run.id)]
    running = [job_dict(job) for job in jobs if job.state is JobState.RUNNING]
    waiting = sum(job.state is JobState.WAITING for job in jobs)
    try:
        daemon = await asyncio.to_thread(worker.ask, "/api/status", {})
    except CoupledError as error:
        daemon = {"away": str(error)}
    return {**found, "jobs": running, "waiting": waiting, "daemon": daemon}


async def _again(seen: Look, before: dict[str, Any]) -> dict[str, Any]:
    """What was seen last stays, with what keeps us from seeing more."""
    try:
        return await seen()
    except CoupledError as error:
        return {**before, "trouble": str(error)}


def view(found: Mapping[str, Any], now: datetime) -> RenderableType:
    """One page."""
    parts: list[RenderableType] = [
        Text(f"coupled  {now:%Y-%m-%d %H:%M:%S}    q ends", style="dim"),
        *_daemon(found["daemon"]),
        *([Text(f"Not seen anew: {visible(found['trouble'])}", style="bold red")] if "trouble" in found else []),
        Text(),
        _mappings(found["mappings"]),
        Text(),
        Text(throughput(found)),
        *_jobs(found["jobs"], found["waiting"]),
        Text(),
        *_needs(list(to_do(found))),
    ]
    return Group(*parts)


def _daemon(daemon: Mapping[str, Any]) -> Iterator[Text]:
    if "away" in daemon:
        yield Text(visible(str(daemon["away"])), style="bold red")
        return
    for side in daemon["sides"]:
        line = Text(f"{side['side']:<6} ")
        word, style = ("up", "green") if side["up"] else ("down", "bold red") if side["checked"] else ("?", "yellow")
        line.append(f"{word:<4}", style=style)
        yield line.append(f"  {visible(side['url'])}  {visible(side['detail'])}")
    for what, why in by_side(daemon["reasons"]):
        yield Text(f"{what}: {visible(why)}", style="bold red")


def _mappings(mappings: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("Mapping", ""):
        table.add_column(name, no_wrap=True)
    for name in ("Behind", "Couplings", "Failures"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for one in mappings:
        late, failures = behind(one["lag"]), one["failures"]
        state = "paused" if one["paused"] else "" if one["live"] else "not live"
        table.add_row(
            one["name"],
            ARROWS[one["direction"]],
            Text(late, style="yellow"),
            f"{one['couplings']:,}",
            Text(f"{failures:,}", style="bold red" if failures else ""),
            Text(state, style="yellow"),
        )
    return table


def _jobs(jobs: Sequence[dict[str, Any]], waiting: int) -> Iterator[RenderableType]:
    if not jobs and not waiting:
        return
    yield Text()
    table = Table(box=None, pad_edge=False)
    for name in ("Running", "", "", "", ""):
        table.add_column(name, no_wrap=True)
    for job in jobs:
        done, total = job["read"] or job["settled"], job["total"]
        bar = ProgressBar(total=total, completed=min(done, total), width=24) if total else Text("")
        share = f"{100 * min(done, total) // total} %" if total else ""
        size = f"{done:,} of {total:,}" if total else f"{done:,}"
        table.add_row(f"{job['mapping']} {ARROWS[job['direction']]}", bar, share, size, Text(counts(job)))
    yield table
    if waiting:
        yield Text(f"{waiting} more job{'' if waiting == 1 else 's'} to come", style="dim")


def _needs(lines: Sequence[str]) -> Iterator[Text]:
    if not lines:
        yield Text("Nothing waits for a person.", style="green")
    for line in lines:
        yield Text(visible(line), style="yellow")


async def _told(enough: asyncio.Event, seconds: float) -> bool:
    """Whether the user has seen enough, asked for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await enough.wait()
    return enough.is_set()


@contextmanager
def _keys(enough: Callable[[], None]) -> Iterator[None]:
    """Keys are heard as they are pressed, and not shown. Where a terminal cannot do that, Ctrl-C is left."""
    try:
        import termios
        import tty
    except ImportError:
        yield
        return
    stdin, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(stdin)

    def pressed() -> None:
        import os

        if _QUIT & set(os.read(stdin, 64).decode(errors="replace")):
            enough()

    tty.setcbreak(stdin)
    loop.add_reader(stdin, pressed)
    try:
        yield
    finally:
        loop.remove_reader(stdin)
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
