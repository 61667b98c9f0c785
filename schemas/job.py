"""Runs, synchronisation jobs and their counters, as the Integration Synchronisation Jobs page shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.errors import Problem
from schemas.outcome import Outcome
from schemas.side import Direction


class RunKind(StrEnum):
    FULL = "full-sync"
    MODIFIED = "sync"
    CATCH_UP = "catch-up"
    PREVIEW = "preview"
    MATCH = "match"
    VERIFY = "verify"
    UNCOUPLE = "uncouple"
    CARRY = "carry"

    @property
    def command(self) -> str:
        """The name of the command that asks for it."""
        return {RunKind.PREVIEW: RunKind.FULL.value, RunKind.CARRY: "retry"}.get(self, self.value)


class RunState(StrEnum):
    """States of a command and of the run it started (DESIGN 6)."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    AWAITING_ANSWER = "awaiting_answer"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"

    @property
    def final(self) -> bool:
        return self in (RunState.DONE, RunState.FAILED, RunState.REFUSED)


class Keep(StrEnum):
    """The answer due at the end of a full synchronisation (DESIGN 5)."""

    KEEP = "keep"
    RESTORE = "restore"


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One direction of one mapping in one run. `published` is how many records its sweep has put on the topic;
    `swept` that there are no more to come. Finished when every published record has an outcome.

    A survey (match, verify, dry run) has `read` that many records of both sides, and `found` so many of each kind.
    """

    id: int
    run: str
    mapping: str
    direction: Direction
    state: JobState = JobState.WAITING
    started: datetime | None = None
    finished: datetime | None = None
    published: int = 0
    total: int | None = None
    swept: bool = False
    message: str = ""
    read: int = 0
    found: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[Outcome, int] = field(default_factory=dict)

    @property
    def settled(self) -> int:
        return sum(self.counters.values())

    @property
    def failed(self) -> int:
        """Records a person must look at: the original counts conflicts as failed."""
        return self.counters.get(Outcome.FAILED, 0) + self.counters.get(Outcome.CONFLICT, 0)


@dataclass(frozen=True, slots=True)
class Run:
    """One synchronisation, survey or uncoupling. `id` is the id of the command that asked for it.

    `cleared` names the mappings whose "only coupled" the run has off while it is running; it is what *restore*
    leaves as it was and *keep* turns off for good. Durable from the first moment (promise 6). `options` are those of
    the command that its kind of run has.
    """

    id: str
    kind: RunKind
    state: RunState
    mappings: tuple[str, ...]
    cleared: tuple[str, ...] = ()
    answer: Keep | None = None
    requested_by: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    error: Problem | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MappingState:
    """What may differ at run time from the mapping file. `only_coupled` None: as the file says."""

    name: str
    only_coupled: bool | None = None
    paused_at: datetime | None = None
    missed: bool = False
