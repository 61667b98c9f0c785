"""Which jobs, runs and failures the web asks for."""

from collections.abc import Collection
from dataclasses import dataclass

from schemas.job import JobState, RunKind, RunState
from schemas.outcome import Outcome


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


@dataclass(frozen=True, slots=True)
class WantedRecords:
    """How which records ended: those of a job, or (None) all of the last 24 hours; of one mapping, if it is named; with
    this outcome, or (None) any that is lasting."""

    job: int | None = None
    outcome: Outcome | None = None
    mapping: str | None = None
