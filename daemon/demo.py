"""`coupled demo`: the whole thing on one machine, as a user would drive it.

The simulators and the daemon are processes of their own; the demo only sends commands on the control topic, edits
records through the two HTTP APIs, and watches the other side.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from rich.console import Console

from daemon.broker import free_port, read_runtime, runtime_file
from daemon.child import TiedProcess
from daemon.cli import client
from daemon.cli.progress import RunProgress
from daemon.config import load
from daemon.demo_edits import Edit, edits, sign_in
from daemon.sandbox.serve import Places, configuration, configure
from daemon.settings import Settings
from schemas.command import FullSync
from schemas.command_outcome import CommandOutcome
from schemas.errors import Exit, Unreachable
from schemas.job import Keep, RunState

_START_SECONDS = 60.0
_ARRIVAL_SECONDS = 30.0
Show = Console(highlight=False)


def demo(once: bool, customers: int, seed: int, port: int) -> Exit:
    """Exit code 0 if everything arrived. Runs until Ctrl-C, or with `once` until the show is over."""
    # A service manager's stop is Ctrl-C to it: the folder goes, with the simulators' secret.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="coupled-demo-"))
    started = time.monotonic()
    try:
        with _processes(folder, Places(free_port(), free_port(), customers, seed), port or free_port()) as settings:
            _say(f"Both simulators and the daemon are up after {time.monotonic() - started:.1f} s.")
            right = _full_sync(settings) & _live(settings)
            _places(settings, folder)
            if not once:
                _until_interrupted()
            return Exit.DONE if right else Exit.FAILED_RECORDS
    except KeyboardInterrupt:
        return Exit.DONE
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _processes(folder: Path, places: Places, port: int) -> Iterator[Settings]:
    """The simulators and the daemon, up and answering; both end with this process, however it ends."""
    config = configure(folder, configuration(places, port))
    settings = load(config, {})
    me = [sys.executable, "-m", "daemon"]
    ports = ["--bc-port", str(places.bc_port), "--sales-port", str(places.sales_port)]
    size = ["--customers", str(places.customers), "--seed", str(places.seed)]
    with contextlib.ExitStack() as stack:
        sandbox = TiedProcess([*me, "sandbox", *ports, *size], log=folder / "sandbox.log")
        daemon = TiedProcess([*me, "run", "--config", str(config)], log=folder / "daemon.log")
        for process, name, ready in (
            (sandbox, "sandbox", lambda: _answers(places.bc_url) and _answers(places.sales_url)),
            (daemon, "daemon", lambda: _note(settings) is not None),
        ):
            process.start()
            stack.callback(process.stop)
            _wait(ready, process, name, folder)
        yield settings


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url).status_code > 0
    return False


def _note(settings: Settings) -> dict[str, object] | None:
    return read_runtime(runtime_file(settings.store.url.get_secret_value()))


def _wait(ready: Callable[[], bool], process: TiedProcess, name: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if not process.alive or time.monotonic() > deadline:
            log = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip()
            raise Unreachable("demo-failed", f"The {name} did not start:\n{log[-2000:]}", "")
        time.sleep(0.05)


def _full_sync(settings: Settings) -> bool:
    Show.rule("Full synchronisation")
    command = FullSync(id=client.new_id(), command="full-sync", answer=Keep.KEEP, requested_by=f"demo {os.getpid()}")
    started = time.monotonic()
    last: CommandOutcome | None = None
    with RunProgress() as progress:
        for last in client.submit(settings, command):
            progress.show(last)
    if last is None or last.state is not RunState.DONE:
        Show.print(f"[red]✗[/] {last.error if last else 'no outcome'}")
        return False
    settled = sum(int(job["settled"]) for job in last.jobs)
    failed = sum(int(job["failed"]) + int(job["conflict"]) for job in last.jobs)
    _say(
        f"{settled} records in {len(last.jobs)} jobs, {failed} failed, {time.monotonic() - started:.1f} s.", failed == 0
    )
    return failed == 0


def _live(settings: Settings) -> bool:
    Show.rule("Live changes, both ways")
    bc, sales = sign_in(settings)
    with bc, sales:
        arrived = [_carried(edit) for edit in edits(bc, sales)]
    return all(arrived)


def _carried(edit: Edit) -> bool:
    """Makes the edit, then watches the other side until it shows."""
    started = time.monotonic()
    edit.make()
    while time.monotonic() - started < _ARRIVAL_SECONDS:
        if edit.arrived():
            _say(f"{edit.title:<48} arrived after {time.monotonic() - started:4.1f} s")
            return True
        time.sleep(0.05)
    _say(f"{edit.title:<48} did not arrive within {_ARRIVAL_SECONDS:.0f} s", right=False)
    return False


def _places(settings: Settings, folder: Path) -> None:
    note = _note(settings) or {}
    config = folder / "coupled.yaml"
    Show.rule("Where to look")
    Show.print(f"Console            {note.get('web')}")
    Show.print(f"Metrics            {note.get('web')}/metrics")
    Show.print(f"Business Central   {settings.business_central.url.split('/v2.0')[0]}/")
    Show.print(f"Sales              {settings.sales.url}/")
    Show.print(f"Command line       {_command()} status --config {config}", soft_wrap=True)
    Show.print(f"Log                {folder / 'daemon.log'}", soft_wrap=True)


def _command() -> str:
    """As it can be typed here."""
    return "coupled" if shutil.which("coupled") else str(Path(sys.executable).with_name("coupled"))


def _until_interrupted() -> None:
    Show.print("\nRunning until Ctrl-C: edit records on either side and watch them arrive.")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _say(text: str, right: bool = True) -> None:
    Show.print(f"[green]✓[/] {text}" if right else f"[red]✗[/] {text}")
