"""What the web shows, and what it needs for that: a reader, a way to submit commands, and two questions of health."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from daemon.letters import PutBack
from daemon.metrics import Metrics
from daemon.store.blanks import Blank
from daemon.store.ended import Lately
from daemon.store.history import EndedRecord
from daemon.store.views import Failure, FailureCause
from daemon.tail import Tail
from daemon.web.access import Access
from daemon.web.wanted import Wanted, WantedJobs, WantedRecords, WantedRuns
from schemas.checkup import Checked
from schemas.command import Command
from schemas.errors import Problem
from schemas.explanation import Explanation
from schemas.holding import Alert
from schemas.job import Job, JobState, Run, RunState
from schemas.side import Direction, Side

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SideStatus:
    """`checked` None: no read of it has ended. `detail` says why a side is down, or how it is watched."""

    side: Side
    url: str
    up: bool
    detail: str = ""
    checked: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastRun:
    """The job that was begun last for a mapping, as a sweep of its records."""

    job: int
    state: JobState
    started: datetime | None
    finished: datetime | None
    failed: int


@dataclass(frozen=True, slots=True)
class MappingStatus:
    """A mapping as it is set right now. `lag` is the age in seconds of the oldest unapplied change, per direction;
    empty while the mapping is paused, since nobody reads what waits.

    `owes`: the commands still to run since the mapping was changed, each with the settings it is owed for.
    `blanks`: what went across empty for want of a record that is not coupled, a record's every field for itself.
    """

    name: str
    direction: Direction
    bc_table: str
    sales_table: str
    only_coupled: bool
    depends_on: tuple[str, ...] = ()
    live: bool = True
    paused_at: datetime | None = None
    couplings: int = 0
    failures: int = 0
    blanks: int = 0
    lag: Mapping[Direction, float] = field(default_factory=dict)
    owes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    last_run: LastRun | None = None


@dataclass(frozen=True, slots=True)
class Coupled:
    """A coupling as it is listed: `name` is the first text both sides agreed on, `references` what else the Business
    Central record is looked up by."""

    mapping: str
    bc_id: str
    sales_id: str
    name: str
    updated: datetime
    references: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """What became of a command; `run`: the run that it has begun, if it is one that does."""

    id: str
    command: str
    state: RunState
    received: datetime
    error: Problem | None = None
    run: str | None = None


# What an item's place in its list is told by, whatever comes before it: numbers and texts.
Spot = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, from `offset` on; `after` is the place of the last one if others follow, and `total` how many there
    are where it is known."""

    items: Sequence[T]
    offset: int = 0
    after: Spot | None = None
    total: int | None = None

    @property
    def more(self) -> bool:
        return self.after is not None


@dataclass(frozen=True, slots=True)
class Found:
    """What a match or a dry run has found of one record; `said` is all there is to say of it in a line."""

    kind: str
    direction: Direction
    bc_id: str | None
    sales_id: str | None
    label: str
    said: str
    detail: Mapping[str, Any]
    mapping: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message nobody could read, as `daemon.letter_rows` shows it; `stuck` says why it cannot be put back."""

    row: Mapping[str, Any]
    stuck: str = ""


@dataclass(frozen=True, slots=True)
class Causes:
    """A page of the causes, and how many records fail for all that there are."""

    page: Page[FailureCause]
    records: int


class Letters(Protocol):
    """The dead-letters topic. Unreachable if Kafka does not answer."""

    async def newest(self, limit: int, before: int | None = None, topic: str = "") -> Sequence[Letter]:
        """Newest first; of those before that letter, and of that topic, named with or without its prefix."""

    async def put_back(self, numbers: Collection[int]) -> Sequence[PutBack]:
        """The messages of the letters with these numbers, where they came from."""


class Reader(Protocol):
    """Everything the web reads. Jobs, runs and failures come newest first. A list goes on behind the place `after`."""

    async def sides(self) -> Sequence[SideStatus]: ...

    async def mappings(self) -> Sequence[MappingStatus]: ...

    @property
    def mapping_names(self) -> Sequence[str]:
        """In the order of the file; without a question to the store."""
        ...

    def ways(self, mapping: str) -> Sequence[Direction]:
        """In which a mapping carries; none if there is no such mapping any more."""
        ...

    async def definition(self, mapping: str) -> Mapping[str, Any] | None:
        """A mapping as its file has it, with the fields that are disabled; without a question to the store."""

    async def alerts(self, begun: datetime) -> Sequence[Alert]:
        """What the leader sees, or that there is none; the worst first. `begun`: when this worker was started."""
        ...

    async def dead_letters(self) -> Mapping[str, int]:
        """How many messages nobody could read, by topic, in the last day."""
        ...

    async def run(self, number: str) -> Run | None: ...

    async def runs_of(self, numbers: Collection[str]) -> Mapping[str, Run]:
        """Those with these ids, as far as they are there."""
        ...

    async def runs(self, wanted: WantedRuns, limit: int, after: Spot | None = None) -> Page[Run]: ...

    async def active_runs(self) -> Sequence[Run]:
        """All that are not over, oldest first."""

    async def run_jobs(self, run: str) -> Sequence[Job]:
        """The jobs of one run in the order they are done."""

    async def dry_runs(self) -> Mapping[str, Job]:
        """Of each mapping the job of its newest dry run, however far it is."""
        ...

    async def jobs(self, wanted: WantedJobs, offset: int, limit: int, after: Spot | None = None) -> Page[Job]: ...

    async def job(self, number: int) -> Job | None: ...

    async def failures(self, wanted: Wanted, offset: int, limit: int, after: Spot | None = None) -> Page[Failure]:
        """Open ones; of a job, also those resolved since."""

    async def causes(self, wanted: Wanted, offset: int, limit: int) -> Causes:
        """Open failures by cause, the most numerous first."""

    async def causes_page(self, wanted: Wanted, limit: int, after: Spot | None) -> Page[FailureCause]:
        """The same. Its later pages are of the failures that there were when the first was read."""

    async def failure_codes(self) -> Sequence[str]:
        """The codes that open failures have, in order."""

    async def blank_count(self, mapping: str | None = None) -> int:
        """None: of all mappings."""
        ...

    async def blanks(self, mapping: str | None, offset: int, limit: int, after: Spot | None = None) -> Page[Blank]:
        """What went across without a record that it names, in order of mapping, direction and id."""

    async def findings(
        self,
        job: int,
        kind: str | None,
        offset: int,
        limit: int,
        after: Spot | None = None,
        *,
        direction: Direction | None = None,
    ) -> Page[Found]:
        """What a job that only looked has found, in its order; None: of every kind, and of every direction."""

    async def run_findings(self, run: str, kind: str | None, limit: int, after: Spot | None) -> Page[Found]:
        """The same of all jobs of a run."""

    async def records(
        self, wanted: WantedRecords, offset: int, limit: int, after: Spot | None = None
    ) -> Page[EndedRecord]:
        """The newest first."""

    async def lately(self) -> Lately:
        """How changes have ended in the last 24 hours."""

    async def couplings(
        self, mapping: str | None, text: str, offset: int, limit: int, after: Spot | None = None
    ) -> Page[Coupled]:
        """Those whose ids or agreed values contain `text`."""

    async def command(self, number: str) -> CommandStatus | None: ...

    async def received(self, number: str) -> dict[str, Any] | None:
        """The command as it was received, if it was; empty if it could not be used."""


def _nothing_wrong() -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Services:
    """All that the web needs from the daemon.

    `submit` puts a command on the control topic and returns when Kafka has it. `stalled` names loops that no longer
    turn, `unready` what is not up yet; both empty when all is well. `summary` is shown as it is: no secrets. `notified`
    takes what Business Central sends, where webhooks are on. `tail` has what has just ended on this worker. `check`
    does what `coupled check` does, and only reads. `explain` says why a record is, or is not, in step (mapping, id or
    name): Refused if there is none, Unreachable if a side does not answer.
    """

    reader: Reader
    metrics: Metrics
    submit: Callable[[Command], Awaitable[None]]
    unready: Callable[[], Awaitable[Sequence[str]]]
    started: datetime
    stalled: Callable[[], Sequence[str]] = _nothing_wrong
    summary: Mapping[str, str] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    version: str = ""
    notified: Callable[[bytes], Awaitable[None]] | None = None
    tail: Tail = field(default_factory=lambda: Tail(""))
    explain: Callable[[str, str], Awaitable[Explanation]] = field(kw_only=True)
    letters: Letters | None = None
    check: Callable[[], Awaitable[Sequence[Checked]]] | None = None
