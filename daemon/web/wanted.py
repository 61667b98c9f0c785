"""Which jobs, runs and failures the web asks for."""

from collections.abc import Collection
from dataclasses import dataclass

from schemas.job import JobState, RunKind, RunState


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which failures to show; None: whichever."""

    mapping: str | None = None
    code: str | None = None
    job: int | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class WantedJobs:
    """Which jobs to show; None: whichever. `failures`: only those with records that failed."""

    mapping: str | None = None
    state: JobState | None = None
    failures: bool = False
    run: str | None = None


@dataclass(frozen=True, slots=True)
class WantedRuns:
    """Which runs to show; empty: whichever."""

    kinds: Collection[RunKind] = ()
    states: Collection[RunState] = ()
