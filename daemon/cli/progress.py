"""Progress of a run in the terminal: a bar per job, in order, with counts and rate."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from schemas.command_outcome import CommandOutcome
from schemas.survey import by_kind
from schemas.visible import visible

ARROWS = {"to_sales": "BC → Sales", "to_bc": "Sales → BC", "both": "BC ↔ Sales"}
_COUNTS = ("inserted", "modified", "deleted", "coupled", "unchanged", "uncoupled", "skipped", "failed", "conflict")


class RunProgress:
    """`show` each outcome as it comes. Quiet, or without a terminal, it prints only finished jobs, or nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:>6.0f}"),
            TextColumn("{task.fields[counts]}", markup=False),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._tasks: dict[int, TaskID] = {}
        self._started: dict[int, float] = {}
        self._finished: set[int] = set()
        self._waits: dict[int, str] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, outcome: CommandOutcome) -> None:
        for job in outcome.jobs:
            if job["state"] != "waiting":
                self._job(job)

    def _job(self, job: dict[str, Any]) -> None:
        done = job["state"] in ("finished", "failed")
        started = self._started.setdefault(job["id"], time.monotonic())
        title = f"{job['mapping']:<17}{ARROWS[job['direction']]}"
        if job["id"] not in self._tasks:
            self._tasks[job["id"]] = self._bars.add_task(title, total=None, counts="")
        settled = job["read"] or job["settled"]  # a survey first reads both sides
        total = max(settled, 1) if done else (job["total"] or None)
        line = counts(job, None if done else settled / max(time.monotonic() - started, 0.05))
        self._bars.update(self._tasks[job["id"]], completed=settled or (1 if done else 0), total=total, counts=line)
        self._told(job, title, "" if done else str(job.get("message") or ""))
        if done and job["id"] not in self._finished:
            self._finished.add(job["id"])
            if not self._console.is_terminal:
                self._console.print(f"{title}  {settled:>6}  {line}", markup=False)

    def _told(self, job: dict[str, Any], title: str, waits: str) -> None:
        """Without a terminal, what keeps a job from going on is told when it begins: it may take long."""
        if waits and waits != self._waits.get(job["id"]) and not self._console.is_terminal:
            self._console.print(f"{title}  {visible(waits)}", markup=False)
        self._waits[job["id"]] = waits


def found(job: Mapping[str, Any]) -> dict[str, int]:
    """What it has found, by kind; not the pairs it has uncoupled, which are counted as its outcomes."""
    ended = {"uncouple"} if job.get("uncoupled") else set()
    return {kind: count for kind, count in by_kind(job["found"]).items() if count and kind not in ended}


def counts(job: dict[str, Any], rate: float | None = None) -> str:
    """What a job has done and found, in a line."""
    parts = [f"{job[name]} {name}" for name in _COUNTS if job.get(name)]
    parts += [f"{count} {name}" for name, count in found(job).items()]
    if job.get("message"):
        parts.append(visible(str(job["message"])))
    if rate:
        parts.append(f"{rate:.0f}/s")
    return ", ".join(parts) or "nothing to do"
