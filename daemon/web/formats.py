"""How numbers, moments and words are written on the console's pages."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from schemas.checkup import State
from schemas.job import Job, JobState, Keep, Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction
from schemas.survey import PLAIN, UNCOUPLED, Kind, by_kind, parted

_ARROWS = {Direction.TO_SALES: "BC → Sales", Direction.TO_BC: "Sales → BC", Direction.BOTH: "BC ↔ Sales"}
_TONES = {
    RunState.ACCEPTED: "busy",
    RunState.RUNNING: "busy",
    RunState.AWAITING_ANSWER: "warn",
    RunState.DONE: "ok",
    RunState.FAILED: "bad",
    RunState.REFUSED: "bad",
    JobState.WAITING: "idle",
    JobState.RUNNING: "busy",
    JobState.FINISHED: "ok",
    JobState.FAILED: "bad",
    State.OK: "ok",
    State.NOT_TRIED: "idle",
    State.WARNING: "warn",
    State.ERROR: "bad",
}
_FAILURE_TONES = {"retrying": "busy", "waiting": "busy", "conflict": "warn", "skipped": "idle", "resolved": "ok"}
_LISTED = frozenset(Kind) - frozenset(PLAIN)
_COLUMNS = ("inserted", "modified", "deleted", "coupled", "uncoupled", "unchanged", "skipped", "ignored")
_LOOKING = (RunKind.PREVIEW, RunKind.MATCH, RunKind.VERIFY)
_RARE = ("deleted", "uncoupled", "skipped", "ignored")
# What a dry run has found, as it stands behind a number.
_FORETOLD = {
    Kind.INSERT: "to insert",
    Kind.COUPLE: "to couple",
    Kind.MODIFY: "to modify",
    Kind.SKIP: "to skip",
    Kind.UNCOUPLE: "to uncouple",
    Kind.FAIL: "would fail",
    Kind.CONFLICT: "in conflict",
    Kind.DUPLICATE: "like duplicates",
}
_KINDS = {
    "full-sync": "Full synchronisation",
    "sync": "Modified records",
    "catch-up": "Catch-up",
    "preview": "Dry run",
    "match": "Match",
    "verify": "Comparison",
    "uncouple": "Uncoupling",
    "carry": "One side’s values",
}


def number(value: float | None) -> str:
    """1234567 as 1 234 567, with thin spaces that do not break."""
    return "–" if value is None else f"{value:,.0f}".replace(",", "\u202f")


def span(seconds: float | None) -> str:
    """A length of time in the two units that matter."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = int(seconds)
    for size, unit, below, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def moment(value: datetime | None) -> Markup | str:
    """UTC in the page; the script writes it in the reader's own zone."""
    if value is None:
        return "–"
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC")


def moment_of(text: str) -> Markup | str:
    """As `moment`, of a moment in ISO 8601."""
    return moment(datetime.fromisoformat(text))


def clock(value: datetime) -> str:
    """The time of day, in UTC."""
    return f"{value.astimezone(UTC):%H:%M} UTC"


def arrow(direction: Direction) -> str:
    return _ARROWS[direction]


def tone(state: RunState | JobState | State) -> str:
    """The colour class of a state; its text is always written too."""
    return _TONES[state]


def failure_tone(state: str) -> str:
    return _FAILURE_TONES.get(state, "bad")


def words(value: str) -> str:
    """awaiting_answer as "awaiting answer"."""
    return str(value).replace("_", " ")


def kind(run: Run) -> str:
    return _KINDS.get(run.kind.value, run.kind.value)


def told(kind: str, run: Run | None) -> str:
    """A kind of finding as it stands behind a number: what was done, or what a dry run says that would be."""
    for side, uncoupled in UNCOUPLED.items():
        if kind == uncoupled:
            return f"uncoupled in {side.label}"
    foretold = run is not None and run.kind is RunKind.PREVIEW and kind in list(Kind)
    return _FORETOLD.get(Kind(kind), words(kind)) if foretold else words(kind)


def only_looks(job: Job, run: Run | None) -> bool:
    """Has a job only read, and written nothing? Then it is told by what it has found."""
    return run is not None and run.kind in _LOOKING and not job.settled


def took(item: Job | Run) -> str:
    if item.started is None:
        return "–"
    return span(((item.finished or datetime.now(UTC)) - item.started).total_seconds())


def count(job: Job, outcome: str) -> int:
    """A counter as the original shows it: conflicts are failures."""
    return job.failed if outcome == Outcome.FAILED else job.counters.get(Outcome(outcome), 0)


def run_columns(jobs: Sequence[Job]) -> list[str]:
    """How the records of a run's jobs have ended, but for those that failed: every outcome is in one of them."""
    there = {outcome.value for job in jobs for outcome, number in job.counters.items() if number}
    return [each for each in _COLUMNS if each not in _RARE or each in there]


def whole(job: Job) -> int:
    """How many records a job is about, as far as is known; never fewer than it is through with."""
    return max(job.total if job.total is not None else job.published, job.read or job.settled)


def found(job: Job) -> list[tuple[str, int]]:
    """What a job that only looked has found, by kind."""
    return [(kind, count) for kind, count in by_kind(job.found).items() if count]


def listed(kind: str) -> bool:
    """Is it a kind of findings, and no sum of several?"""
    return kind in list(Kind)


def has_listed(found: Mapping[str, int]) -> bool:
    """Is there any among what a job has found that the list of all findings has?"""
    return any(count and parted(key)[1] in _LISTED for key, count in found.items())


def percent(job: Job) -> int | None:
    """How much of a job is done; None while nobody knows how much there is."""
    if job.state is JobState.FINISHED:
        return 100
    whole = job.total if job.total is not None else (job.published if job.swept else None)
    if whole is None:
        return None
    return min(99, (job.read or job.settled) * 100 // whole) if whole else 0


def rate(job: Job) -> float | None:
    """Records per second so far."""
    if job.started is None:
        return None
    seconds = ((job.finished or datetime.now(UTC)) - job.started).total_seconds()
    return (job.read or job.settled) / seconds if seconds >= 1 else None


def answer(value: Keep | None) -> str:
    return {Keep.KEEP: "keep", Keep.RESTORE: "restore", None: "asked at the end"}[value]


def ticked(text: str) -> Markup:
    """What stands between backticks as code."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(one) if at % 2 else one for at, one in enumerate(parts))


_FILTERS = (
    number,
    span,
    moment,
    moment_of,
    clock,
    arrow,
    tone,
    failure_tone,
    words,
    kind,
    took,
    count,
    run_columns,
    whole,
    told,
    only_looks,
    found,
    listed,
    has_listed,
    percent,
    rate,
    answer,
    ticked,
)
FILTERS: dict[str, Callable[..., Any]] = {each.__name__: each for each in _FILTERS}
